import type { NodeId } from '@raft-ts/raft';
import type { AckedIndexer, VoteResult } from '@raft-ts/raft/internal';

/** Majorities and joint majorities from their definitions, by counting and by trying, for comparison. */

export type Acks = ReadonlyMap<NodeId, number>;
export type Votes = ReadonlyMap<NodeId, boolean>;

export function acked(acks: Acks): AckedIndexer {
  return { ackedIndex: (id) => acks.get(id) };
}

function isMajority(part: number, ids: readonly NodeId[]): boolean {
  return part * 2 > ids.length;
}

/** The highest acknowledged index that is on a majority of each half that has members. */
export function committedByCounting(halves: readonly (readonly NodeId[])[], acks: Acks): number {
  const counting = halves.filter((ids) => ids.length > 0);
  if (counting.length === 0) return Number.POSITIVE_INFINITY;
  const onMajorities = (index: number) =>
    counting.every((ids) => isMajority(ids.filter((id) => (acks.get(id) ?? 0) >= index).length, ids));
  return Math.max(0, ...[...acks.values()].filter(onMajorities));
}

/** Won if every way to cast the missing votes wins, lost if none does. */
export function voteByTrying(halves: readonly (readonly NodeId[])[], votes: Votes): VoteResult {
  const counting = halves.filter((ids) => ids.length > 0);
  const missing = [...new Set(counting.flat())].filter((id) => !votes.has(id));
  let wins = 0;
  const ways = 2 ** missing.length;
  for (let way = 0; way < ways; way++) {
    const says = (id: NodeId) => votes.get(id) ?? Math.floor(way / 2 ** missing.indexOf(id)) % 2 === 1;
    if (counting.every((ids) => isMajority(ids.filter(says).length, ids))) wins++;
  }
  if (wins === ways) return 'VoteWon';
  return wins === 0 ? 'VoteLost' : 'VotePending';
}
