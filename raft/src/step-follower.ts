import { emptySnapshot, type Message, MessageType, NONE, newMessage } from '@raft-ts/proto';
import { hup } from './election.js';
import { LogSlice } from './log-slice.js';
import { restore } from './membership.js';
import { DONE, dropped, FORWARDED, type StepOutcome } from './outcome.js';
import type { Raft } from './raft.js';

/** What a leader's messages touch of the member that receives them. */
export type ReplicaReach = Pick<Raft, 'id' | 'raftLog' | 'logger' | 'send'> & Parameters<typeof restore>[0];

/** What the rules of a follower read, change and call. */
export type FollowerReach = ReplicaReach &
  Parameters<typeof hup>[0] &
  Pick<Raft, 'lead' | 'electionElapsed' | 'readOnly' | 'readStates' | 'disableProposalForwarding'>;

/** Dispatches a message to the follower's rule for it. Kinds without a rule are ignored. */
export function stepFollower(r: FollowerReach, m: Message): StepOutcome {
  switch (m.type) {
    case MessageType.MsgApp:
      hearLeader(r, m);
      handleAppendEntries(r, m);
      return DONE;
    case MessageType.MsgHeartbeat:
      hearLeader(r, m);
      handleHeartbeat(r, m);
      return DONE;
    case MessageType.MsgSnap:
      hearLeader(r, m);
      handleSnapshot(r, m);
      return DONE;
    case MessageType.MsgProp:
      return onProposal(r, m);
    case MessageType.MsgTransferLeader:
      return onTransferLeader(r, m);
    case MessageType.MsgForgetLeader:
      onForgetLeader(r);
      return DONE;
    case MessageType.MsgTimeoutNow:
      onTimeoutNow(r, m);
      return DONE;
    case MessageType.MsgReadIndex:
      return onReadIndex(r, m);
    case MessageType.MsgReadIndexResp:
      onReadIndexResp(r, m);
      return DONE;
    default:
      return DONE;
  }
}

/** There is a leader, and it is alive: the election timer starts anew (section 5.2 of the paper). */
function hearLeader(r: FollowerReach, m: Message): void {
  r.electionElapsed = 0;
  r.lead = m.from;
}

function onProposal(r: FollowerReach, m: Message): StepOutcome {
  if (r.lead === NONE) return dropWithoutLeader(r);
  if (r.disableProposalForwarding) {
    r.logger.info(
      `${r.id.toString(16)} not forwarding to leader ${r.lead.toString(16)} at term ${r.term}; dropping proposal`,
    );
    return dropped('forwarding-disabled');
  }
  return forward(r, m);
}

/** A proposal that nobody can take. */
export function dropWithoutLeader(r: Pick<Raft, 'id' | 'term' | 'logger'>): StepOutcome {
  r.logger.info(`${r.id.toString(16)} no leader at term ${r.term}; dropping proposal`);
  return dropped('no-leader');
}

function forward(r: FollowerReach, m: Message): StepOutcome {
  m.to = r.lead;
  r.send(m);
  return FORWARDED;
}

function onTransferLeader(r: FollowerReach, m: Message): StepOutcome {
  if (r.lead === NONE) {
    r.logger.info(`${r.id.toString(16)} no leader at term ${r.term}; dropping leader transfer msg`);
    return DONE;
  }
  return forward(r, m);
}

function onForgetLeader(r: FollowerReach): void {
  if (r.readOnly.option === 'ReadOnlyLeaseBased') {
    // Reads by lease are safe only while followers stand by the leader for as long as its lease.
    r.logger.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
    return;
  }
  if (r.lead === NONE) return;
  r.logger.info(`${r.id.toString(16)} forgetting leader ${r.lead.toString(16)} at term ${r.term}`);
  r.lead = NONE;
}

function onTimeoutNow(r: FollowerReach, m: Message): void {
  r.logger.info(
    `${r.id.toString(16)} [term ${r.term}] received MsgTimeoutNow from ${m.from.toString(16)} and starts an election to get leadership.`,
  );
  // Never a pre-vote: the leader itself asks, so there is nobody to disturb.
  hup(r, 'CampaignTransfer');
}

function onReadIndex(r: FollowerReach, m: Message): StepOutcome {
  if (r.lead === NONE) {
    r.logger.info(`${r.id.toString(16)} no leader at term ${r.term}; dropping index reading msg`);
    return DONE;
  }
  return forward(r, m);
}

function onReadIndexResp(r: FollowerReach, m: Message): void {
  const [entry] = m.entries;
  if (entry === undefined || m.entries.length !== 1) {
    r.logger.error(
      `${r.id.toString(16)} invalid format of MsgReadIndexResp from ${m.from.toString(16)}, entries count: ${m.entries.length}`,
    );
    return;
  }
  r.readStates.push({ index: m.index, requestCtx: entry.data });
}

/** AppendEntries: section 5.3 of the paper. */
export function handleAppendEntries(r: ReplicaReach, m: Message): void {
  const { raftLog } = r;
  const resp = newMessage(MessageType.MsgAppResp, m.from);
  if (m.index < raftLog.committed) {
    // Everything up to there is decided: say so instead of looking at the entries again.
    resp.index = raftLog.committed;
    r.send(resp);
    return;
  }
  const last = raftLog.maybeAppend(LogSlice.fromAppend(m), m.commit);
  if (last !== undefined) {
    resp.index = last;
    r.send(resp);
    return;
  }
  if (r.logger.debugEnabled) {
    r.logger.debug(
      `${r.id.toString(16)} [logterm: ${raftLog.termOrZero(m.index)}, index: ${m.index}] rejected MsgApp [logterm: ${m.logTerm}, index: ${m.index}] from ${m.from.toString(16)}`,
    );
  }
  // The hint lets the leader skip whole terms: nothing of a higher term than its own entry there can match.
  const hint = raftLog.findConflictByTerm(Math.min(m.index, raftLog.lastIndex()), m.logTerm);
  resp.index = m.index;
  resp.reject = true;
  resp.rejectHint = hint.index;
  resp.logTerm = hint.term;
  r.send(resp);
}

export function handleHeartbeat(r: ReplicaReach, m: Message): void {
  r.raftLog.commitTo(m.commit);
  const resp = newMessage(MessageType.MsgHeartbeatResp, m.from);
  resp.context = m.context;
  r.send(resp);
}

/** InstallSnapshot: section 7 of the paper. */
export function handleSnapshot(r: ReplicaReach, m: Message): void {
  const snapshot = m.snapshot ?? emptySnapshot();
  const { index, term } = snapshot.metadata;
  const restored = restore(r, snapshot);
  r.logger.info(
    `${r.id.toString(16)} [commit: ${r.raftLog.committed}] ${restored ? 'restored' : 'ignored'} snapshot [index: ${index}, term: ${term}]`,
  );
  const resp = newMessage(MessageType.MsgAppResp, m.from);
  resp.index = restored ? r.raftLog.lastIndex() : r.raftLog.committed;
  r.send(resp);
}
