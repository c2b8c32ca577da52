import { type Message, MessageType } from '@raft-ts/proto';
import { type CountReach, countVote } from './election.js';
import { DONE, type StepOutcome } from './outcome.js';
import {
  dropWithoutLeader,
  handleAppendEntries,
  handleHeartbeat,
  handleSnapshot,
  type ReplicaReach,
} from './step-shared.js';

/** What the rules of a candidate and a pre-candidate read, change and call. */
export type CandidateReach = ReplicaReach & CountReach;

/** Dispatches a message to the candidate's or pre-candidate's rule for it. Kinds without a rule are ignored. */
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
      if (r.state === 'StateCandidate') countVote(r, m);
      return DONE;
    case MessageType.MsgPreVoteResp:
      if (r.state === 'StatePreCandidate') countVote(r, m);
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
