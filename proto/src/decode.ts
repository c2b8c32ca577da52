/**
 * Decodes records. Absent fields read as zero, the last value of a repeated scalar counts, unknown fields and fields of
 * the wrong wire type are skipped, and every byte string is a copy.
 */
import { MAX_ENTRIES, MAX_FIELDS, MAX_RESPONSES } from './codes.js';
import { readSnapshot, type Unfinished } from './decode-snapshot.js';
import {
  type Entry,
  type EntryType,
  emptySnapshot,
  type HardState,
  type Message,
  MessageType,
  NONE,
  newMessage,
  type Snapshot,
} from './records.js';
import { snapshotSize } from './size.js';
import { copyBytes } from './slab.js';
import {
  checkDepth,
  closeReader,
  enterRecord,
  leaveRecord,
  newReader,
  openReader,
  type Reader,
  type Region,
  readBool,
  readId,
  readLength,
  readLongBytes,
  readOptionalBytes,
  readPosition,
  readTag,
  readType,
  readView,
  skipField,
  tooMany,
} from './wire-reader.js';

/** State shared by the parts of one message while it is read. */
interface Reading {
  /** The memory under the message's bytes, if the message may keep it. */
  readonly kept: Region | undefined;
  /** Entries and nested messages so far, at all levels together. */
  entries: number;
  responses: number;
}

/** Reads an entry. Its data is a view of `region`, if given; else a copy, or, if very long, a view of `kept`. */
function readEntry(r: Reader, region: Region | undefined, kept?: Region): Entry {
  let type: EntryType | undefined;
  let term = 0;
  let index = 0;
  let data: Uint8Array | undefined;
  let fields = 0;
  while (r.pos < r.len) {
    if (++fields > MAX_FIELDS) throw tooMany(r, 'fields in an entry', MAX_FIELDS);
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        type = readType(r) as EntryType;
        break;
      case 0x10:
        term = readPosition(r, 'Entry.term');
        break;
      case 0x18:
        index = readPosition(r, 'Entry.index');
        break;
      case 0x22:
        data = region === undefined ? readLongBytes(r, kept) : readView(r, region);
        break;
      default:
        skipField(r, tag);
    }
  }
  return { type, term, index, data };
}

/**
 * How much memory the entries of one message may share, in bytes. One copy for all of them is twice as fast as one for
 * each; the price is that a retained entry retains this much of its neighbours, which are mostly in the same log.
 */
const LARGEST_REGION = 32_768;

/** Reads the entry whose tag has just been read, and those that directly follow it and share its memory. */
function readEntries(r: Reader, entries: Entry[], reading: Reading): void {
  const { buf, len, pos: start } = r;
  let end = start;
  let count = 0;
  for (;;) {
    const length = readLength(r);
    const next = r.pos + length;
    if (count > 0 && next - start > LARGEST_REGION) break;
    end = next;
    count++;
    if (end >= len || buf[end] !== 0x3a) break;
    r.pos = end + 1;
  }
  reading.entries += count;
  if (reading.entries > MAX_ENTRIES) throw tooMany(r, 'entries in a message', MAX_ENTRIES);
  if (count === 1) {
    r.pos = start;
    const outer = enterRecord(r);
    entries.push(readEntry(r, undefined, reading.kept));
    leaveRecord(r, outer);
    return;
  }
  const copy = copyBytes(buf, start, end);
  const inner = newReader(copy);
  const region = { buffer: copy.buffer, start: copy.byteOffset };
  for (;;) {
    const outer = enterRecord(inner);
    entries.push(readEntry(inner, region));
    leaveRecord(inner, outer);
    if (inner.pos >= inner.len) break;
    // Skips the tag of the next entry.
    inner.pos++;
  }
  r.pos = end;
}

function readNestedSnapshot(r: Reader, into: Unfinished<Snapshot>, kept: Region | undefined): void {
  const outer = enterRecord(r);
  readSnapshot(r, into, kept);
  leaveRecord(r, outer);
}

function readResponse(r: Reader, reading: Reading, depth: number): Message {
  checkDepth(r, depth);
  if (++reading.responses > MAX_RESPONSES) throw tooMany(r, 'responses in a message', MAX_RESPONSES);
  const outer = enterRecord(r);
  const response = newMessage(MessageType.MsgHup, NONE);
  readFields(r, response, r.len, reading, depth);
  dropEmptySnapshot(response);
  leaveRecord(r, outer);
  return response;
}

/** Reads the fields that begin before `stop` into `m`, which holds those that came before. */
function readFields(r: Reader, m: Message, stop: number, reading: Reading, depth: number): void {
  const { kept } = reading;
  let entries = m.entries.length > 0 ? (m.entries as Entry[]) : undefined;
  let responses = m.responses.length > 0 ? (m.responses as Message[]) : undefined;
  while (r.pos < stop) {
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        m.type = readType(r) as MessageType;
        break;
      case 0x10:
        m.to = readId(r);
        break;
      case 0x18:
        m.from = readId(r);
        break;
      case 0x20:
        m.term = readPosition(r, 'Message.term');
        break;
      case 0x28:
        m.logTerm = readPosition(r, 'Message.logTerm');
        break;
      case 0x30:
        m.index = readPosition(r, 'Message.index');
        break;
      case 0x3a:
        if (entries === undefined) m.entries = entries = [];
        readEntries(r, entries, reading);
        break;
      case 0x40:
        m.commit = readPosition(r, 'Message.commit');
        break;
      case 0x4a:
        m.snapshot ??= emptySnapshot();
        readNestedSnapshot(r, m.snapshot, kept);
        break;
      case 0x50:
        m.reject = readBool(r);
        break;
      case 0x58:
        m.rejectHint = readPosition(r, 'Message.rejectHint');
        break;
      case 0x62:
        m.context = readOptionalBytes(r, kept);
        break;
      case 0x68:
        m.vote = readId(r);
        break;
      case 0x72:
        if (responses === undefined) m.responses = responses = [];
        responses.push(readResponse(r, reading, depth + 1));
        break;
      default:
        skipField(r, tag);
    }
  }
}

/** Members up to etcd 3.5 put an empty snapshot into every message. */
function dropEmptySnapshot(m: Message): void {
  if (m.snapshot !== undefined && m.type !== MessageType.MsgSnap && snapshotSize(m.snapshot) === 0) {
    m.snapshot = undefined;
  }
}

/**
 * Reads one message from [start, end) of `bytes`, by default all of them, in the format of any etcd release from 3.5
 * on. The message shares no memory with `bytes`. Adjacent entries of a message share a copy, in pieces of up to 32 KiB;
 * other byte strings of 65 bytes to 2 KiB share slabs of 8 KiB. So whatever is retained retains at most 32 KiB of its
 * neighbours.
 *
 * @param keeps whether byte strings of more than 32 MiB may be views of `bytes`, which must not change afterwards
 * @throws RaftError `ERR_RAFT_DECODE` if the bytes are not a message (`reason` says why), `ERR_RAFT_POSITION_RANGE`
 * (`reason`: the field) for a position above 2^53 - 1.
 */
export function decodeMessage(bytes: Uint8Array, start = 0, end: number = bytes.length, keeps = false): Message {
  const m = newMessage(MessageType.MsgHup, NONE);
  try {
    readFields(openReader(bytes, start, end), m, end, readingOf(bytes, keeps), 0);
  } finally {
    closeReader();
  }
  dropEmptySnapshot(m);
  return m;
}

/**
 * Decodes a message as `decodeMessage` does, but yields after about every `turnBytes` bytes, so that a long message
 * does not block everything else. Byte strings of more than 32 MiB are views.
 */
export function* decodeMessageInTurns(bytes: Uint8Array, turnBytes: number): Generator<void, Message> {
  const m = newMessage(MessageType.MsgHup, NONE);
  const r = newReader(bytes);
  const reading = readingOf(bytes, true);
  for (;;) {
    readFields(r, m, Math.min(r.len, r.pos + turnBytes), reading, 0);
    if (r.pos >= r.len) break;
    yield;
  }
  dropEmptySnapshot(m);
  return m;
}

function readingOf({ buffer, byteOffset }: Uint8Array, keeps: boolean): Reading {
  return { kept: keeps ? { buffer, start: byteOffset } : undefined, entries: 0, responses: 0 };
}

/** Reads an entry, as `decodeMessage`. */
export function decodeEntry(bytes: Uint8Array, start = 0, end: number = bytes.length): Entry {
  try {
    return readEntry(openReader(bytes, start, end), undefined);
  } finally {
    closeReader();
  }
}

/**
 * As `decodeEntry`, but the entry's data is a view of `bytes`, which must not change afterwards and stays in memory
 * with it.
 */
export function decodeEntryView(bytes: Uint8Array, start = 0, end: number = bytes.length): Entry {
  try {
    return readEntry(openReader(bytes, start, end), { buffer: bytes.buffer, start: bytes.byteOffset });
  } finally {
    closeReader();
  }
}

/** Reads a hard state, as `decodeMessage`. */
export function decodeHardState(bytes: Uint8Array): HardState {
  const r = newReader(bytes);
  let term = 0;
  let vote = NONE;
  let commit = 0;
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        term = readPosition(r, 'HardState.term');
        break;
      case 0x10:
        vote = readId(r);
        break;
      case 0x18:
        commit = readPosition(r, 'HardState.commit');
        break;
      default:
        skipField(r, tag);
    }
  }
  return { term, vote, commit };
}
