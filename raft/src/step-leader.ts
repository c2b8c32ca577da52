import { type ConfChangeV2, type Entry, EntryType, type Message, MessageType, NONE, newMessage } from '@raft-ts/proto';
import { isCoded } from '@raft-ts/proto/internal';
import { asV2, decodeConfChangeEntry, isConfChangeEntry } from './confchange/conf-change.js';
import { guardConfChange } from './confchange/guard.js';
import { describeConfChange } from './describe.js';
import { RaftPanic } from './errors.js';
import { DONE, dropped, type StepOutcome } from './outcome.js';
import type { Raft } from './raft.js';
import { confirmReads, leaderReadIndex, releasePendingReads } from './read-only.js';
import {
  appendEntry,
  bcastAppend,
  bcastHeartbeat,
  maybeCommit,
  maybeSendAppend,
  type ReplicationReach,
  sendAppend,
} from './replication.js';
import type { Progress } from './tracker/progress.js';

/** What the rules of a leader read, change and call. */
export type LeaderReach = ReplicationReach &
  Parameters<typeof leaderReadIndex>[0] &
  Pick<
    Raft,
    | 'electionElapsed'
    | 'leadTransferee'
    | 'pendingConfIndex'
    | 'disableConfChangeValidation'
    | 'guardConfChanges'
    | 'becomeFollower'
  >;

/** Dispatches a message to the leader's rule for it. Kinds without a rule are ignored. */
export function stepLeader(r: LeaderReach, m: Message): StepOutcome {
  switch (m.type) {
    case MessageType.MsgBeat:
      for (const pr of r.trk.ordered) pr.sentForeignSnapshot = false;
      bcastHeartbeat(r);
      return DONE;
    case MessageType.MsgCheckQuorum:
      onCheckQuorum(r);
      return DONE;
    case MessageType.MsgProp:
      return onProposal(r, m);
    case MessageType.MsgReadIndex:
      leaderReadIndex(r, m);
      return DONE;
    case MessageType.MsgForgetLeader:
      return DONE;
    default:
  }
  const pr = r.trk.find(m.from);
  if (pr === undefined) {
    if (r.logger.debugEnabled) {
      r.logger.debug(`${r.id.toString(16)} no progress available for ${m.from.toString(16)}`);
    }
    return DONE;
  }
  switch (m.type) {
    case MessageType.MsgAppResp:
      if (m.reject) onAppendRejected(r, m, pr);
      else onAppendAccepted(r, m, pr);
      break;
    case MessageType.MsgHeartbeatResp:
      onHeartbeatResp(r, m, pr);
      break;
    case MessageType.MsgSnapStatus:
      onSnapStatus(r, m, pr);
      break;
    case MessageType.MsgUnreachable:
      onUnreachable(r, pr);
      break;
    case MessageType.MsgTransferLeader:
      onTransferLeader(r, pr);
      break;
    default:
  }
  return DONE;
}

/** A leader that no quorum answers may have been replaced, so it steps down (section 6.2 of the dissertation). */
function onCheckQuorum(r: LeaderReach): void {
  if (!r.trk.quorumActive()) {
    r.logger.warn(`${r.id.toString(16)} stepped down to follower since quorum is not active`);
    r.becomeFollower(r.term, NONE);
  }
  for (const pr of r.trk.ordered) {
    if (pr.id !== r.id) pr.recentActive = false;
  }
}

function onProposal(r: LeaderReach, m: Message): StepOutcome {
  if (m.entries.length === 0) throw new RaftPanic('log-consistency', `${r.id.toString(16)} stepped empty MsgProp`);
  // This member was removed from the configuration, and leads until it steps down.
  if (!r.trk.progress.has(r.id)) return dropped('removed');
  if (r.leadTransferee !== NONE) {
    if (r.logger.debugEnabled) {
      r.logger.debug(
        `${r.id.toString(16)} [term ${r.term}] transfer leadership to ${r.leadTransferee.toString(16)} is in progress; dropping proposal`,
      );
    }
    return dropped('transferring');
  }
  let refusal: string | undefined;
  let admitted: Entry[] | undefined;
  for (let i = 0; i < m.entries.length; i++) {
    const entry = m.entries[i] as Entry;
    if (!isConfChangeEntry(entry)) continue;
    const reason = admitConfChange(r, entry, r.raftLog.lastIndex() + i + 1);
    if (reason === undefined) continue;
    refusal ??= reason;
    // An empty entry takes its place, so that the other entries of the proposal keep their positions.
    admitted ??= [...m.entries];
    admitted[i] = { type: EntryType.EntryNormal, term: 0, index: 0, data: undefined };
  }
  if (!appendEntry(r, admitted ?? m.entries)) return dropped('quota');
  bcastAppend(r);
  return refusal === undefined ? DONE : { kind: 'refused', reason: refusal };
}

/** Admits a membership change at `index`, or returns why not. */
function admitConfChange(r: LeaderReach, entry: Entry, index: number): string | undefined {
  const { config } = r.trk;
  let cc: ConfChangeV2;
  try {
    cc = asV2(decodeConfChangeEntry(entry));
  } catch (error) {
    if (!r.guardConfChanges || !isCoded(error)) throw error;
    r.logger.info(`${r.id.toString(16)} ignoring conf change at config ${config}: ${error.message}`);
    return `it cannot be decoded: ${error.message}`;
  }
  const reason =
    (r.disableConfChangeValidation ? undefined : whyNotNow(r, cc)) ??
    (r.guardConfChanges ? guardConfChange(r.trk, r.raftLog.lastIndex(), cc) : undefined);
  if (reason === undefined) {
    r.pendingConfIndex = index;
    return undefined;
  }
  r.logger.info(`${r.id.toString(16)} ignoring conf change ${describeConfChange(cc)} at config ${config}: ${reason}`);
  return reason;
}

/** Returns why this change may not follow those in the log; undefined if it may. */
function whyNotNow(r: LeaderReach, cc: ConfChangeV2): string | undefined {
  const joint = r.trk.config.voters.isJoint;
  const { applied } = r.raftLog;
  if (r.pendingConfIndex > applied) {
    // One change at a time: two in a row could form two disjoint majorities.
    return `possible unapplied conf change at index ${r.pendingConfIndex} (applied to ${applied})`;
  }
  if (joint && cc.changes.length > 0) return 'must transition out of joint config first';
  if (!joint && cc.changes.length === 0) return 'not in joint state; refusing empty conf change';
  return undefined;
}

/** The follower's log does not hold the entry before those sent: steps back to where the logs may match. */
function onAppendRejected(r: LeaderReach, m: Message, pr: Progress): void {
  pr.recentActive = true;
  const { logger } = r;
  if (logger.debugEnabled) {
    logger.debug(
      `${r.id.toString(16)} received MsgAppResp(rejected, hint: (index ${m.rejectHint}, term ${m.logTerm})) from ${m.from.toString(16)} for index ${m.index}`,
    );
  }
  // The follower has term `logTerm` at the hint: the logs cannot match at entries of a higher term here.
  const hint = m.logTerm > 0 ? r.raftLog.findConflictByTerm(m.rejectHint, m.logTerm).index : m.rejectHint;
  if (!pr.maybeDecrTo(m.index, hint)) return;
  if (logger.debugEnabled) {
    logger.debug(`${r.id.toString(16)} decreased progress of ${m.from.toString(16)} to [${pr}]`);
  }
  if (pr.state === 'StateReplicate') pr.becomeProbe();
  sendAppend(r, pr);
}

/** The follower's log holds everything up to `m.index`. */
function onAppendAccepted(r: LeaderReach, m: Message, pr: Progress): void {
  pr.recentActive = true;
  // Even an acknowledgement that brings nothing new ends a probe: the logs match at `match`.
  if (!pr.maybeUpdate(m.index) && !(pr.match === m.index && pr.state === 'StateProbe')) return;
  switch (pr.state) {
    case 'StateProbe':
      pr.becomeReplicate();
      break;
    case 'StateSnapshot':
      leaveSnapshotState(r, pr);
      break;
    case 'StateReplicate':
      pr.inflights.freeLE(m.index);
      break;
  }
  // Nearly half of the members acknowledge what the others have committed already: counting again would find nothing.
  if (pr.match > r.raftLog.committed && maybeCommit(r)) {
    releasePendingReads(r);
    bcastAppend(r);
  } else if (pr.id !== r.id && pr.canBumpCommit(r.raftLog.committed)) {
    // A follower that lagged may now commit what it could not before.
    sendAppend(r, pr);
  }
  if (pr.id === r.id) return;
  // The window has room, and there may be more than one message to send.
  while (maybeSendAppend(r, pr, false));
  if (pr.id === r.leadTransferee && pr.match === r.raftLog.lastIndex()) {
    r.logger.info(`${r.id.toString(16)} sent MsgTimeoutNow to ${pr.id.toString(16)} after received MsgAppResp`);
    r.send(newMessage(MessageType.MsgTimeoutNow, pr.id));
  }
}

/** A follower that waited for a snapshot resumes once it has caught up, by whatever means, to where this log begins. */
function leaveSnapshotState(r: LeaderReach, pr: Progress): void {
  if (pr.match + 1 < r.raftLog.firstIndex()) return;
  if (r.logger.debugEnabled) {
    r.logger.debug(
      `${r.id.toString(16)} recovered from needing snapshot, resumed sending replication messages to ${pr.id.toString(16)} [${pr}]`,
    );
  }
  pr.becomeProbe();
  pr.becomeReplicate();
}

function onHeartbeatResp(r: LeaderReach, m: Message, pr: Progress): void {
  pr.recentActive = true;
  pr.msgAppFlowPaused = false;
  // Appends or their acknowledgements may have been lost: this restarts a stalled follower.
  if (pr.match < r.raftLog.lastIndex() || pr.state === 'StateProbe') sendAppend(r, pr);
  if (r.readOnly.option === 'ReadOnlySafe' && m.context !== undefined && m.context.length > 0) confirmReads(r, m);
}

function onSnapStatus(r: LeaderReach, m: Message, pr: Progress): void {
  if (pr.state !== 'StateSnapshot') return;
  if (m.reject) {
    // Probe from match + 1, not from the end of a snapshot that never arrived.
    pr.pendingSnapshot = 0;
    pr.becomeProbe();
  } else {
    pr.becomeProbe();
  }
  if (r.logger.debugEnabled) {
    r.logger.debug(
      `${r.id.toString(16)} snapshot ${m.reject ? 'failed' : 'succeeded'}, resumed sending replication messages to ${m.from.toString(16)} [${pr}]`,
    );
  }
  // The follower's next answer, or its next heartbeat response, tells where to continue.
  pr.msgAppFlowPaused = true;
}

function onUnreachable(r: LeaderReach, pr: Progress): void {
  // What was sent ahead is probably lost: go back to one append at a time.
  if (pr.state === 'StateReplicate') pr.becomeProbe();
  if (r.logger.debugEnabled) {
    r.logger.debug(
      `${r.id.toString(16)} failed to send message to ${pr.id.toString(16)} because it is unreachable [${pr}]`,
    );
  }
}

/**
 * Transfers leadership to the sender: brings its log up to date, then tells it to campaign (dissertation, section
 * 3.10).
 */
function onTransferLeader(r: LeaderReach, pr: Progress): void {
  const { logger } = r;
  const self = r.id.toString(16);
  const target = pr.id.toString(16);
  if (pr.isLearner) {
    if (logger.debugEnabled) logger.debug(`${self} is learner. Ignored transferring leadership`);
    return;
  }
  if (r.leadTransferee !== NONE) {
    if (r.leadTransferee === pr.id) {
      logger.info(
        `${self} [term ${r.term}] transfer leadership to ${target} is in progress, ignores request to same node ${target}`,
      );
      return;
    }
    const previous = r.leadTransferee;
    r.leadTransferee = NONE;
    logger.info(`${self} [term ${r.term}] abort previous transferring leadership to ${previous.toString(16)}`);
  }
  if (pr.id === r.id) {
    if (logger.debugEnabled) logger.debug(`${self} is already leader. Ignored transferring leadership to self`);
    return;
  }
  logger.info(`${self} [term ${r.term}] starts to transfer leadership to ${target}`);
  // The transfer has one election timeout, after which proposals are accepted again.
  r.electionElapsed = 0;
  r.leadTransferee = pr.id;
  if (pr.match === r.raftLog.lastIndex()) {
    r.send(newMessage(MessageType.MsgTimeoutNow, pr.id));
    logger.info(`${self} sends MsgTimeoutNow to ${target} immediately as ${target} already has up-to-date log`);
  } else {
    sendAppend(r, pr);
  }
}
