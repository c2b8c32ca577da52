import { type Entry, entrySize, RaftError, type Snapshot } from '@raft-ts/proto';

/** What a raft `Storage` throws; the texts are etcd's. */
const texts = {
  ERR_RAFT_COMPACTED: 'requested index is unavailable due to compaction',
  ERR_RAFT_UNAVAILABLE: 'requested entry at index is unavailable',
  ERR_RAFT_SNAP_OUT_OF_DATE: 'requested index is older than the existing snapshot',
} as const;

export function storageError(code: keyof typeof texts): RaftError {
  return new RaftError(code, texts[code]);
}

/** A dropped prefix is given back to the engine once it is at least this long and half of the list. */
const SMALLEST_REBUILD = 64;

/** The entries that a member keeps in memory: those above the last compacted one. */
export class LogView {
  /** `list[start]` has index `compacted` + 1. */
  private list: Entry[] = [];
  private start = 0;
  private compacted = 0;
  private compactedTerm = 0;

  get firstIndex(): number {
    return this.compacted + 1;
  }

  get lastIndex(): number {
    return this.compacted + this.list.length - this.start;
  }

  /** Forgets everything: the log begins behind this snapshot. */
  reset({ metadata: { index, term } }: Snapshot, entries: Entry[] = []): void {
    this.list = entries;
    this.start = 0;
    this.compacted = index;
    this.compactedTerm = term;
  }

  /** @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE` */
  term(index: number): number {
    if (index < this.compacted) throw storageError('ERR_RAFT_COMPACTED');
    if (index === this.compacted) return this.compactedTerm;
    const entry = this.list[this.start + index - this.firstIndex];
    if (entry === undefined) throw storageError('ERR_RAFT_UNAVAILABLE');
    return entry.term;
  }

  /**
   * Those of [lo, hi), cut to the longest prefix of at most `maxSize` encoded bytes, and at least one.
   * @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`
   */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    if (lo <= this.compacted) throw storageError('ERR_RAFT_COMPACTED');
    if (lo >= hi || hi > this.lastIndex + 1) throw storageError('ERR_RAFT_UNAVAILABLE');
    const from = this.start + lo - this.firstIndex;
    let to = from + hi - lo;
    if (maxSize !== Number.POSITIVE_INFINITY) {
      let size = entrySize(this.list[from] as Entry);
      for (let at = from + 1; at < to; at++) {
        size += entrySize(this.list[at] as Entry);
        if (size > maxSize) to = at;
      }
    }
    return this.list.slice(from, to);
  }

  /** The entry at this index, where it is in memory. */
  entry(index: number): Entry | undefined {
    return index <= this.compacted ? undefined : this.list[this.start + index - this.firstIndex];
  }

  /** Could these entries follow, or replace the end of, what is here? */
  joins(entries: readonly Entry[]): boolean {
    const first = entries[0];
    return first === undefined || (first.index > this.compacted && first.index <= this.lastIndex + 1);
  }

  /** Adds entries that join; from the first one's index on they replace what is there. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.list.length = this.start + first.index - this.firstIndex;
    for (let i = 0; i < entries.length; i++) this.list.push(entries[i] as Entry);
  }

  /** Drops the entries up to and including `index`. @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE` */
  compact(index: number): void {
    if (index <= this.compacted) throw storageError('ERR_RAFT_COMPACTED');
    const term = this.term(index);
    const { list } = this;
    const from = this.start;
    this.start += index - this.compacted;
    this.compacted = index;
    this.compactedTerm = term;
    if (this.start >= SMALLEST_REBUILD && this.start * 2 >= list.length) {
      this.list = list.slice(this.start);
      this.start = 0;
      return;
    }
    // Entries must not stay in memory with the list.
    for (let i = from; i < this.start; i++) list[i] = dropped;
  }
}

/** In the place of an entry that was dropped. */
const dropped: Entry = { type: undefined, term: 0, index: 0, data: undefined };
