import { decodeMessage, encodeMessage, type Message } from '@raft-ts/proto';
import { MAX_MESSAGE_BYTES } from '../limits.js';
import { ByteQueue } from './byte-queue.js';
import {
  checkSize,
  decodeWith,
  linkHeartbeat,
  type StreamDecoder,
  type StreamEncoder,
  streamError,
  writePosition,
} from './stream-codec.js';

/** The `message` stream: eight bytes of length, big-endian, then the message. */
export class MessageEncoder implements StreamEncoder {
  encode(message: Message, out: Uint8Array[]): number {
    const frame = encodeMessage(message, 8);
    writePosition(frame, 0, frame.length - 8);
    out.push(frame);
    return frame.length;
  }

  encodeHeartbeat(out: Uint8Array[]): number {
    return this.encode(linkHeartbeat, out);
  }
}

export class MessageDecoder implements StreamDecoder {
  private readonly limit: number;
  private readonly queue = new ByteQueue();
  /** Length of the message whose bytes come next; undefined when its length does. */
  private size: number | undefined;

  /** @param limit longest message, in bytes */
  constructor(limit: number = MAX_MESSAGE_BYTES) {
    this.limit = limit;
  }

  *push(chunk: Uint8Array): Generator<Message, void> {
    this.queue.push(chunk);
    for (;;) {
      if (this.size === undefined) {
        const size = this.queue.takeNumber(8);
        if (size === undefined) return;
        this.size = checkSize(size, this.limit);
      }
      const body = this.queue.take(this.size);
      if (body === undefined) return;
      this.size = undefined;
      yield decodeWith(decodeMessage, body);
    }
  }

  end(): void {
    if (this.size !== undefined || this.queue.length > 0) throw streamError('cut', 'unexpected EOF');
  }
}
