/**
 * Bytes to records. What is absent reads as zero, the last value of a repeated scalar counts, unknown fields and fields
 * with another wire type than theirs are skipped, and every byte string is a copy.
 */
import {
  type ConfState,
  type Entry,
  type EntryType,
  emptyConfState,
  emptySnapshot,
  type HardState,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  newMessage,
  type Snapshot,
  type SnapshotMetadata,
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
  readBytes,
  readId,
  readLength,
  readOptionalBytes,
  readPosition,
  readTag,
  readType,
  readView,
  skipField,
} from './wire-reader.js';

/** A record that is still being read: a second occurrence of a nested record adds to the first. */
type Unfinished<T> = { -readonly [K in keyof T]: T[K] };

/** Reads an entry. Its data is a view of `region`, or, where that is `undefined`, a copy. */
function readEntry(r: Reader, region: Region | undefined): Entry {
  let type: EntryType | undefined;
  let term = 0;
  let index = 0;
  let data: Uint8Array | undefined;
  while (r.pos < r.len) {
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
        data = region === undefined ? readBytes(r) : readView(r, region);
        break;
      default:
        skipField(r, tag);
    }
  }
  return { type, term, index, data };
}

/**
 * How much entries of one message may share. One copy for all of them is twice as fast as one for each; the price is that
 * an entry that is kept keeps this much of its neighbours, which mostly lie in the same log.
 */
const LARGEST_REGION = 32_768;

/** Reads the entry that begins here, behind its tag, and those that follow it directly, as far as they share memory. */
function readEntries(r: Reader, entries: Entry[]): void {
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
  if (count === 1) {
    r.pos = start;
    const outer = enterRecord(r);
    entries.push(readEntry(r, undefined));
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
    // Steps over the next entry's tag.
    inner.pos++;
  }
  r.pos = end;
}

/** Appends a packed list of ids. */
function readPackedIds(r: Reader, ids: NodeId[]): void {
  const outer = enterRecord(r);
  while (r.pos < r.len) ids.push(readId(r));
  leaveRecord(r, outer);
}

function readConfState(r: Reader, into: Unfinished<ConfState>): void {
  const voters = [...into.voters];
  const learners = [...into.learners];
  const votersOutgoing = [...into.votersOutgoing];
  const learnersNext = [...into.learnersNext];
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x08:
        voters.push(readId(r));
        break;
      case 0x0a:
        readPackedIds(r, voters);
        break;
      case 0x10:
        learners.push(readId(r));
        break;
      case 0x12:
        readPackedIds(r, learners);
        break;
      case 0x18:
        votersOutgoing.push(readId(r));
        break;
      case 0x1a:
        readPackedIds(r, votersOutgoing);
        break;
      case 0x20:
        learnersNext.push(readId(r));
        break;
      case 0x22:
        readPackedIds(r, learnersNext);
        break;
      case 0x28:
        into.autoLeave = readBool(r);
        break;
      default:
        skipField(r, tag);
    }
  }
  into.voters = voters;
  into.learners = learners;
  into.votersOutgoing = votersOutgoing;
  into.learnersNext = learnersNext;
}

function readSnapshotMetadata(r: Reader, into: Unfinished<SnapshotMetadata>): void {
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x0a: {
        const outer = enterRecord(r);
        readConfState(r, into.confState);
        leaveRecord(r, outer);
        break;
      }
      case 0x10:
        into.index = readPosition(r, 'SnapshotMetadata.index');
        break;
      case 0x18:
        into.term = readPosition(r, 'SnapshotMetadata.term');
        break;
      default:
        skipField(r, tag);
    }
  }
}

function readSnapshot(r: Reader, into: Unfinished<Snapshot>): void {
  while (r.pos < r.len) {
    const tag = readTag(r);
    switch (tag) {
      case 0x0a:
        into.data = readOptionalBytes(r);
        break;
      case 0x12: {
        const outer = enterRecord(r);
        readSnapshotMetadata(r, into.metadata);
        leaveRecord(r, outer);
        break;
      }
      default:
        skipField(r, tag);
    }
  }
}

function readNestedSnapshot(r: Reader, into: Unfinished<Snapshot>): void {
  const outer = enterRecord(r);
  readSnapshot(r, into);
  leaveRecord(r, outer);
}

function readResponse(r: Reader, depth: number): Message {
  checkDepth(r, depth);
  const outer = enterRecord(r);
  const response = readMessage(r, depth);
  leaveRecord(r, outer);
  return response;
}

function readMessage(r: Reader, depth: number): Message {
  const m = newMessage(MessageType.MsgHup, NONE);
  let entries: Entry[] | undefined;
  let responses: Message[] | undefined;
  while (r.pos < r.len) {
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
        readEntries(r, entries);
        break;
      case 0x40:
        m.commit = readPosition(r, 'Message.commit');
        break;
      case 0x4a:
        m.snapshot ??= emptySnapshot();
        readNestedSnapshot(r, m.snapshot);
        break;
      case 0x50:
        m.reject = readBool(r);
        break;
      case 0x58:
        m.rejectHint = readPosition(r, 'Message.rejectHint');
        break;
      case 0x62:
        m.context = readOptionalBytes(r);
        break;
      case 0x68:
        m.vote = readId(r);
        break;
      case 0x72:
        if (responses === undefined) m.responses = responses = [];
        responses.push(readResponse(r, depth + 1));
        break;
      default:
        skipField(r, tag);
    }
  }
  // Members up to etcd 3.5 put an empty snapshot into every message.
  if (m.snapshot !== undefined && m.type !== MessageType.MsgSnap && snapshotSize(m.snapshot) === 0) {
    m.snapshot = undefined;
  }
  return m;
}

/**
 * Reads one message from [start, end) of `bytes`, by default all of them, in the format of any etcd release from 3.5 on. The message shares no memory
 * with `bytes`. Entries that follow each other in one message share a copy, in pieces of up to 32 KiB; other byte strings
 * of 65 bytes to 2 KiB share slabs of 8 KiB. So what is kept keeps 32 KiB of its neighbours at most.
 *
 * @throws RaftError `ERR_RAFT_DECODE` for bytes that are no message (`reason` says why), `ERR_RAFT_POSITION_RANGE`
 * (`reason`: the field) for a position above 2^53 - 1.
 */
export function decodeMessage(bytes: Uint8Array, start = 0, end: number = bytes.length): Message {
  try {
    return readMessage(openReader(bytes, start, end), 0);
  } finally {
    closeReader();
  }
}

/** Reads an entry, as `decodeMessage`. */
export function decodeEntry(bytes: Uint8Array, start = 0, end: number = bytes.length): Entry {
  try {
    return readEntry(openReader(bytes, start, end), undefined);
  } finally {
    closeReader();
  }
}

/** As `decodeEntry`, but its data is a view of `bytes`, which must not change afterwards and stay in memory as long as it. */
export function decodeEntryView(bytes: Uint8Array, start = 0, end: number = bytes.length): Entry {
  try {
    return readEntry(openReader(bytes, start, end), { buffer: bytes.buffer, start: bytes.byteOffset });
  } finally {
    closeReader();
  }
}

/** Reads a snapshot, as `decodeMessage`. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const snapshot = emptySnapshot();
  readSnapshot(newReader(bytes), snapshot);
  return snapshot;
}

/** Reads a snapshot's metadata, as `decodeMessage`. */
export function decodeSnapshotMetadata(bytes: Uint8Array): SnapshotMetadata {
  const { metadata } = emptySnapshot();
  readSnapshotMetadata(newReader(bytes), metadata);
  return metadata;
}

/** Reads a ConfState, as `decodeMessage`. */
export function decodeConfState(bytes: Uint8Array): ConfState {
  const state = emptyConfState();
  readConfState(newReader(bytes), state);
  return state;
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
