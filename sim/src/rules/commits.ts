import type { Entry, NodeId } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { numberOf } from '../base/bytes.js';
import { chainEntry } from '../base/records.js';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';
import { isAsComplete, type LogEnd } from './elections.js';
import type { History } from './history.js';

/** A leader has moved its commit index: the entry there is on a quorum's stable storage, by counting the disks. */
export function committedOnQuorum({ id }: Member, raft: Raft, members: readonly Member[]): void {
  const { committed } = raft.raftLog;
  const term = raft.raftLog.term(committed);
  // Compacted: another member committed it long ago, or it could not have been compacted.
  if (typeof term !== 'number') return;
  const { incoming, outgoing } = raft.trk.config.voters;
  for (const half of [incoming, outgoing]) {
    if (half.size === 0) continue;
    const held = half.ids.filter((voter) => holds(members, voter, committed, term));
    if (2 * held.length <= half.size) {
      throw new Violation(
        'committed-on-quorum',
        `Member ${id} leads in term ${raft.term} and commits entry ${committed} of term ${term}, which only ${held.length} of the voters ${half.ids.join(', ')} have on stable storage (${held.join(', ') || 'none'}).`,
      );
    }
  }
}

function holds(members: readonly Member[], voter: NodeId, index: number, term: number): boolean {
  return members[Number(voter) - 1]?.disk.durable.holds(index, term) === true;
}

/** A leader has moved its commit index: by counting, to an entry of its own term (figure 8 of the paper). */
export function commitsOwnTerm({ id }: Member, { raftLog, term }: Raft): void {
  const { committed } = raftLog;
  const own = raftLog.term(committed);
  if (own === term || typeof own !== 'number') return;
  throw new Violation(
    'commits-own-term',
    `Member ${id} leads in term ${term} and commits entry ${committed} of term ${own} by counting.`,
  );
}

/** A leader has moved its commit index: nobody without the entry could be elected, by what disks hold now. */
export function electableComplete({ id }: Member, raft: Raft, members: readonly Member[]): void {
  const { committed } = raft.raftLog;
  const term = raft.raftLog.term(committed);
  if (typeof term !== 'number') return;
  const { incoming, outgoing } = raft.trk.config.voters;
  for (const candidate of incoming.ids) {
    if (holds(members, candidate, committed, term)) continue;
    const theirs = lastStored(members, candidate);
    const wins = [incoming, outgoing].every(
      (half) =>
        half.size === 0 ||
        2 * half.ids.filter((voter) => isAsComplete(theirs, lastStored(members, voter))).length > half.size,
    );
    if (!wins) continue;
    throw new Violation(
      'electable-complete',
      `Member ${id} leads in term ${raft.term} and commits entry ${committed} of term ${term}, which member ${candidate} lacks; its log, which ends at index ${theirs.index} of term ${theirs.term}, could win an election.`,
    );
  }
}

function lastStored(members: readonly Member[], voter: NodeId): LogEnd {
  const durable = members[Number(voter) - 1]?.disk.durable;
  const index = durable?.lastIndex ?? 0;
  return { index, term: durable?.term(index) ?? 0 };
}

/** Notes what a member commits: for a leader as soon as it does so, for others when they show it. */
export function committedForEver(history: History, member: Member, upTo: number, term: number): void {
  const { id, log } = member;
  for (let index = Math.max(member.shownCommit, log.base) + 1; index <= upTo; index++) {
    const chain = log.chain(index);
    if (index > history.committed) {
      if (member.leadsTerm === 0 && index > history.decreed) {
        throw new Violation(
          'committed-for-ever',
          `Member ${id} takes entry ${index} for committed, which no leader has committed.`,
        );
      }
      history.commit(log.term(index), chain, term);
    } else if (history.chains[index] !== chain) {
      throw new Violation(
        'committed-for-ever',
        `Member ${id} takes its entry ${index} of term ${log.term(index)} for committed; another one, of term ${history.terms[index]}, was committed there.`,
      );
    }
  }
  if (upTo > member.shownCommit) member.shownCommit = upTo;
}

/** A member is about to apply an entry. Returns the hash of its state machine afterwards. */
export function stateMachineSafety(history: History, member: Member, entry: Entry): number {
  const { id, applied, state } = member;
  const { index } = entry;
  if (index !== applied + 1) {
    throw new Violation('applied-in-order', `Member ${id} applies entry ${index} after entry ${applied}.`);
  }
  if (index > history.committed) {
    throw new Violation('applied-in-order', `Member ${id} applies entry ${index}, which is not committed.`);
  }
  const next = chainEntry(state, entry);
  if (next !== history.chains[index]) {
    throw new Violation(
      'state-machine-safety',
      `Member ${id} applies an entry ${index} of term ${entry.term} that is not the committed one, or its state differed before.`,
    );
  }
  return next;
}

/** The payload of an entry that is applied for the first time. */
export function entryIntact({ proposals }: History, { id }: Member, { index, data }: Entry): void {
  if (data === undefined || data.length === 0) return;
  const number = numberOf(data);
  if (number !== undefined && number <= proposals) return;
  throw new Violation('entry-intact', `Member ${id} applies entry ${index} with bytes that nobody has proposed.`);
}
