import { type Message, MessageType, messageName, NONE, type NodeId } from '@raft-ts/proto';
import type { RawNode } from '@raft-ts/raft';
import { isTransferVote, type Raft } from '@raft-ts/raft/internal';
import { names } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import { endOf, isAsComplete } from './elections.js';

/** What a member was like before it handled a message. One object is used again for every message. */
export class Before {
  term = 0;
  vote: NodeId = NONE;
  lead: NodeId = NONE;
  state = '';
  commit = 0;
  last = 0;
  /** The term of its last entry; looked at for requests of votes only. */
  lastTerm = 0;
  /** Ticks since it last heard from a leader, or last checked its quorum. */
  elapsed = 0;
  /** Does it keep its vote, because it hears from a leader? */
  hasLease = false;
  /** Number of answers that it had not handed out. */
  answers = 0;
  areChangesInHand = false;
  /** What it believes of the sender, as a leader. */
  match = 0;
  next = 0;

  look({ raft }: RawNode, m: Message): void {
    const { raftLog, trk } = raft;
    this.term = raft.term;
    this.vote = raft.vote;
    this.lead = raft.lead;
    this.state = raft.state;
    this.commit = raftLog.committed;
    this.elapsed = raft.electionElapsed;
    this.answers = raft.msgsAfterAppend.length;
    this.last = raftLog.lastIndex();
    switch (m.type) {
      case MessageType.MsgVote:
      case MessageType.MsgPreVote:
        this.lastTerm = raftLog.termOrZero(this.last);
        this.hasLease = raft.checkQuorum && raft.lead !== NONE && raft.electionElapsed < raft.electionTimeout;
        return;
      case MessageType.MsgSnap:
        this.areChangesInHand = raft.areChangesInHand();
        return;
      case MessageType.MsgAppResp:
      case MessageType.MsgHeartbeatResp: {
        const pr = trk.progress.get(m.from);
        this.match = pr?.match ?? 0;
        this.next = pr?.next ?? 0;
        return;
      }
      default:
    }
  }
}

/** A message of an earlier term was handled. */
export function staleIgnored({ id }: Member, raft: Raft, m: Message, before: Before): void {
  const fail = (what: string): never => {
    throw new Violation(
      'stale-ignored',
      `A ${messageName(m.type)} of term ${m.term} changes ${what} of member ${id}, which is in term ${before.term}.`,
    );
  };
  if (raft.term !== before.term || raft.vote !== before.vote) fail('the term or the vote');
  if (raft.state !== before.state || raft.lead !== before.lead) fail('the role or the leader');
  if (raft.electionElapsed !== before.elapsed) fail('the election timer');
  if (raft.raftLog.committed !== before.commit || raft.raftLog.lastIndex() !== before.last) fail('the log');
  if (raft.state !== 'StateLeader') return;
  if (m.type !== MessageType.MsgAppResp && m.type !== MessageType.MsgHeartbeatResp) return;
  const pr = raft.trk.progress.get(m.from);
  if (pr !== undefined && (pr.match !== before.match || pr.next !== before.next)) fail('what is known of its sender');
}

/** Is this a request for a vote that its receiver keeps to itself, because it hears from a leader? */
function isWithheld(m: Message, { hasLease }: Before): boolean {
  const isRequest = m.type === MessageType.MsgVote || m.type === MessageType.MsgPreVote;
  return isRequest && hasLease && !isTransferVote(m);
}

/** A message of a later term was handled. */
export function termAdopted({ id }: Member, { term }: Raft, m: Message, before: Before): void {
  if (term >= m.term || isWithheld(m, before)) return;
  // These name a term that nobody has entered yet.
  if (m.type === MessageType.MsgPreVote || (m.type === MessageType.MsgPreVoteResp && !m.reject)) return;
  throw new Violation(
    'term-adopted',
    `Member ${id} hears a ${messageName(m.type)} of term ${m.term} from ${m.from}, and stays in term ${term}.`,
  );
}

/** A pre-vote was handled. */
export function preVoteHarmless({ id }: Member, raft: Raft, m: Message, before: Before): void {
  const { term, vote, lead, state, electionElapsed } = raft;
  const isSame = term === before.term && vote === before.vote && lead === before.lead && state === before.state;
  if (isSame && electionElapsed === before.elapsed) return;
  throw new Violation(
    'pre-vote-harmless',
    `A pre-vote of ${m.from} for term ${m.term} changes ${isSame ? 'the election timer' : 'the state'} of member ${id}.`,
  );
}

/** A request for a vote was handled: whoever may have it gets it, and nobody waits for a term that it needs. */
export function voteOwed({ id }: Member, { msgsAfterAppend }: Raft, m: Message, before: Before): void {
  if (isWithheld(m, before)) return;
  const answer = msgsAfterAppend.length > before.answers ? msgsAfterAppend.at(-1) : undefined;
  const isAnswered = answer?.to === m.from;
  if (m.type === MessageType.MsgPreVote && m.term < before.term) {
    if (isAnswered && answer.reject && answer.term === before.term) return;
    throw new Violation(
      'vote-owed',
      `Member ${id}, in term ${before.term}, does not tell its term to ${m.from}, which asks for a pre-vote in term ${m.term}.`,
    );
  }
  const isComplete = isAsComplete(endOf(m), { index: before.last, term: before.lastTerm });
  const isAgain = m.type === MessageType.MsgVote && m.term === before.term && before.vote === m.from;
  if (!isComplete || !(m.term > before.term || isAgain)) return;
  if (isAnswered && !answer.reject && answer.term === m.term) return;
  throw new Violation(
    'vote-owed',
    `Member ${id} does not give its vote in term ${m.term} to ${m.from}, although it may: it has voted for ${before.vote} in term ${before.term}, and its log ends at index ${before.last} of term ${before.lastTerm}, that of the other at ${m.index} of term ${m.logTerm}.`,
  );
}

/** A leader's message was handled: how far it lets the member commit. */
export function commitTold({ id }: Member, { raftLog }: Raft, m: Message, before: Before): void {
  const { committed } = raftLog;
  if (committed === before.commit) return;
  const told =
    m.type === MessageType.MsgApp
      ? Math.min(m.commit, m.index + m.entries.length)
      : (m.snapshot?.metadata.index ?? m.commit);
  if (committed <= told) return;
  throw new Violation(
    'commit-told',
    `Member ${id} commits up to ${committed} by a ${messageName(m.type)} that reaches to ${told}.`,
  );
}

/** An append of the leader was handled. */
export function appendAccepted({ id }: Member, { msgsAfterAppend }: Raft, m: Message, before: Before): void {
  if (m.index > before.commit) return;
  const answer = msgsAfterAppend.length > before.answers ? msgsAfterAppend.at(-1) : undefined;
  if (answer?.type === MessageType.MsgAppResp && answer.to === m.from && !answer.reject) return;
  throw new Violation(
    'append-accepted',
    `Member ${id}, which has committed up to ${before.commit}, does not accept an append after ${m.index}.`,
  );
}

/** A snapshot of the leader was handled. */
export function snapshotTaken({ id }: Member, { raftLog }: Raft, m: Message, before: Before): void {
  if (m.snapshot === undefined || before.areChangesInHand) return;
  const { index, confState } = m.snapshot.metadata;
  if (index <= before.commit || !names(confState, id) || raftLog.committed >= index) return;
  throw new Violation(
    'snapshot-taken',
    `Member ${id}, which has committed up to ${before.commit}, does not take a snapshot of index ${index} that names it.`,
  );
}

/** A leader has handled an acknowledgement: whoever brings something new is told what is committed. */
export function commitPassedOn({ id }: Member, { raftLog, trk }: Raft, m: Message, before: Before): void {
  const pr = trk.progress.get(m.from);
  if (pr === undefined || pr.match <= before.match || pr.isPaused() || pr.state !== 'StateReplicate') return;
  const { committed } = raftLog;
  if (pr.sentCommit >= Math.min(committed, pr.next - 1)) return;
  throw new Violation(
    'commit-passed-on',
    `Member ${id} has committed up to ${committed} and told member ${pr.id}, which has acknowledged up to ${pr.match}, of ${pr.sentCommit} only.`,
  );
}
