import {
  decodeEntry,
  type Entry,
  entrySize,
  MAX_POSITION,
  type Message,
  MessageType,
  messageSize,
  type NodeId,
  newMessage,
} from '@raft-ts/proto';
import { decodeEntryView, encodeEntryHeadInto, encodeEntryInto, encodeMessageInto } from '@raft-ts/proto/internal';
import { LARGE_PART_BYTES, MAX_APPEND_ENTRIES, MAX_MESSAGE_BYTES } from '../base/limits.js';
import { writePosition } from './big-endian.js';
import { ByteQueue } from './byte-queue.js';
import {
  checkSize,
  decodeJudged,
  decodeWith,
  type Judge,
  judgeNothing,
  linkHeartbeat,
  type StreamDecoder,
  type StreamEncoder,
  streamError,
} from './stream-codec.js';
import type { WriteBuffer } from './write-buffer.js';

/** The first byte of each record of a `msgapp` stream (etcd's msgappv2). */
const RecordType = { heartbeat: 0, entries: 1, message: 2 } as const;

/**
 * Position of a stream of appends in the log: the term and the last index that were sent. Both sides keep it, so that
 * an append that continues from there needs neither ids nor positions. It starts at zero on every connection.
 */
class AppendCursor {
  term = 0;
  index = 0;

  /** Does this append continue from here, so that entries and commit are enough? */
  continues(message: Message): boolean {
    return message.index === this.index && message.logTerm === this.term && message.term === this.term;
  }

  moveTo(message: Message): void {
    this.term = message.term;
    this.index = message.entries.at(-1)?.index ?? message.index;
  }
}

/** The `msgapp` stream. Carries only MsgApp: the short form drops the type and all other fields. */
export class MsgAppEncoder implements StreamEncoder {
  private readonly cursor = new AppendCursor();

  encode(message: Message, out: WriteBuffer): void {
    if (this.cursor.continues(message)) this.encodeEntries(message, out);
    else this.encodeFull(message, out);
  }

  encodeHeartbeat(out: WriteBuffer): void {
    out.room(1)[out.at] = RecordType.heartbeat;
    out.advanceTo(out.at + 1);
  }

  /** Adds large data to `out` without copying it, because entries do not change. */
  private encodeEntries({ entries, commit }: Message, out: WriteBuffer): void {
    let length = 1 + 8 + 8;
    let large = 0;
    for (const entry of entries) {
      length += 8 + entrySize(entry);
      if (isLarge(entry)) large += entry.data.length;
    }
    const memory = out.room(length - large);
    const start = out.at;
    memory[start] = RecordType.entries;
    writePosition(memory, start + 1, entries.length);
    let at = start + 1 + 8;
    const heads: { readonly end: number; readonly data: Uint8Array }[] = [];
    for (const entry of entries) {
      let end: number;
      if (isLarge(entry)) {
        const { data } = entry;
        end = encodeEntryHeadInto(entry, memory, at + 8);
        writePosition(memory, at, end - at - 8 + data.length);
        heads.push({ end, data });
      } else {
        end = encodeEntryInto(entry, memory, at + 8);
        writePosition(memory, at, end - at - 8);
      }
      at = end;
    }
    writePosition(memory, at, commit);
    // Only now, so that if something above has thrown nothing has happened.
    for (const { end, data } of heads) {
      out.advanceTo(end);
      out.add(data);
    }
    out.advanceTo(at + 8);
    this.cursor.index += entries.length;
  }

  private encodeFull(message: Message, out: WriteBuffer): void {
    const size = messageSize(message);
    const memory = out.room(1 + 8 + size);
    const { at } = out;
    const end = encodeMessageInto(message, memory, at + 1 + 8);
    memory[at] = RecordType.message;
    writePosition(memory, at + 1, size);
    out.advanceTo(end);
    this.cursor.moveTo(message);
  }
}

/** Is passing on this entry's data cheaper than copying it? */
function isLarge(entry: Entry): entry is Entry & { readonly data: Uint8Array } {
  return entry.data !== undefined && entry.data.length >= LARGE_PART_BYTES;
}

/** More bytes are needed. */
const starved: unique symbol = Symbol('starved');

/** What comes next on the stream; the length of each part is known before it arrives. */
type Part = 'type' | 'message-size' | 'message' | 'count' | 'entry-size' | 'entry' | 'commit';

export class MsgAppDecoder implements StreamDecoder {
  private readonly from: NodeId;
  private readonly to: NodeId;
  private readonly limit: number;
  private readonly judge: Judge;
  private readonly cursor = new AppendCursor();
  private readonly queue = new ByteQueue();
  private part: Part = 'type';
  /** Length of that part, in bytes. */
  private size = 1;
  /** Number of entries of the record still to come, and those that have arrived. */
  private missing = 0;
  private entries: Entry[] = [];
  /** Bytes of the record's entries so far. */
  private bytes = 0;

  /**
   * @param from the member that writes the stream
   * @param to this member
   * @param limit longest record, in bytes
   */
  constructor(from: NodeId, to: NodeId, limit: number = MAX_MESSAGE_BYTES, judge: Judge = judgeNothing) {
    this.from = from;
    this.to = to;
    this.limit = limit;
    this.judge = judge;
  }

  *push(chunk: Uint8Array): Generator<Message, void> {
    this.queue.push(chunk);
    for (;;) {
      const message = this.part === 'message' || this.part === 'entry' ? this.takeRecord() : this.takeNumber();
      if (message === starved) return;
      if (message !== undefined) yield message;
    }
  }

  end(): void {
    if (this.part !== 'type') throw streamError('cut', 'unexpected EOF');
  }

  /** Takes the next message or entry, once it has arrived; returns the message that it completes. */
  private takeRecord(): Message | undefined | typeof starved {
    const { queue } = this;
    if (!queue.next(this.size)) return starved;
    if (this.part === 'message') {
      const message = decodeJudged(queue, this.judge);
      this.cursor.moveTo(message);
      this.expect('type', 1);
      return message;
    }
    // A long entry that was gathered from chunks has its memory to itself.
    this.entries.push(decodeWith(queue.own ? decodeEntryView : decodeEntry, queue));
    this.missing--;
    return this.expectEntry();
  }

  /** As above, for numeric parts. */
  private takeNumber(): Message | undefined | typeof starved {
    const number = this.queue.takeNumber(this.size);
    if (number === undefined) return starved;
    switch (this.part) {
      case 'type':
        return this.readType(number);
      case 'message-size':
        return this.expect('message', checkSize(number, this.limit));
      case 'count':
        this.missing = checkSize(number, MAX_APPEND_ENTRIES);
        this.entries = [];
        this.bytes = 0;
        return this.expectEntry();
      case 'entry-size':
        checkSize(number, this.limit - this.bytes);
        this.bytes += number;
        return this.expect('entry', number);
      default:
        this.expect('type', 1);
        return this.append(number);
    }
  }

  private readType(type: number): Message | undefined {
    switch (type) {
      case RecordType.heartbeat:
        return linkHeartbeat;
      case RecordType.entries:
        return this.expect('count', 8);
      case RecordType.message:
        return this.expect('message-size', 8);
      default:
        throw streamError('type', `failed to parse type ${type} in msgappv2 stream`);
    }
  }

  private expect(part: Part, size: number): undefined {
    this.part = part;
    this.size = size;
  }

  private expectEntry(): undefined {
    if (this.missing > 0) this.expect('entry-size', 8);
    else this.expect('commit', 8);
  }

  private append(commit: number): Message {
    const { cursor } = this;
    const next = cursor.index + this.entries.length;
    if (commit > MAX_POSITION || next > MAX_POSITION) {
      throw streamError('malformed', 'a position above 2^53 - 1 in msgappv2 stream');
    }
    const message = newMessage(MessageType.MsgApp, this.to);
    message.from = this.from;
    message.term = cursor.term;
    message.logTerm = cursor.term;
    message.index = cursor.index;
    message.entries = this.entries;
    message.commit = commit;
    cursor.index = next;
    return message;
  }
}
