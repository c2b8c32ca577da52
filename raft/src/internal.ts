/** For this project's own tests and packages; may change with any release. */
export { onAbort, whyAborted } from './abort-listeners.js';
export { MAX_BACKLOG } from './admission.js';
export { bootstrap } from './bootstrap.js';
export { type ChangeResult, Changer, checkInvariants } from './confchange/changer.js';
export { asV2, entersJoint, isV2, leavesJoint, marshalConfChange } from './confchange/conf-change.js';
export { checkConfStatesEquivalent } from './confchange/conf-state.js';
export { restoreConfig } from './confchange/restore.js';
export { resolveConfig, seededRandom } from './config.js';
export { campaign, hup, isTransferVote, poll, TRANSFER_CONTEXT, voteRespType } from './election.js';
export { RaftPanic } from './errors.js';
export { InputQueue } from './input-queue.js';
export { assertInvariants } from './invariants.js';
export { LeaderWatch } from './leader-watch.js';
export { type EntryId, LogSlice } from './log-slice.js';
export { appliedTo, applyConfChange, restore } from './membership.js';
export { type StepOutcome } from './outcome.js';
export { JointConfig } from './quorum/joint.js';
export { type AckedIndexer, describeIndex, MajorityConfig, type VoteResult } from './quorum/majority.js';
export { Raft } from './raft.js';
export { RaftLog } from './raft-log.js';
export { MAX_WAITING_READ_BYTES, MAX_WAITING_READS, ReadOnly } from './read-only.js';
export { MAX_DEFERRALS, ReadyPacing } from './ready-pacing.js';
export {
  appendEntry,
  bcastAppend,
  maybeCommit,
  maybeSendAppend,
  names,
  reduceUncommittedSize,
  sendAppend,
} from './replication.js';
export { entriesSize, limitSize, payloadsSize } from './sizes.js';
export { handleAppendEntries, handleHeartbeat } from './step-shared.js';
export { MAX_TERM_RISE } from './term-gate.js';
export { Inflights } from './tracker/inflights.js';
export { describeProgressMap, Progress, type ProgressState } from './tracker/progress.js';
export { ProgressTracker, TrackerConfig } from './tracker/tracker.js';
export { Unstable } from './unstable.js';
export {
  MAX_MEMBERS,
  MAX_UNCOMMITTED_ENTRIES,
  type Refusal,
  type Verdict,
  validateIncoming,
} from './validate-incoming.js';
export { WaitingRoom } from './waiting-room.js';
