/**
 * `@raft-ts/replica`: a replicated state machine. This package is the loop that every user of raft writes: it drives a
 * `RawNode`, a log and a transport in the right order, and turns what they do into answers.
 *
 * ```
 *  propose ──► Proposals ──► one batch a turn ──┐                                 ┌──► transport
 *  read    ──► Reads ──────► one round a turn ──┼──► Driver ──► RawNode ──► Ready ┼──► log ──► what its writes promise
 *  message ──► receiver ────────────────────────┤                                 └──► Applier ──► state machine
 *  time    ──► Ticker ──────────────────────────┘                                         └──► answers, reads
 * ```
 *
 * Begin reading at `member/replica.ts`, which puts the parts together; `drive/driver.ts` is the loop.
 */
export { consoleLogger, type Logger, type NodeId, RaftError, silentLogger } from '@raft-ts/raft';
export { type Clock, systemClock } from './base/clock.js';
export { bytesCodec, type Codec, jsonCodec } from './base/codec.js';
export * from './base/contracts.js';
export * from './base/errors.js';
export type { Listener } from './base/events.js';
export { collect } from './format/chunks.js';
export { defaultFormat } from './format/default-format.js';
export type {
  DecodedEntry,
  EntryContent,
  Format,
  OpenFeatures,
  RequestId,
  UnwrappedSnapshot,
} from './format/format.js';
export type { SnapshotHead } from './group/group.js';
export type { Answer, SessionPlace, SessionRecord } from './group/sessions.js';
export type { LeadingRun, LeadingTask } from './lead/leading.js';
export type { CompareStates, ReplicaLimits, ReplicaOptions } from './member/options.js';
export { type LogContent, type Replayed, type ReplayOptions, replayLog } from './member/replay.js';
export { Replica } from './member/replica.js';
export { Session, type SessionHost, type SessionState } from './member/session.js';
export type {
  Consistency,
  Divergence,
  Done,
  Ended,
  FeatureState,
  Leadership,
  Outcome,
  ProposeOptions,
  ReadOptions,
  ReplicaEvents,
  Stall,
} from './member/types.js';
export type { AddMemberOptions, AddOptions, MemberProgress, NewMember } from './members/membership.js';
export { MemoryLog } from './memory/memory-log.js';
export type { Explanation, ExplanationCode, Question } from './observe/explanation.js';
export type { MetricsRegistry } from './observe/metrics.js';
export { type FoundingState, foundFromState } from './snapshots/found.js';
export type { MapView } from './snapshots/map-view.js';
export type { SnapshotEvent, SnapshotPolicy } from './snapshots/policy.js';
export { SnapshotMap, type SnapshotMapOptions } from './snapshots/snapshot-map.js';
