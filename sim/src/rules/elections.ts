import { type Message, MessageType } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';
import type { Before } from './receiving.js';

/** The end of a log. */
export interface LogEnd {
  readonly index: number;
  readonly term: number;
}

/** Where the log of a candidate ends, as its request says. */
export function endOf({ index, logTerm }: Message): LogEnd {
  return { index, term: logTerm };
}

/** Is a log that ends here at least as complete as the other (section 5.4.1 of the paper)? */
export function isAsComplete(log: LogEnd, other: LogEnd): boolean {
  return log.term > other.term || (log.term === other.term && log.index >= other.index);
}

/** A member has become leader of this term. */
export function electionSafety({ leaders }: History, { id, slot }: Member, term: number): void {
  const other = leaders.get(term);
  if (other === undefined) {
    leaders.set(term, slot);
  } else if (other !== slot) {
    throw new Violation('election-safety', `Members ${other + 1} and ${id} both lead in term ${term}.`);
  }
}

/** A member has become leader: who voted for it, by what left them. */
export function electedByQuorum({ votes }: History, { id }: Member, { term, trk }: Raft): void {
  const { incoming, outgoing } = trk.config.voters;
  for (const half of [incoming, outgoing]) {
    if (half.size === 0) continue;
    const given = half.ids.filter((voter) => votes.get((Number(voter) - 1) * TERMS + term) === id);
    if (2 * given.length > half.size) continue;
    throw new Violation(
      'elected-by-quorum',
      `Member ${id} leads in term ${term} by the votes of ${given.join(', ') || 'nobody'} of the voters ${half.ids.join(', ')}.`,
    );
  }
}

/** A member that did not campaign, or did so in an earlier term, does now. */
export function campaignAllowed({ id, log }: Member, { term, trk, raftLog }: Raft): void {
  const own = trk.progress.get(id);
  if (own === undefined || own.isLearner) {
    throw new Violation('campaign-allowed', `Member ${id} campaigns in term ${term}; in ${trk.config} it is no voter.`);
  }
  const { applied, committed } = raftLog;
  // What it has not handed out to be written may have replaced a change that the log of the rules still has.
  const open = log.changes.find(
    (index) => index > applied && index <= committed && raftLog.term(index) === log.term(index),
  );
  if (open === undefined) return;
  throw new Violation(
    'campaign-allowed',
    `Member ${id} campaigns in term ${term}, although it has not applied the membership change of entry ${open}, which it knows to be committed.`,
  );
}

/** The log of a member that has just become leader. */
export function leaderCompleteness(history: History, { id }: Member, { raftLog, term }: Raft): void {
  const index = history.committedBefore(term);
  if (index < raftLog.firstIndex() - 1) return;
  const own = raftLog.term(index);
  const committed = history.terms[index];
  if (own === committed) return;
  throw new Violation(
    'leader-completeness',
    `Member ${id} leads in term ${term}, but its log has ${describeTerm(own)} at index ${index}, where an entry of term ${committed} was committed in an earlier term.`,
  );
}

function describeTerm(term: number | string): string {
  return typeof term === 'number' ? `an entry of term ${term}` : 'no entry';
}

const TERMS = 2 ** 40;

/** A member's vote is on stable storage, or has left it. */
export function voteOnce({ votes }: History, { id, slot }: Member, term: number, candidate: bigint): void {
  const key = slot * TERMS + term;
  const other = votes.get(key);
  if (other === undefined) {
    votes.set(key, candidate);
  } else if (other !== candidate) {
    throw new Violation('vote-once', `Member ${id} voted for ${other} and for ${candidate} in term ${term}.`);
  }
}

/** A member has just handled a request for its vote. */
export function voteUpToDate(
  { id }: Member,
  { msgsAfterAppend }: Raft,
  request: Message,
  own: Pick<Before, 'last' | 'lastTerm' | 'answers'>,
): void {
  const isComplete = isAsComplete(endOf(request), { index: own.last, term: own.lastTerm });
  if (isComplete || msgsAfterAppend.length === own.answers) return;
  const answer = msgsAfterAppend.at(-1);
  if (answer === undefined || answer.to !== request.from || answer.reject) return;
  if (answer.type !== MessageType.MsgVoteResp && answer.type !== MessageType.MsgPreVoteResp) return;
  throw new Violation(
    'vote-up-to-date',
    `Member ${id}, whose log ends at index ${own.last} of term ${own.lastTerm}, votes for ${request.from}, whose log ends at index ${request.index} of term ${request.logTerm}.`,
  );
}
