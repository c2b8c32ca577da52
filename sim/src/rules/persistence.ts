import { type Message, MessageType } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';

/** A member's stable storage has changed. */
export function hardStateMonotone(member: Member): void {
  const { hardState } = member.disk.durable;
  if (hardState === undefined) return;
  const { term, vote } = hardState;
  const { id, durableTerm, durableVote } = member;
  if (term < durableTerm) {
    throw new Violation(
      'hard-state-monotone',
      `The term that member ${id} has stored fell from ${durableTerm} to ${term}.`,
    );
  }
  if (term === durableTerm && durableVote !== 0n && vote !== durableVote) {
    throw new Violation(
      'hard-state-monotone',
      `The vote of member ${id} that is stored for term ${term} changed from ${durableVote} to ${vote}.`,
    );
  }
  member.durableTerm = term;
  member.durableVote = vote;
}

/** A member's stable storage has changed, or what it takes for stable: the border is where it believes it to be. */
export function stableTrue({ id, log, disk }: Member, { raftLog }: Raft): void {
  const { offset, snapshot } = raftLog.unstable;
  const index = offset - 1;
  // A snapshot that is not stored yet is in the place of the log.
  if (snapshot !== undefined || index <= log.base) return;
  const term = log.term(index);
  if (term === 0 || disk.durable.holds(index, term)) return;
  throw new Violation(
    'stable-true',
    `Member ${id} takes its log for stable up to entry ${index} of term ${term}; its stable storage has ${disk.durable.term(index) ?? 0} for the term there.`,
  );
}

/** A message is handed to the network: what it promises is on the sender's stable storage. */
export function persistedBeforeSent(member: Member, m: Message): void {
  switch (m.type) {
    case MessageType.MsgAppResp:
      if (!m.reject) entriesPersisted(member, m);
      termPersisted(member, m, m.term);
      return;
    case MessageType.MsgVote:
      termPersisted(member, m, m.term);
      return;
    case MessageType.MsgVoteResp:
      termPersisted(member, m, m.term);
      if (!m.reject) votePersisted(member, m);
      return;
    case MessageType.MsgPreVoteResp:
      // Consent names the term that is asked for; a refusal the member's own.
      if (m.reject) termPersisted(member, m, m.term);
      return;
    default:
  }
}

/**
 * A member that has entered a later term since may have lost the entries to that term's leader before it wrote them,
 * and acknowledges them all the same, in the old term. That commits nothing: whoever accepts an entry refuses its vote
 * to a log without it, so if a quorum had accepted it, the later leader would have it too, and would not have replaced
 * it.
 */
function entriesPersisted({ id, disk, log, durableTerm }: Member, m: Message): void {
  const { durable } = disk;
  if (m.index <= durable.lastIndex || m.term < durableTerm) return;
  throw new Violation(
    'persisted-before-sent',
    `Member ${id} acknowledges entry ${m.index} to ${m.to}; its stable storage ends at ${durable.lastIndex}, its log at ${log.last}.`,
  );
}

function termPersisted({ id, durableTerm }: Member, m: Message, term: number): void {
  if (term <= durableTerm) return;
  throw new Violation(
    'persisted-before-sent',
    `Member ${id} answers ${m.from === id ? m.to : m.from} in term ${term}; the term on its stable storage is ${durableTerm}.`,
  );
}

function votePersisted({ id, durableTerm, durableVote }: Member, m: Message): void {
  if (durableTerm > m.term || (durableTerm === m.term && durableVote === m.to)) return;
  throw new Violation(
    'persisted-before-sent',
    `Member ${id} votes for ${m.to} in term ${m.term}; its stable storage has a vote for ${durableVote} in term ${durableTerm}.`,
  );
}
