import { type Message, MessageType } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';

/** A member has become leader of this term. */
export function electionSafety({ leaders }: History, { id, slot }: Member, term: number): void {
  const other = leaders.get(term);
  if (other === undefined) {
    leaders.set(term, slot);
  } else if (other !== slot) {
    throw new Violation('election-safety', `Members ${other + 1} and ${id} both lead in term ${term}.`);
  }
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

/** Where a voter's log ended before it was asked, and how many answers it had not handed out. */
export interface Voter {
  readonly term: number;
  readonly index: number;
  readonly answers: number;
}

/** A member has just handled a request for its vote. */
export function voteUpToDate({ id }: Member, { msgsAfterAppend }: Raft, request: Message, own: Voter): void {
  const isComplete = request.logTerm > own.term || (request.logTerm === own.term && request.index >= own.index);
  if (isComplete || msgsAfterAppend.length === own.answers) return;
  const answer = msgsAfterAppend.at(-1);
  if (answer === undefined || answer.to !== request.from || answer.reject) return;
  if (answer.type !== MessageType.MsgVoteResp && answer.type !== MessageType.MsgPreVoteResp) return;
  throw new Violation(
    'vote-up-to-date',
    `Member ${id}, whose log ends at index ${own.index} of term ${own.term}, votes for ${request.from}, whose log ends at index ${request.index} of term ${request.logTerm}.`,
  );
}
