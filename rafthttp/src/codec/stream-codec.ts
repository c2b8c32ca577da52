import { type Message, MessageType, NONE, newMessage, RaftError } from '@raft-ts/proto';

/** Turns messages into the bytes of one stream. One object per connection, because a stream has a state. */
export interface StreamEncoder {
  /**
   * Append the bytes of this message to `out`, and return how many they are. When it throws (a position out of range),
   * `out` and the stream's state are as before.
   */
  encode(message: Message, out: Uint8Array[]): number;
  /** Append the bytes of a link heartbeat. */
  encodeHeartbeat(out: Uint8Array[]): number;
}

/** Turns the bytes of one stream, in chunks of any size, into messages. Link heartbeats are among them. */
export interface StreamDecoder {
  /**
   * The messages that end within this chunk. Throws `ERR_RAFT_STREAM`, after the messages before the fault, when the
   * bytes are not what such a stream holds; nothing more can be read from the stream then.
   */
  push(chunk: Uint8Array): Iterable<Message>;
  /** The stream has ended. Throws `ERR_RAFT_STREAM` with reason `cut` when it did so inside a record. */
  end(): void;
}

/** What can be wrong with a stream. */
export type StreamFault = 'limit' | 'type' | 'malformed' | 'cut';

export function streamError(reason: StreamFault, message: string, cause?: unknown): RaftError {
  return new RaftError('ERR_RAFT_STREAM', message, { reason, cause });
}

/** Keeps a silent stream alive. Raft's own heartbeats always have a sender. */
export function isLinkHeartbeat(message: Message): boolean {
  return message.type === MessageType.MsgHeartbeat && message.from === NONE && message.to === NONE;
}

/** The message that stands for a link heartbeat. */
export const linkHeartbeat: Message = Object.freeze(newMessage(MessageType.MsgHeartbeat, NONE));

/** The size that these eight bytes announce, big-endian. Throws above the limit, and so for every size above 2^53. */
export function readSize(bytes: Uint8Array, limit: number): number {
  const size = readPosition(bytes);
  if (size > limit) throw streamError('limit', `rafthttp: error limit exceeded: ${size} > ${limit}`);
  return size;
}

/** These eight bytes as a number, big-endian; inexact above 2^53. */
export function readPosition(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return view.getUint32(0) * 2 ** 32 + view.getUint32(4);
}

/** `value` as eight bytes, big-endian, at this offset. */
export function writePosition(bytes: Uint8Array, offset: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 8);
  view.setUint32(0, Math.floor(value / 2 ** 32));
  view.setUint32(4, value >>> 0);
}

/** `decode(bytes)`, with what it throws turned into a fault of the stream. */
export function decodeWith<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
  try {
    return decode(bytes);
  } catch (error) {
    throw streamError('malformed', `rafthttp: cannot decode a record: ${String(error)}`, error);
  }
}
