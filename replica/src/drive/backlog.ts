import { SlidingList } from '@raft-ts/proto/internal';
import type { Entry } from '@raft-ts/raft';

export interface BacklogHost {
  /** Index of the first entry of the log. */
  readonly first: () => number;
  /** Index of the last entry of the log. */
  readonly last: () => number;
  readonly committed: () => number;
  readonly applied: () => number;
  readonly maxEntries: number;
  readonly maxBytes: number;
}

/** Entries that were saved together. */
interface Saved {
  /** Index of the last one. */
  last: number;
  /** Bytes of all entries that were saved up to here. */
  readonly total: number;
}

/**
 * How much is in the log and not applied yet. Raft bounds what a leader appends by the bytes of the payloads, which
 * empty entries do not have, and never bounds what a follower takes: one whose state machine is stuck would acknowledge
 * entries for ever, and hold them all.
 */
export class Backlog {
  private readonly host: BacklogHost;
  private readonly saved = new SlidingList<Saved>();
  /** Bytes of all entries that were saved up to what is applied. */
  private done = 0;

  constructor(host: BacklogHost) {
    this.host = host;
  }

  /** May a leader append more? */
  get hasRoom(): boolean {
    const { last, applied, maxEntries } = this.host;
    return last() - applied() < maxEntries;
  }

  /** Does an entry wait to be committed? */
  get hasUncommitted(): boolean {
    return this.host.last() > this.host.committed();
  }

  /**
   * Is so much committed and not applied that this member should take no further entries? Entries that are not
   * committed do not count: a leader may need them to be taken before it can commit anything.
   */
  get isBehind(): boolean {
    const { committed, applied, maxEntries, maxBytes } = this.host;
    const commit = committed();
    return commit - applied() >= maxEntries || this.bytesUpTo(commit) >= maxBytes;
  }

  /** Has a snapshot come that is not in the place of the state yet? It is committed, and not applied. */
  get isReplaced(): boolean {
    return this.host.first() > this.host.applied() + 1;
  }

  /** These entries were handed to the log; they replace what was there from the first one's index on. */
  save(entries: readonly Entry[]): void {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    this.truncate(first.index);
    let total = this.saved.at(this.saved.length - 1)?.total ?? this.done;
    for (const { data } of entries) total += data?.length ?? 0;
    this.saved.push({ last: last.index, total });
  }

  private truncate(from: number): void {
    const { saved } = this;
    let length = saved.length;
    while (length > 0 && (saved.at(length - 1) as Saved).last >= from) length--;
    const cut = saved.at(length);
    saved.truncate(length);
    // What it held below `from` still counts, and with it, until that is applied, what was replaced. If that is applied
    // already, nothing would ever end its counting: a member that takes no entries applies none.
    const kept = Math.max(saved.at(length - 1)?.last ?? 0, this.host.applied());
    if (cut !== undefined && kept < from - 1) {
      saved.push({ last: from - 1, total: cut.total });
    }
  }

  /** Everything up to here is applied, or replaced by a snapshot. */
  release(index: number): void {
    const { saved } = this;
    let count = 0;
    for (let one = saved.at(0); one !== undefined && one.last <= index; one = saved.at(++count)) this.done = one.total;
    if (count > 0) saved.dropFront(count);
  }

  private bytesUpTo(commit: number): number {
    const { saved } = this;
    let low = 0;
    for (let high = saved.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((saved.at(middle) as Saved).last <= commit) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : (saved.at(low - 1) as Saved).total - this.done;
  }
}
