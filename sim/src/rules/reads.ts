import type { ConfState, NodeId } from '@raft-ts/proto';
import type { ReadState } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { numberOf } from '../base/bytes.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import type { History } from './history.js';

/** A member was told at which index a read of its own can be served. */
export function readLinearizable(history: History, { id, slot, life }: Member, { index, requestCtx }: ReadState): void {
  const number = requestCtx === undefined ? undefined : numberOf(requestCtx);
  const read = number === undefined ? undefined : history.reads.get(number);
  // A repeated answer, or one to an earlier life.
  if (number === undefined || read === undefined || read.slot !== slot || read.life !== life) return;
  history.reads.delete(number);
  history.readsAnswered++;
  if (index >= read.bound) return;
  throw new Violation(
    'read-linearizable',
    `Member ${id} may serve read ${number} at index ${index}; entry ${read.bound} was committed before the read was asked for.`,
  );
}

/**
 * A leader has reads that wait for a majority: it knows what its predecessors committed (dissertation, section 6.4).
 */
export function readOwnTerm({ id, leadsTerm }: Member, { readOnly, raftLog, term }: Raft): void {
  if (readOnly.waiting === 0 || raftLog.termOrZero(raftLog.committed) === term) return;
  throw new Violation(
    'read-own-term',
    `Member ${id} leads in term ${leadsTerm} and gives a read index ${raftLog.committed}, although it has not committed an entry of its own term.`,
  );
}

/** A member hears a heartbeat of the leader of its term. */
export function heartbeatHeard({ heard }: Member, term: number, event: number): void {
  heard.delete(term);
  heard.set(term, event);
  if (heard.size <= TERMS_HEARD) return;
  for (const oldest of heard.keys()) {
    heard.delete(oldest);
    return;
  }
}

/** So many of the terms in which a member has last heard heartbeats are remembered. */
const TERMS_HEARD = 4;

/**
 * A member was told at which index a read of its own can be served: since it asked, a majority of each half has heard
 * heartbeats of the same leader, in that leader's term. The leader itself need not hear any.
 */
export function readConfirmed(
  history: History,
  { id, slot, life }: Member,
  { requestCtx }: ReadState,
  members: readonly Member[],
): void {
  const number = requestCtx === undefined ? undefined : numberOf(requestCtx);
  const read = number === undefined ? undefined : history.reads.get(number);
  if (read === undefined || read.slot !== slot || read.life !== life) return;
  const since = read.asked;
  const heard = (voter: NodeId, term: number): boolean => {
    const place = Number(voter) - 1;
    return history.leaders.get(term) === place || (members[place]?.heard.get(term) ?? -1) > since;
  };
  const confirms = (half: readonly NodeId[], term: number): boolean =>
    half.length === 0 || 2 * half.filter((voter) => heard(voter, term)).length > half.length;
  // The leader may have applied a membership change between the confirmation and the answer, or not yet.
  const configurations: readonly ConfState[] = history.configurations.slice(-3).map(({ confState }) => confState);
  for (const term of termsSince(history, members, since)) {
    if (configurations.some((cs) => confirms(cs.voters, term) && confirms(cs.votersOutgoing, term))) return;
  }
  throw new Violation(
    'read-confirmed',
    `Member ${id} may serve read ${number}, although no leader was heard by a majority since it was asked for.`,
  );
}

/** Leaders that may have been alone when they confirmed a read whose answer comes late: so many of the newest. */
const LONE_LEADERS = 2;

/**
 * The terms that may have confirmed a read: those in which a heartbeat was heard since, and those of leaders that may
 * have been the only voter. Such a leader asks nobody, and may be down by the time at which its answer arrives.
 */
function termsSince({ leaders }: History, members: readonly Member[], since: number): Set<number> {
  const terms = new Set([...leaders.keys()].slice(-LONE_LEADERS));
  for (const { heard, leadsTerm } of members) {
    for (const [term, event] of heard) if (event > since) terms.add(term);
    if (leadsTerm > 0 && leaders.has(leadsTerm)) terms.add(leadsTerm);
  }
  return terms;
}
