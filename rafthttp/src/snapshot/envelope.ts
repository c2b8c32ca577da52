import { encodeMessage, type Message, MessageType } from '@raft-ts/proto';
import { type MessageHead } from '@raft-ts/proto/internal';
import { MAX_ENVELOPE_BYTES, MAX_METADATA_BYTES, MAX_UNKNOWN_BYTES } from '../base/limits.js';
import { writePosition } from '../codec/big-endian.js';
import { ByteQueue } from '../codec/byte-queue.js';
import { decodeJudged, readSize, streamError } from '../codec/stream-codec.js';

/**
 * Encodes the envelope of a streamed snapshot: eight bytes of length, big-endian, then the MsgSnap. The body follows.
 */
export function encodeEnvelope(message: Message): Buffer {
  const frame = encodeMessage(message, 8);
  writePosition(frame, 0, frame.length - 8);
  return Buffer.from(frame.buffer, frame.byteOffset, frame.length);
}

/** Decodes the envelope at the beginning of the bytes, which come in chunks of any size. */
export class EnvelopeDecoder {
  private readonly limit: number;
  private readonly queue = new ByteQueue();
  private size: number | undefined;

  /** @param limit longest message, in bytes */
  constructor(limit: number = MAX_ENVELOPE_BYTES) {
    this.limit = limit;
  }

  /**
   * Returns the message and the first bytes of the body, once this chunk completes the envelope. Throws
   * `ERR_RAFT_STREAM` if the bytes are malformed. Must not be called after either.
   */
  push(chunk: Uint8Array): { message: Message; rest: Uint8Array } | undefined {
    this.queue.push(chunk);
    if (this.size === undefined) {
      const head = this.queue.take(8);
      if (head === undefined) return undefined;
      this.size = readSize(head, this.limit);
    }
    if (!this.queue.next(this.size)) return undefined;
    return { message: decodeJudged(this.queue, headFault), rest: this.queue.takeRest() };
  }

  /** The bytes have ended before the envelope was complete: always throws, with etcd's text. */
  end(): never {
    throw streamError('cut', this.size === undefined && this.queue.length === 0 ? 'EOF' : 'unexpected EOF');
  }
}

/** Returns why this cannot be a snapshot's envelope, before any of it is built; undefined if it can. */
function headFault({ type, entries, responses, metadataBytes, unknownBytes }: MessageHead): string | undefined {
  if (type !== MessageType.MsgSnap) return 'wrong raft message type';
  if (entries > 0 || responses > 0) return 'entries or responses beside a snapshot';
  if (metadataBytes > MAX_METADATA_BYTES) return 'snapshot of too many members';
  if (unknownBytes > MAX_UNKNOWN_BYTES) return 'too many unknown fields';
  return undefined;
}

/** Returns why this snapshot must not be stored, whatever its body; undefined if it may be. */
export function envelopeFault({ type, term, snapshot }: Message): string | undefined {
  if (type !== MessageType.MsgSnap) return 'wrong raft message type';
  if (snapshot === undefined) return 'no snapshot';
  const { metadata } = snapshot;
  if (metadata.index < 1) return 'snapshot without an index';
  if (metadata.term < 1 || metadata.term > term) return 'snapshot of a wrong term';
  if (metadata.confState.voters.length === 0) return 'snapshot without voters';
  return undefined;
}

/** Returns the index of a message's snapshot. */
export function indexOf(message: Message): number {
  return message.snapshot?.metadata.index ?? 0;
}
