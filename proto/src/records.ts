/**
 * The records that members exchange and logs hold: etcd's raftpb messages as flat TypeScript records.
 *
 * Every field of a record is always present, so that all records of a kind share one hidden class; what protobuf calls
 * absent is zero, false, an empty list, or `undefined` if the type allows it. Terms, indexes and sizes are safe
 * integers (0 to 2^53 - 1); ids use all 64 bits and are bigints.
 */

/** The id of a member: 1 to 2^64 - 3. `NONE` (0) means "nobody"; the two highest values name local storage threads. */
export type NodeId = bigint;

/** No member: no leader, no vote, no sender. */
export const NONE: NodeId = 0n;

/** Target of `MsgStorageAppend`, sender of `MsgStorageAppendResp`: the part of the application that writes the log. */
export const LOCAL_APPEND_THREAD: NodeId = 18446744073709551615n;

/** Target of `MsgStorageApply`, sender of `MsgStorageApplyResp`: the part of the application that applies entries. */
export const LOCAL_APPLY_THREAD: NodeId = 18446744073709551614n;

/** The highest term, index or size that a record can carry. */
export const MAX_POSITION: number = Number.MAX_SAFE_INTEGER;

/** What an entry holds: application data or a membership change in its first or second form. */
export const EntryType = {
  EntryNormal: 0,
  EntryConfChange: 1,
  EntryConfChangeV2: 2,
} as const;
export type EntryType = (typeof EntryType)[keyof typeof EntryType];

/** One position of the log. Never modified once it has entered a log: logs, messages and Readys share it. */
export interface Entry {
  /** `undefined` if the field is absent, which means `EntryNormal` but takes two bytes less. */
  readonly type: EntryType | undefined;
  readonly term: number;
  readonly index: number;
  /**
   * The payload; `undefined` if absent. A payload that is present but empty takes two bytes more than an absent one.
   */
  readonly data: Uint8Array | undefined;
}

/** The members of the cluster at one position of the log. It is joint while `votersOutgoing` is not empty. */
export interface ConfState {
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learnersNext: readonly NodeId[];
  readonly autoLeave: boolean;
}

/** What a snapshot is of: the last entry that it covers, and the membership as of that entry. */
export interface SnapshotMetadata {
  readonly confState: ConfState;
  /** Index of the last entry that the snapshot covers; 0 in an empty snapshot. */
  readonly index: number;
  readonly term: number;
}

/** The state of the application up to an index, and the membership there. */
export interface Snapshot {
  readonly data: Uint8Array | undefined;
  readonly metadata: SnapshotMetadata;
}

/** What a member must have on stable storage before it answers: the persistent state of the paper's figure 2. */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId;
  readonly commit: number;
}

/** What a step of a membership change does to its member, with the numbers that stand on the wire. */
export const ConfChangeType = {
  ConfChangeAddNode: 0,
  ConfChangeRemoveNode: 1,
  ConfChangeUpdateNode: 2,
  ConfChangeAddLearnerNode: 3,
} as const;
/** One of the values of `ConfChangeType`. */
export type ConfChangeType = (typeof ConfChangeType)[keyof typeof ConfChangeType];

/** How a membership change takes effect, with the numbers that stand on the wire. */
export const ConfChangeTransition = {
  /** The simple protocol if there is at most one change, else joint with automatic leave. */
  ConfChangeTransitionAuto: 0,
  /** Joint, left automatically. */
  ConfChangeTransitionJointImplicit: 1,
  /** Joint, left when the application proposes an empty change. */
  ConfChangeTransitionJointExplicit: 2,
} as const;
/** One of the values of `ConfChangeTransition`. */
export type ConfChangeTransition = (typeof ConfChangeTransition)[keyof typeof ConfChangeTransition];

/** A membership change of one member (first form). */
export interface ConfChange {
  /** A number for the application's own use, 0 to 2^64 - 1; raft ignores it. */
  readonly id: bigint;
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
  readonly context: Uint8Array | undefined;
}

/** One step of a membership change. */
export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: NodeId;
}

/** A membership change of any number of members (second form). Without changes it leaves a joint configuration. */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array | undefined;
}

/** The kinds of messages; `protocol.ts` says who sends each and what it carries. */
export const MessageType = {
  MsgHup: 0,
  MsgBeat: 1,
  MsgProp: 2,
  MsgApp: 3,
  MsgAppResp: 4,
  MsgVote: 5,
  MsgVoteResp: 6,
  MsgSnap: 7,
  MsgHeartbeat: 8,
  MsgHeartbeatResp: 9,
  MsgUnreachable: 10,
  MsgSnapStatus: 11,
  MsgCheckQuorum: 12,
  MsgTransferLeader: 13,
  MsgTimeoutNow: 14,
  MsgReadIndex: 15,
  MsgReadIndexResp: 16,
  MsgPreVote: 17,
  MsgPreVoteResp: 18,
  MsgStorageAppend: 19,
  MsgStorageAppendResp: 20,
  MsgStorageApply: 21,
  MsgStorageApplyResp: 22,
  MsgForgetLeader: 23,
} as const;
/** A message's kind. A decoded number outside the table is kept as it is; raft ignores such a message. */
export type MessageType = (typeof MessageType)[keyof typeof MessageType];
/** The name of a message type: a key of `MessageType`. */
export type MessageName = keyof typeof MessageType;

/**
 * One message. The record has the fields of every kind; `protocol.ts` says which of them a kind uses. A message passed
 * to raft belongs to raft: it may set `to`, `from` and `term` when it forwards the message.
 */
export interface Message {
  type: MessageType;
  to: NodeId;
  from: NodeId;
  term: number;
  /** Term of the log entry at `index`. */
  logTerm: number;
  index: number;
  entries: readonly Entry[];
  commit: number;
  vote: NodeId;
  snapshot: Snapshot | undefined;
  reject: boolean;
  rejectHint: number;
  context: Uint8Array | undefined;
  /** Messages to deliver once a storage message has been carried out. */
  responses: readonly Message[];
}

const noEntries: readonly Entry[] = [];
const noResponses: readonly Message[] = [];

/** Returns a message of this kind with every other field empty, for the sender to fill in. */
export function newMessage(type: MessageType, to: NodeId): Message {
  return {
    type,
    to,
    from: NONE,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: noEntries,
    commit: 0,
    vote: NONE,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: noResponses,
  };
}

/** Returns a membership without members. */
export function emptyConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** Returns a snapshot of nothing: index 0, no members, no data. */
export function emptySnapshot(): Snapshot {
  return { data: undefined, metadata: { confState: emptyConfState(), index: 0, term: 0 } };
}
