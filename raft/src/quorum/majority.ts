import type { NodeId } from '@raft-ts/proto';

/** Whether a candidate has what it needs. */
export type VoteResult = 'VotePending' | 'VoteLost' | 'VoteWon';

/** Knows how far each member's log is known to reach. */
export interface AckedIndexer {
  /** `undefined` where the member was not heard of. */
  ackedIndex(id: NodeId): number | undefined;
}

/** An index as etcd prints it: `∞` where nobody holds anything back. */
export function describeIndex(index: number): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
}

/** From here on insertion sort loses, and a member that was sent a huge membership would stand still in it. */
const LARGE_QUORUM = 32;

/**
 * The highest index that a majority of `count` members reaches, given how far each does: what section 5.3 of the paper
 * lets a leader commit. Infinity where there is nobody, so that an empty half of a joint configuration holds nothing
 * back. May sort the first `count` of `indexes` in place.
 */
export function majorityIndex(indexes: number[], count: number): number {
  if (count === 0) return Number.POSITIVE_INFINITY;
  if (count >= LARGE_QUORUM) {
    const sorted = Float64Array.from(indexes.slice(0, count)).sort();
    return sorted[count - (Math.floor(count / 2) + 1)] as number;
  }
  // Insertion sort: quorums are small, and their members' indexes nearly equal.
  for (let i = 1; i < count; i++) {
    const index = indexes[i] as number;
    let at = i;
    for (; at > 0 && (indexes[at - 1] as number) > index; at--) indexes[at] = indexes[at - 1] as number;
    indexes[at] = index;
  }
  return indexes[count - (Math.floor(count / 2) + 1)] as number;
}

/** A set of voters that decides by majority. Immutable. */
export class MajorityConfig {
  /** Ascending. */
  readonly ids: readonly NodeId[];

  constructor(ids: Iterable<NodeId> = []) {
    this.ids = sortedIds(ids);
  }

  get size(): number {
    return this.ids.length;
  }

  has(id: NodeId): boolean {
    let low = 0;
    let high = this.ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.ids[middle] as NodeId) < id) low = middle + 1;
      else high = middle;
    }
    return this.ids[low] === id;
  }

  /** The highest index that a majority has acknowledged; Infinity where there are no voters. */
  committedIndex(acked: AckedIndexer): number {
    const indexes = this.ids.map((id) => acked.ackedIndex(id) ?? 0);
    return majorityIndex(indexes, indexes.length);
  }

  /** Won with a majority of yes, lost when a majority can no longer be had. Without voters: won. */
  voteResult(votes: ReadonlyMap<NodeId, boolean>): VoteResult {
    if (this.ids.length === 0) return 'VoteWon';
    let granted = 0;
    let missing = 0;
    for (const id of this.ids) {
      const vote = votes.get(id);
      if (vote === undefined) missing++;
      else if (vote) granted++;
    }
    const quorum = Math.floor(this.ids.length / 2) + 1;
    if (granted >= quorum) return 'VoteWon';
    return granted + missing >= quorum ? 'VotePending' : 'VoteLost';
  }

  /** The ids in blanks and parentheses, hexadecimal: `(1 2 a)`. */
  toString(): string {
    return describeIds(this.ids);
  }

  /** A picture of who acknowledged what, one line a voter. */
  describe(acked: AckedIndexer): string {
    const n = this.ids.length;
    if (n === 0) return '<empty majority quorum>';
    const rows = this.ids.map((id) => ({ id, index: acked.ackedIndex(id), bar: 0 }));
    // Stable sort: voters at the same index stay in ascending order of their ids.
    const byIndex = rows.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0));
    for (const [i, row] of byIndex.entries()) {
      const previous = byIndex[i - 1];
      if (previous !== undefined) row.bar = (row.index ?? 0) > (previous.index ?? 0) ? i : previous.bar;
    }
    let text = `${' '.repeat(n)}    idx\n`;
    for (const { id, index, bar } of rows) {
      text += index === undefined ? `?${' '.repeat(n)}` : `${'x'.repeat(bar)}>${' '.repeat(n - bar)}`;
      text += ` ${String(index ?? 0).padStart(5)}    (id=${id.toString(16)})\n`;
    }
    return text;
  }
}

/** These ids without repetition, ascending. */
export function sortedIds(ids: Iterable<NodeId>): NodeId[] {
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1));
}

const SHOWN_IDS = 256;

/**
 * Ids in blanks and parentheses, hexadecimal: `(1 2 a)`. Of a longer list the first 256 are shown, and how many more.
 */
export function describeIds(ids: readonly NodeId[]): string {
  const shown = ids.slice(0, SHOWN_IDS).map((id) => id.toString(16));
  const more = ids.length > SHOWN_IDS ? ` and ${ids.length - SHOWN_IDS} more` : '';
  return `(${shown.join(' ')}${more})`;
}
