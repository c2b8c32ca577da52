import { type Message, messageSize } from '@raft-ts/proto';
import { encodeMessageInto } from '@raft-ts/proto/internal';
import { MAX_MESSAGE_BYTES } from '../base/limits.js';
import { writePosition } from './big-endian.js';
import { ByteQueue } from './byte-queue.js';
import {
  checkSize,
  decodeJudged,
  type Judge,
  judgeNothing,
  linkHeartbeat,
  type StreamDecoder,
  type StreamEncoder,
  streamError,
} from './stream-codec.js';
import type { WriteBuffer } from './write-buffer.js';

/** The `message` stream: eight bytes of length, big-endian, then the message. */
export class MessageEncoder implements StreamEncoder {
  encode(message: Message, out: WriteBuffer): void {
    const size = messageSize(message);
    const memory = out.room(8 + size);
    const { at } = out;
    const end = encodeMessageInto(message, memory, at + 8);
    writePosition(memory, at, size);
    out.advanceTo(end);
  }

  encodeHeartbeat(out: WriteBuffer): void {
    this.encode(linkHeartbeat, out);
  }
}

export class MessageDecoder implements StreamDecoder {
  private readonly limit: number;
  private readonly judge: Judge;
  private readonly queue = new ByteQueue();
  /** Length of the message that comes next; undefined if its length comes next. */
  private size: number | undefined;

  /** @param limit longest message, in bytes */
  constructor(limit: number = MAX_MESSAGE_BYTES, judge: Judge = judgeNothing) {
    this.limit = limit;
    this.judge = judge;
  }

  *push(chunk: Uint8Array): Generator<Message, void> {
    this.queue.push(chunk);
    for (;;) {
      if (this.size === undefined) {
        const size = this.queue.takeNumber(8);
        if (size === undefined) return;
        this.size = checkSize(size, this.limit);
      }
      if (!this.queue.next(this.size)) return;
      this.size = undefined;
      yield decodeJudged(this.queue, this.judge);
    }
  }

  end(): void {
    if (this.size !== undefined || this.queue.length > 0) throw streamError('cut', 'unexpected EOF');
  }
}
