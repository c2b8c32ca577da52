/** Decodes snapshots and configurations. */
import { MAX_FIELDS, MAX_IDS } from './codes.js';
import {
  type ConfState,
  emptyConfState,
  emptySnapshot,
  type NodeId,
  type Snapshot,
  type SnapshotMetadata,
} from './records.js';
import {
  enterRecord,
  leaveRecord,
  newReader,
  type Reader,
  type Region,
  readBool,
  readId,
  readOptionalBytes,
  readPosition,
  readTag,
  skipField,
  tooMany,
} from './wire-reader.js';

/** A record that is still being read: a second occurrence of a nested record is merged into the first. */
export type Unfinished<T> = { -readonly [K in keyof T]: T[K] };

/** Appends an id to a list. */
function addId(r: Reader, ids: NodeId[]): void {
  if (ids.push(readId(r)) > MAX_IDS) throw tooMany(r, 'ids in a list', MAX_IDS);
}

/** Appends a packed list of ids. */
function readPackedIds(r: Reader, ids: NodeId[]): void {
  const outer = enterRecord(r);
  while (r.pos < r.len) addId(r, ids);
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
        addId(r, voters);
        break;
      case 0x0a:
        readPackedIds(r, voters);
        break;
      case 0x10:
        addId(r, learners);
        break;
      case 0x12:
        readPackedIds(r, learners);
        break;
      case 0x18:
        addId(r, votersOutgoing);
        break;
      case 0x1a:
        readPackedIds(r, votersOutgoing);
        break;
      case 0x20:
        addId(r, learnersNext);
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

/** Reads into a snapshot. Very long data may be a view of `kept`. */
export function readSnapshot(r: Reader, into: Unfinished<Snapshot>, kept?: Region): void {
  let fields = 0;
  while (r.pos < r.len) {
    if (++fields > MAX_FIELDS) throw tooMany(r, 'fields in a snapshot', MAX_FIELDS);
    const tag = readTag(r);
    switch (tag) {
      case 0x0a:
        into.data = readOptionalBytes(r, kept);
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
