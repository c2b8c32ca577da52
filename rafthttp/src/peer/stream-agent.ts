import { Agent } from 'node:http';
import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { READ_BYTES } from '../base/limits.js';

/**
 * Opens connections that read into the same buffer again and again. Node.js would otherwise allocate memory for
 * whatever arrives, which slows down long entries. Its HTTP parser passes on copies, never this buffer.
 */
export class StreamAgent extends Agent {
  override createConnection(options: NetConnectOpts): Socket {
    const socket: Socket = createConnection({
      ...options,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BYTES),
        callback: (length, bytes) => {
          socket.emit('data', bytes.subarray(0, length));
          return true;
        },
      },
    });
    return socket;
  }
}
