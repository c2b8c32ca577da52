import type { NodeId } from '@raft-ts/proto';

/** The state of an election. */
export type VoteResult = 'VotePending' | 'VoteLost' | 'VoteWon';

/** Tells how far each member's log is known to reach. */
export interface AckedIndexer {
  /** `undefined` if nothing has been heard from the member. */
  ackedIndex(id: NodeId): number | undefined;
}

/** Formats an index as etcd does: `∞` if nobody holds anything back. */
export function describeIndex(index: number): string {
  return index === Number.POSITIVE_INFINITY ? '∞' : String(index);
}

/** From this size on insertion sort is slower; with a huge membership it would block. */
const LARGE_QUORUM = 32;

/**
 * Returns the highest index that a majority of `count` members has reached, given the index that each has reached: what
 * section 5.3 of the paper lets a leader commit. Infinity if there are none, so that an empty half of a joint
 * configuration holds nothing back. May sort the first `count` of `indexes` in place.
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

/** A set of voters that decide by majority. Immutable. */
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

  /** The highest index that a majority has acknowledged; Infinity if there are no voters. */
  committedIndex(acked: AckedIndexer): number {
    const indexes = this.ids.map((id) => acked.ackedIndex(id) ?? 0);
    return majorityIndex(indexes, indexes.length);
  }

  /** Won with a majority of yes, lost once a majority is out of reach. Without voters: won. */
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

  /** The ids in hexadecimal, separated by spaces, in parentheses: `(1 2 a)`. */
  toString(): string {
    return describeIds(this.ids);
  }

  /** Draws who has acknowledged what, one line per voter. */
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

/** Returns these ids without duplicates, ascending. */
export function sortedIds(ids: Iterable<NodeId>): NodeId[] {
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1));
}

const SHOWN_IDS = 256;

/** Formats ids in hexadecimal: `(1 2 a)`. Shows the first 256, and how many more there are. */
export function describeIds(ids: readonly NodeId[]): string {
  const shown = ids.slice(0, SHOWN_IDS).map((id) => id.toString(16));
  const more = ids.length > SHOWN_IDS ? ` and ${ids.length - SHOWN_IDS} more` : '';
  return `(${shown.join(' ')}${more})`;
}
