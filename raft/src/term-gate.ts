/**
 * The term gate (section 5.1 of the paper): what the term of a message means to a member before the rule for the
 * message is looked at.
 */
import { type Message, MessageType, messageName, NONE, newMessage } from '@raft-ts/proto';
import { rejectVote, withholdsVote } from './election.js';
import type { Raft } from './raft.js';

/** What the term gate reads, changes and calls of a member. */
type Reach = Parameters<typeof withholdsVote>[0] &
  Pick<Raft, 'termAtTick' | 'isFarBehind' | 'termJumps' | 'preVote' | 'warnings' | 'becomeFollower' | 'appliedSnap'> &
  Pick<Raft, 'lead' | 'answersEarlierVotes'>;

/**
 * By how much messages may raise the term between two ticks. An election raises it by one; even at this pace the range
 * of terms lasts for more than a year of ticks of 100 ms.
 */
export const MAX_TERM_RISE: number = 2 ** 24;

/** Does this message go on to its rule? If not, everything that it calls for has been done. */
export function passesTermGate(r: Reach, m: Message): boolean {
  if (m.term > r.term) return enterHigherTerm(r, m);
  if (m.term === r.term || m.term === 0) return true;
  answerLowerTerm(r, m);
  return false;
}

function enterHigherTerm(r: Reach, m: Message): boolean {
  const { type } = m;
  if (withholdsVote(r, m)) return false;
  // A pre-vote and its consent name a term that nobody has entered yet.
  if (type === MessageType.MsgPreVote || (type === MessageType.MsgPreVoteResp && !m.reject)) return true;
  if (m.term > r.termAtTick + MAX_TERM_RISE) {
    refuseTermJump(r, m);
    return false;
  }
  r.logger.info(
    `${r.id.toString(16)} [term: ${r.term}] received a ${messageName(type)} message with higher term from ${m.from.toString(16)} [term: ${m.term}]`,
  );
  const fromLeader = type === MessageType.MsgApp || type === MessageType.MsgHeartbeat || type === MessageType.MsgSnap;
  r.becomeFollower(m.term, fromLeader ? m.from : NONE);
  return true;
}

/**
 * Drops a message of a term that no recent election can have led to. If such terms were entered at once, a forger could
 * use up the range of terms, and with it the last leader. A member that was away for long gets there step by step.
 */
function refuseTermJump(r: Reach, m: Message): void {
  const bound = r.termAtTick + MAX_TERM_RISE;
  const { term } = r;
  r.termJumps++;
  r.warnings.warn(
    'term jump',
    () =>
      `${r.id.toString(16)} [term: ${term}] dropped a ${messageName(m.type)} message from ${m.from.toString(16)} whose term ${m.term} is more than ${MAX_TERM_RISE} above that of the last tick, and goes to term ${bound}. If no member sent it, find out who reaches this member's port; a member that was away catches up by itself`,
  );
  if (term < bound) r.becomeFollower(bound, NONE);
  r.isFarBehind = true;
}

/** A message of an earlier term changes nothing here, but its sender may have to learn of the current term. */
function answerLowerTerm(r: Reach, m: Message): void {
  const { type } = m;
  if ((r.checkQuorum || r.preVote) && (type === MessageType.MsgHeartbeat || type === MessageType.MsgApp)) {
    // A leader of an earlier term never hears of this one through vote requests, which are withheld: without this
    // answer a member that campaigned while it was cut off could not come back.
    r.send(newMessage(MessageType.MsgAppResp, m.from));
  } else if (type === MessageType.MsgPreVote || (type === MessageType.MsgVote && mustLearnTerm(r, m))) {
    rejectVote(r, m);
  } else if (type === MessageType.MsgStorageAppendResp) {
    if (m.index !== 0) {
      // The entries may have been replaced since. A later write of this term acknowledges them again.
      r.logger.info(
        `${r.id.toString(16)} [term: ${r.term}] ignored entry appends from a ${messageName(type)} message with lower term [term: ${m.term}]`,
      );
    }
    // A snapshot holds committed state: it is stored whatever the term.
    if (m.snapshot !== undefined) r.appliedSnap(m.snapshot.metadata.index);
  } else {
    r.logger.info(
      `${r.id.toString(16)} [term: ${r.term}] ignored a ${messageName(type)} message with lower term from ${m.from.toString(16)} [term: ${m.term}]`,
    );
  }
}

/**
 * Must the candidate of an earlier term be told the current one? Its log may be the newer one, so it may be the only
 * one who can win, and it may not hear of this member's own campaigns: those go to the members that this one knows.
 * While there is a leader it learns the term from that. If it is far behind it is told always, since it enters higher
 * terms only step by step.
 */
function mustLearnTerm(r: Reach, m: Message): boolean {
  return (r.answersEarlierVotes && r.lead === NONE) || m.term < r.term - MAX_TERM_RISE;
}
