/**
 * Encoded sizes in bytes. For values that the codec refuses the size is meaningless, but nothing is thrown here: the
 * encoder, which runs next, throws.
 */
import { ERR_ENCODE, MAX_NESTING } from './codes.js';
import { RaftError } from './errors.js';
import { idVarintSize } from './ids.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  MessageType,
  type NodeId,
  type Snapshot,
  type SnapshotMetadata,
} from './records.js';
import { numberSize } from './varint.js';

/** Options of `encodeConfChange` and `encodeConfChangeV2`. */
export interface ConfChangeOptions {
  /**
   * Write `type` and `nodeId` of a change, and the `transition` of a `ConfChangeV2`, even if they are zero, as etcd's
   * raft does in the entries of membership changes. Default false.
   */
  readonly explicit?: boolean;
}

/** Every field of a record is below 16, so its tag takes one byte. */
const TAG = 1;
const LONGEST_VARINT = 10;

function positionSize(value: number): number {
  return value === 0 ? 0 : TAG + numberSize(value);
}

function presentIdSize(id: NodeId): number {
  return TAG + idVarintSize(id);
}

function idSize(id: NodeId): number {
  return id === 0n ? 0 : presentIdSize(id);
}

function presentTypeSize(value: number): number {
  return TAG + (value < 0 ? LONGEST_VARINT : numberSize(value));
}

function typeSize(value: number): number {
  return value === 0 ? 0 : presentTypeSize(value);
}

function lengthDelimitedSize(length: number): number {
  return TAG + numberSize(length) + length;
}

/** Length of bytes. Anything else yields a number too; the encoder refuses it. */
export function lengthOf(value: Uint8Array | undefined): number {
  return value?.length || 0;
}

function bytesSize(value: Uint8Array | undefined): number {
  const length = lengthOf(value);
  return length === 0 ? 0 : lengthDelimitedSize(length);
}

function idsSize(ids: readonly NodeId[]): number {
  let size = 0;
  for (const id of ids) size += presentIdSize(id);
  return size;
}

/**
 * Returns the encoded size of an entry in bytes, by which etcd limits messages and Readys. Counts `type` and `data` if
 * they are present (`undefined` is absent), `term` and `index` if they are not zero.
 */
export function entrySize(entry: Entry): number {
  const { type, data } = entry;
  return (
    (type === undefined ? 0 : presentTypeSize(type)) +
    positionSize(entry.term) +
    positionSize(entry.index) +
    (data === undefined ? 0 : lengthDelimitedSize(lengthOf(data)))
  );
}

/**
 * Returns the length of an entry's data in bytes, by which etcd limits what is uncommitted and in flight; 0 if absent.
 */
export function payloadSize(entry: Entry): number {
  return lengthOf(entry.data);
}

export function confStateSize(state: ConfState): number {
  return (
    idsSize(state.voters) +
    idsSize(state.learners) +
    idsSize(state.votersOutgoing) +
    idsSize(state.learnersNext) +
    (state.autoLeave ? TAG + 1 : 0)
  );
}

/** A nested record that is left out when it is empty. */
export function nestedSize(size: number): number {
  return size === 0 ? 0 : lengthDelimitedSize(size);
}

export function snapshotMetadataSize(metadata: SnapshotMetadata): number {
  return nestedSize(confStateSize(metadata.confState)) + positionSize(metadata.index) + positionSize(metadata.term);
}

export function snapshotSize(snapshot: Snapshot): number {
  return bytesSize(snapshot.data) + nestedSize(snapshotMetadataSize(snapshot.metadata));
}

/**
 * Returns the encoded size of a message in bytes. Throws `ERR_RAFT_ENCODE` (`nesting`) if responses are nested too
 * deeply.
 */
export function messageSize(message: Message): number {
  return nestedMessageSize(message, 0);
}

export function nestedMessageSize(m: Message, depth: number): number {
  let size =
    typeSize(m.type) +
    idSize(m.to) +
    idSize(m.from) +
    positionSize(m.term) +
    positionSize(m.logTerm) +
    positionSize(m.index) +
    positionSize(m.commit) +
    (m.reject ? TAG + 1 : 0) +
    positionSize(m.rejectHint) +
    bytesSize(m.context) +
    idSize(m.vote);
  const { entries, responses, snapshot } = m;
  for (let i = 0; i < entries.length; i++) size += lengthDelimitedSize(entrySize(entries[i] as Entry));
  if (snapshot !== undefined) {
    const inner = snapshotSize(snapshot);
    if (inner > 0 || m.type === MessageType.MsgSnap) size += lengthDelimitedSize(inner);
  }
  if (responses.length > 0) {
    if (depth === MAX_NESTING) throw new RaftError(ERR_ENCODE, 'responses nested too deeply', { reason: 'nesting' });
    for (const response of responses) size += lengthDelimitedSize(nestedMessageSize(response, depth + 1));
  }
  return size;
}

/** Returns the encoded size of a hard state in bytes. */
export function hardStateSize(state: HardState): number {
  return positionSize(state.term) + idSize(state.vote) + positionSize(state.commit);
}

export function confChangeSize(change: ConfChange, explicit: boolean): number {
  return idSize(change.id) + confChangeSingleSize(change, explicit) + bytesSize(change.context);
}

export function confChangeSingleSize(change: ConfChangeSingle, explicit: boolean): number {
  return explicit
    ? presentTypeSize(change.type) + presentIdSize(change.nodeId)
    : typeSize(change.type) + idSize(change.nodeId);
}

export function confChangeV2Size(change: ConfChangeV2, explicit: boolean): number {
  let size = explicit ? presentTypeSize(change.transition) : typeSize(change.transition);
  for (const single of change.changes) size += lengthDelimitedSize(confChangeSingleSize(single, explicit));
  return size + bytesSize(change.context);
}
