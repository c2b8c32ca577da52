import { decodeMessage, type Message, MessageType, NONE, newMessage, RaftError } from '@raft-ts/proto';
import { hasCode, type MessageHead, surveyMessage } from '@raft-ts/proto/internal';
import { ERR_STREAM } from '../base/errors.js';
import { SURVEY_FROM_BYTES } from '../base/limits.js';
import { readPosition } from './big-endian.js';
import type { ByteQueue, Run } from './byte-queue.js';
import type { WriteBuffer } from './write-buffer.js';

/** Encodes messages for one stream. One object per connection, because a stream has state. */
export interface StreamEncoder {
  /**
   * Appends the bytes of this message to `out`. If it throws (a position out of range), `out` and the stream's state
   * are as before.
   */
  encode(message: Message, out: WriteBuffer): void;
  /** Appends the bytes of a link heartbeat. */
  encodeHeartbeat(out: WriteBuffer): void;
}

/** Decodes the bytes of one stream, in chunks of any size, into messages, including link heartbeats. */
export interface StreamDecoder {
  /**
   * Yields the messages that end within this chunk. Throws `ERR_RAFT_STREAM`, after the messages before the fault, if
   * the bytes are malformed; nothing more can be read from the stream then.
   */
  push(chunk: Uint8Array): Iterable<Message>;
  /** The stream has ended. Throws `ERR_RAFT_STREAM` with reason `cut` if it ended inside a record. */
  end(): void;
}

/** What can be wrong with a stream. */
export type StreamFault = 'limit' | 'type' | 'malformed' | 'refused' | 'cut';

export function streamError(reason: StreamFault, message: string, cause?: unknown): RaftError {
  return new RaftError(ERR_STREAM, message, { reason, cause });
}

/** Does this message only keep a silent stream alive? Raft's own heartbeats always have a sender. */
export function isLinkHeartbeat(message: Message): boolean {
  return message.type === MessageType.MsgHeartbeat && message.from === NONE && message.to === NONE;
}

/** The message that stands for a link heartbeat. */
export const linkHeartbeat: Message = Object.freeze(newMessage(MessageType.MsgHeartbeat, NONE));

/** Reads the size in these eight bytes, big-endian. Throws above the limit, and so for every size above 2^53. */
export function readSize(bytes: Uint8Array, limit: number): number {
  return checkSize(readPosition(bytes), limit);
}

/** Checks a size that has been read already. */
export function checkSize(size: number, limit: number): number {
  if (size > limit) throw streamError('limit', `rafthttp: error limit exceeded: ${size} > ${limit}`);
  return size;
}

/** Decodes the bytes [start, end). */
export type Decode<T> = (bytes: Uint8Array, start: number, end: number) => T;

/** Decodes these bytes; turns what `decode` throws into a fault of the stream. */
export function decodeWith<T>(decode: Decode<T>, { bytes, start, end }: Run): T {
  try {
    return decode(bytes, start, end);
  } catch (error) {
    if (hasCode(error, ERR_STREAM)) throw error;
    // Includes the error's name, because the text is part of answers.
    throw streamError('malformed', `rafthttp: cannot decode a record: ${String(error)}`, error);
  }
}

/** Returns why a message must not be decoded, judging by its head; undefined if it may be. */
export type Judge = (head: MessageHead) => string | undefined;

/**
 * Decodes the message that `queue` has found. A long one is judged before any of it is built; no correct member sends
 * what is refused then, so it ends the stream.
 */
export function decodeJudged(queue: ByteQueue, judge: Judge): Message {
  return decodeWith((bytes, start, end) => {
    if (end - start >= SURVEY_FROM_BYTES) {
      const { value } = surveyMessage(bytes, end - start, start, end).next();
      const refusal = value === undefined ? undefined : judge(value);
      if (refusal !== undefined) throw streamError('refused', refusal);
    }
    return decodeMessage(bytes, start, end, queue.own);
  }, queue);
}

/** Accepts every message. */
export const judgeNothing: Judge = () => undefined;
