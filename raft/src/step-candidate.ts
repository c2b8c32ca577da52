import { type Message, MessageType, messageName, NONE } from '@raft-ts/proto';
import { campaign, poll } from './election.js';
import { DONE, type StepOutcome } from './outcome.js';
import type { Raft } from './raft.js';
import { bcastAppend, type ReplicationReach } from './replication.js';
import {
  dropWithoutLeader,
  handleAppendEntries,
  handleHeartbeat,
  handleSnapshot,
  type ReplicaReach,
} from './step-follower.js';

/** What the rules of a candidate and a pre-candidate read, change and call. */
export type CandidateReach = ReplicaReach &
  ReplicationReach &
  Parameters<typeof campaign>[0] &
  Pick<Raft, 'becomeFollower' | 'becomeLeader'>;

/** Dispatches a message to the rule of a candidate or pre-candidate for it. Kinds without a rule are ignored. */
export function stepCandidate(r: CandidateReach, m: Message): StepOutcome {
  switch (m.type) {
    case MessageType.MsgProp:
      return dropWithoutLeader(r);
    case MessageType.MsgApp:
      r.becomeFollower(m.term, m.from);
      handleAppendEntries(r, m);
      return DONE;
    case MessageType.MsgHeartbeat:
      r.becomeFollower(m.term, m.from);
      handleHeartbeat(r, m);
      return DONE;
    case MessageType.MsgSnap:
      r.becomeFollower(m.term, m.from);
      handleSnapshot(r, m);
      return DONE;
    case MessageType.MsgVoteResp:
      if (r.state === 'StateCandidate') onVote(r, m);
      return DONE;
    case MessageType.MsgPreVoteResp:
      if (r.state === 'StatePreCandidate') onVote(r, m);
      return DONE;
    case MessageType.MsgTimeoutNow:
      if (r.logger.debugEnabled) {
        r.logger.debug(
          `${r.id.toString(16)} [term ${r.term} state ${r.state}] ignored MsgTimeoutNow from ${m.from.toString(16)}`,
        );
      }
      return DONE;
    default:
      return DONE;
  }
}

/** A vote arrived: a pre-candidate that wins starts the election, a candidate that wins leads. */
function onVote(r: CandidateReach, m: Message): void {
  const { granted, rejected, result } = poll(r, { from: m.from, type: m.type, granted: !m.reject });
  r.logger.info(
    `${r.id.toString(16)} has received ${granted} ${messageName(m.type)} votes and ${rejected} vote rejections`,
  );
  if (result === 'VoteWon') {
    if (r.state === 'StatePreCandidate') {
      campaign(r, 'CampaignElection');
    } else {
      r.becomeLeader();
      bcastAppend(r);
    }
  } else if (result === 'VoteLost') {
    // A pre-vote response carries the term that was asked about: the member's own term stays.
    r.becomeFollower(r.term, NONE);
  }
}
