import { type Message, MessageType, NONE } from '@raft-ts/proto';
import { hup } from './election.js';
import { DONE, dropped, FORWARDED, type StepOutcome } from './outcome.js';
import type { Raft } from './raft.js';
import {
  dropWithoutLeader,
  handleAppendEntries,
  handleHeartbeat,
  handleSnapshot,
  type ReplicaReach,
} from './step-shared.js';

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

/** The leader is alive: restarts the election timer (section 5.2 of the paper). */
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
    // Lease-based reads are safe only if followers stay with the leader for as long as its lease lasts.
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
  // Never a pre-vote: the leader itself asks for it, so it disturbs nobody.
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
