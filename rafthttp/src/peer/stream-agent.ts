import { Agent } from 'node:http';
import { createConnection, type NetConnectOpts, type Socket } from 'node:net';
import { READ_BYTES } from '../base/limits.js';

/**
 * Opens connections that read into one piece of memory, again and again. Node.js otherwise takes new memory for
 * whatever arrives, which long entries feel. Its parser of HTTP hands on copies, and none of the memory itself.
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
