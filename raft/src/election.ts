/**
 * All of elections: who campaigns and how (`hup`, `campaign`), who is granted a vote (`withholdsVote`, `answerVote`,
 * `rejectVote`), and what the votes add up to (`countVote`).
 */
import { type Message, MessageType, messageName, NONE, type NodeId, newMessage } from '@raft-ts/proto';
import { isConfChangeEntry } from './confchange/conf-change.js';
import { RaftPanic } from './errors.js';
import { describePosition } from './log-slice.js';
import type { Raft } from './raft.js';
import { bcastAppend } from './replication.js';
import type { Tally } from './tracker/tracker.js';

/** Why a member campaigns, which decides how. */
export type CampaignType = 'CampaignPreElection' | 'CampaignElection' | 'CampaignTransfer';

/** The context of a MsgVote in a leadership transfer: the vote is granted in spite of the leader's lease. */
export const TRANSFER_CONTEXT: Uint8Array = new TextEncoder().encode('CampaignTransfer');

/** Does this vote request belong to a leadership transfer? */
export function isTransferVote(m: Message): boolean {
  const { context } = m;
  return context?.length === TRANSFER_CONTEXT.length && context.every((byte, i) => byte === TRANSFER_CONTEXT[i]);
}

// Campaigning

/** What a campaign reads, changes and calls of a member. */
export type CampaignReach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'state'
  | 'raftLog'
  | 'trk'
  | 'logger'
  | 'send'
  | 'promotable'
  | 'becomePreCandidate'
  | 'becomeCandidate'
>;

/** Starts an election, unless something forbids it: a timer fired, the application asks, or the leader hands over. */
export function hup(r: CampaignReach, type: CampaignType): void {
  const self = r.id.toString(16);
  if (r.state === 'StateLeader') {
    if (r.logger.debugEnabled) r.logger.debug(`${self} ignoring MsgHup because already leader`);
    return;
  }
  if (!r.promotable()) {
    r.logger.warn(`${self} is unpromotable and can not campaign`);
    return;
  }
  if (hasUnappliedConfChanges(r)) {
    // Until they are applied, this member would count votes by a configuration that may no longer be in force.
    r.logger.warn(
      `${self} cannot campaign at term ${r.term} since there are still pending configuration changes to apply`,
    );
    return;
  }
  r.logger.info(`${self} is starting a new election at term ${r.term}`);
  campaign(r, type);
}

function hasUnappliedConfChanges({ raftLog }: Pick<Raft, 'raftLog'>): boolean {
  if (raftLog.applied >= raftLog.committed) return false;
  const lo = raftLog.applied + 1;
  const hi = raftLog.committed + 1;
  const found = raftLog.scan(lo, hi, raftLog.maxApplyingEntsSize, (page) => page.some(isConfChangeEntry));
  if (typeof found === 'string') {
    throw new RaftPanic('storage-lost-entries', `error scanning unapplied entries [${lo}, ${hi}): ${found}`);
  }
  return found;
}

/** Becomes a (pre-)candidate and asks every voter for its vote, including itself. */
export function campaign(r: CampaignReach, type: CampaignType): void {
  const self = r.id.toString(16);
  if (!r.promotable()) {
    // A pre-candidate may have been removed by the time it wins.
    r.logger.warn(`${self} is unpromotable; campaign() should have been called`);
  }
  const pre = type === 'CampaignPreElection';
  if (pre) r.becomePreCandidate();
  else r.becomeCandidate();
  const request = pre ? MessageType.MsgPreVote : MessageType.MsgVote;
  // A pre-candidate asks about a term that it has not entered yet.
  const term = pre ? r.term + 1 : r.term;
  const last = r.raftLog.lastEntryId();
  for (const id of r.trk.voterNodes()) {
    if (id === r.id) {
      // Like any other, its own vote counts only once it is on stable storage.
      const own = newMessage(voteRespType(request), id);
      own.term = term;
      r.send(own);
      continue;
    }
    r.logger.info(
      `${self} ${describePosition(last)} sent ${messageName(request)} request to ${id.toString(16)} at term ${r.term}`,
    );
    const m = newMessage(request, id);
    m.term = term;
    m.index = last.index;
    m.logTerm = last.term;
    if (type === 'CampaignTransfer') m.context = TRANSFER_CONTEXT;
    r.send(m);
  }
}

/** Returns the type of the answer to a vote request. */
export function voteRespType(request: MessageType): MessageType {
  if (request === MessageType.MsgVote) return MessageType.MsgVoteResp;
  if (request === MessageType.MsgPreVote) return MessageType.MsgPreVoteResp;
  throw new RaftPanic('invariant', `not a vote message: ${messageName(request)}`);
}

// Granting

/** What granting a vote reads, changes and calls of a member. */
type VoterReach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'vote'
  | 'lead'
  | 'checkQuorum'
  | 'electionElapsed'
  | 'electionTimeout'
  | 'raftLog'
  | 'logger'
  | 'send'
>;

/** Has a leader been heard from within the shortest election timeout? */
export function hasLease(r: Pick<Raft, 'checkQuorum' | 'lead' | 'electionElapsed' | 'electionTimeout'>): boolean {
  return r.checkQuorum && r.lead !== NONE && r.electionElapsed < r.electionTimeout;
}

/** Is this a vote request of a later term that goes unanswered because there is a leader? */
export function withholdsVote(r: VoterReach, m: Message): boolean {
  const { type } = m;
  const isVote = type === MessageType.MsgVote || type === MessageType.MsgPreVote;
  // A member that hears from a leader does not help to replace it (section 4.2.3 of the dissertation).
  if (!isVote || !hasLease(r) || isTransferVote(m)) return false;
  tellVote(r, m, 'ignored', `: lease is not expired (remaining ticks: ${r.electionTimeout - r.electionElapsed})`);
  return true;
}

/**
 * Grants or refuses a vote: sections 5.2 and 5.4.1 of the paper. Learners vote too: they may not have heard of their
 * promotion yet.
 */
export function answerVote(r: VoterReach, m: Message): void {
  const canVote =
    r.vote === m.from || (r.vote === NONE && r.lead === NONE) || (m.type === MessageType.MsgPreVote && m.term > r.term);
  if (!canVote || !r.raftLog.isUpToDate({ term: m.logTerm, index: m.index })) {
    rejectVote(r, m);
    return;
  }
  tellVote(r, m, 'cast');
  // The answer to a pre-vote carries the term of the question: with this member's own term it would be ignored.
  const resp = newMessage(voteRespType(m.type), m.from);
  resp.term = m.term;
  r.send(resp);
  if (m.type === MessageType.MsgVote) {
    r.electionElapsed = 0;
    r.vote = m.from;
  }
}

/** Refuses a vote; the answer carries this member's term. */
export function rejectVote(r: VoterReach, m: Message): void {
  tellVote(r, m, 'rejected');
  const resp = newMessage(voteRespType(m.type), m.from);
  resp.term = r.term;
  resp.reject = true;
  r.send(resp);
}

function tellVote(r: VoterReach, m: Message, answer: 'ignored' | 'cast' | 'rejected', more = ''): void {
  const own = describePosition(r.raftLog.lastEntryId(), r.vote);
  const theirs = describePosition({ term: m.logTerm, index: m.index });
  const sender = `${answer === 'cast' ? 'for' : 'from'} ${m.from.toString(16)}`;
  r.logger.info(
    `${r.id.toString(16)} ${own} ${answer} ${messageName(m.type)} ${sender} ${theirs} at term ${r.term}${more}`,
  );
}

// Counting

/** What counting votes reads, changes and calls of a candidate. */
export type CountReach = CampaignReach &
  Parameters<typeof bcastAppend>[0] &
  Pick<Raft, 'becomeFollower' | 'becomeLeader'>;

/** Counts a vote: a pre-candidate that wins starts the election, a candidate that wins becomes leader. */
export function countVote(r: CountReach, m: Message): void {
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
    // A pre-vote response carries the term of the question; this member's own term stays as it is.
    r.becomeFollower(r.term, NONE);
  }
}

/** Records a vote and tallies all of them. */
export function poll(
  r: Pick<Raft, 'id' | 'term' | 'trk' | 'logger'>,
  vote: { from: NodeId; type: MessageType; granted: boolean },
): Tally {
  const what = vote.granted ? messageName(vote.type) : `${messageName(vote.type)} rejection`;
  r.logger.info(`${r.id.toString(16)} received ${what} from ${vote.from.toString(16)} at term ${r.term}`);
  r.trk.recordVote(vote.from, vote.granted);
  return r.trk.tallyVotes();
}
