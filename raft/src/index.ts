/**
 * Raft as in etcd, without I/O.
 *
 * ```
 *             message in                                              Ready out
 *  network ───────────────► RawNode.step ─► Raft.step ─► term gate ─► role rule ─► log / tracker / quorum / confchange
 *  timer   ─► tick ────────────┘                                                             │
 *  client  ─► propose ─────────┘                                                             ▼
 *             advance ◄─ application ◄─ { save entries + hard state, send messages, apply committed } ◄── RawNode.ready
 *                            storage                  transport            state machine
 * ```
 *
 * Reading order: `node.ts` and `raw-node.ts` are the doors, asynchronous and synchronous, `start-node.ts` opens the
 * first one, and `ready.ts` lists the duties of whoever drives a member. Inside `Node`, inputs queue in
 * `input-queue.ts`, proposals wait in `waiting-room.ts` until `leader-watch.ts` finds a leader, and `ready-pacing.ts`
 * decides when a Ready is built; `storage-messages.ts` makes the work of the storage threads. `raft.ts` holds one
 * member's state and its roles, `timers.ts` says what a tick leads to, and `term-gate.ts` looks at the term of each
 * message; `election.ts`, `replication.ts`, `membership.ts` and `read-only.ts` are what a member does;
 * `step-follower.ts`, `step-candidate.ts` and `step-leader.ts` have one function for each message of a role,
 * `step-shared.ts` those that followers and candidates share. Below them are the log (`raft-log.ts`, which joins
 * `unstable.ts` to `stored-log.ts`; `log-slice.ts`, `storage.ts`), the progress of followers (`tracker/`), majorities
 * (`quorum/`) and membership changes (`confchange/`). `admission.ts` and `validate-incoming.ts` keep out what no
 * correct member sends.
 */
export {
  type ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  decodeConfChange,
  decodeConfChangeV2,
  type Entry,
  EntryType,
  ERR_ARGUMENT,
  emptyConfState,
  emptySnapshot,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageName,
  MessageType,
  messageName,
  NONE,
  type NodeId,
  newMessage,
  quoteBytes,
  RaftError,
  SHOWN_LENGTH,
  type Snapshot,
  type SnapshotMetadata,
} from '@raft-ts/proto';
export { ERR_SNAPSHOT_MEMBERSHIP } from '@raft-ts/proto/internal';
export { isNewLog, type Peer } from './bootstrap.js';
export {
  type AnyConfChange,
  confChangesFromString,
  confChangesToString,
  decodeConfChangeEntry,
  isConfChangeEntry,
} from './confchange/conf-change.js';
export { MAX_GUARDED_MEMBERS } from './confchange/guard.js';
export type { Config, ReadOnlyOption } from './config.js';
export { consoleLogger } from './console-logger.js';
export {
  describeConfChange,
  describeConfState,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeSoftState,
  type EntryFormatter,
} from './describe.js';
export {
  type DropReason,
  ERR_BOOTSTRAP,
  ERR_CONF_CHANGE_INVALID,
  ERR_CONF_CHANGE_LIMIT,
  ERR_CONF_CHANGE_REFUSED,
  ERR_CONF_CHANGE_SYNTAX,
  ERR_CONFIG,
  ERR_MESSAGE_INVALID,
  ERR_PROPOSAL_DROPPED,
  ERR_READ_DROPPED,
  ERR_READY_CONSUMER,
  ERR_STEP_LOCAL_MSG,
  ERR_STEP_PEER_NOT_FOUND,
  ERR_STOPPED,
  ERR_TOO_MANY_WAITERS,
  type PanicRule,
  RaftPanic,
} from './errors.js';
export { LimitedLogger } from './limited-logger.js';
export { type Logger, silentLogger } from './logger.js';
export { MemoryStorage } from './memory-storage.js';

export { Node, type WaitOptions } from './node.js';

export type { SoftState, StateType } from './raft.js';
export { type ProgressType, RawNode } from './raw-node.js';
export type { ReadState } from './read-only.js';
export { isEmptyHardState, isEmptySnap, mustSync, type Ready } from './ready.js';
export { type BatchReceipt, type ProposalReceipt } from './receipt.js';
export type { SnapshotStatus } from './snapshot-status.js';
export { joinNode, restartNode, startNode } from './start-node.js';
export { type BasicStatus, describeStatus, type ElectionStatus, type Status, type StatusJson } from './status.js';
export {
  ERR_COMPACTED,
  ERR_NO_SNAPSHOT,
  ERR_SNAP_OUT_OF_DATE,
  ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  ERR_UNAVAILABLE,
  type InitialState,
  type Storage,
  storageError,
} from './storage.js';
export type { Progress, ProgressState } from './tracker/progress.js';
export type { TrackerConfig } from './tracker/tracker.js';
export { MAX_WAITING_BYTES, MAX_WAITING_PROPOSALS } from './waiting-room.js';
