import type { Entry, Snapshot } from '@raft-ts/proto';
import { EntryList, ERR_COMPACTED, ERR_UNAVAILABLE, storageError } from '@raft-ts/proto/internal';

/** The entries that a member keeps in memory: all above the last compacted one. */
export class LogView {
  /** The first one has index `compacted` + 1. */
  private log = new EntryList();
  private compacted = 0;
  private compactedTerm = 0;

  get firstIndex(): number {
    return this.compacted + 1;
  }

  get lastIndex(): number {
    return this.compacted + this.log.length;
  }

  /** Forgets everything: the log begins after this snapshot. */
  reset({ metadata: { index, term } }: Snapshot, entries: readonly Entry[] = []): void {
    this.log = new EntryList();
    for (const entry of entries) this.log.push(entry);
    this.compacted = index;
    this.compactedTerm = term;
  }

  /** @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE` */
  term(index: number): number {
    if (index < this.compacted) throw storageError(ERR_COMPACTED);
    if (index === this.compacted) return this.compactedTerm;
    const entry = this.log.at(index - this.firstIndex);
    if (entry === undefined) throw storageError(ERR_UNAVAILABLE);
    return entry.term;
  }

  /**
   * Returns the entries in [lo, hi), limited to the longest prefix of at most `maxSize` encoded bytes, but at least
   * one.
   * @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`
   */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    if (lo <= this.compacted) throw storageError(ERR_COMPACTED);
    if (lo >= hi || hi > this.lastIndex + 1) throw storageError(ERR_UNAVAILABLE);
    return this.log.within(lo - this.firstIndex, hi - this.firstIndex, maxSize);
  }

  /** Returns the entry at this index; undefined if it is not in memory. */
  entry(index: number): Entry | undefined {
    return index <= this.compacted ? undefined : this.log.at(index - this.firstIndex);
  }

  /** Tells whether these entries could follow the log, or replace its end. */
  joins(entries: readonly Entry[]): boolean {
    const first = entries[0];
    return first === undefined || (first.index > this.compacted && first.index <= this.lastIndex + 1);
  }

  /** Adds entries that join. They replace the existing ones from the index of the first one on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    this.log.truncate(first.index - this.firstIndex);
    for (let i = 0; i < entries.length; i++) this.log.push(entries[i] as Entry);
  }

  /** Drops the entries up to and including `index`. @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE` */
  compact(index: number): void {
    if (index <= this.compacted) throw storageError(ERR_COMPACTED);
    const term = this.term(index);
    this.log.dropFront(index - this.compacted);
    this.compacted = index;
    this.compactedTerm = term;
  }
}
