import { type Entry, entrySize, type Snapshot } from '@raft-ts/proto';
import { EntryList, ERR_COMPACTED, ERR_UNAVAILABLE, storageError } from '@raft-ts/proto/internal';
import { PackedEntries } from './packed-entries.js';

/** So many of the newest entries stay as they came: what is not applied, or not on all members, is among them. */
const RECENT = 512;
/** So many are packed at once. */
const BATCH = 128;

/** The entries that a member keeps in memory: all above the last compacted one. */
export class LogView {
  /** The older ones. The first one has index `compacted` + 1. */
  private packed = new PackedEntries();
  /** Those that follow. */
  private recent = new EntryList();
  private compacted = 0;
  private compactedTerm = 0;

  get firstIndex(): number {
    return this.compacted + 1;
  }

  get lastIndex(): number {
    return this.compacted + this.packed.length + this.recent.length;
  }

  /** Forgets everything: the log begins after this snapshot. */
  reset({ metadata: { index, term } }: Snapshot, entries: readonly Entry[] = []): void {
    this.packed = new PackedEntries();
    this.recent = new EntryList();
    this.compacted = index;
    this.compactedTerm = term;
    this.push(entries);
  }

  /** @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE` */
  term(index: number): number {
    if (index < this.compacted) throw storageError(ERR_COMPACTED);
    if (index === this.compacted) return this.compactedTerm;
    const at = index - this.firstIndex;
    const { packed } = this;
    const term = at < packed.length ? packed.termAt(at) : this.recent.at(at - packed.length)?.term;
    if (term === undefined) throw storageError(ERR_UNAVAILABLE);
    return term;
  }

  /**
   * Returns the entries in [lo, hi), limited to the longest prefix of at most `maxSize` encoded bytes, but at least
   * one.
   * @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`
   */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    if (lo <= this.compacted) throw storageError(ERR_COMPACTED);
    if (lo >= hi || hi > this.lastIndex + 1) throw storageError(ERR_UNAVAILABLE);
    const { firstIndex, packed, recent } = this;
    const [from, to] = [lo - firstIndex, hi - firstIndex];
    if (from >= packed.length) return recent.within(from - packed.length, to - packed.length, maxSize);
    const found: Entry[] = [];
    let size = 0;
    for (let at = from; at < to; at++) {
      const entry = this.at(at) as Entry;
      size += entrySize(entry);
      if (size > maxSize && found.length > 0) break;
      found.push(entry);
    }
    return found;
  }

  /** Returns the entry at this index; undefined if it is not in memory. */
  entry(index: number): Entry | undefined {
    return index <= this.compacted ? undefined : this.at(index - this.firstIndex);
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
    const length = first.index - this.firstIndex;
    this.recent.truncate(Math.max(length - this.packed.length, 0));
    this.packed.truncate(length);
    this.push(entries);
  }

  /** Drops the entries up to and including `index`. @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE` */
  compact(index: number): void {
    if (index <= this.compacted) throw storageError(ERR_COMPACTED);
    const term = this.term(index);
    const count = index - this.compacted;
    const older = Math.min(count, this.packed.length);
    this.packed.dropFront(older);
    this.recent.dropFront(count - older);
    this.compacted = index;
    this.compactedTerm = term;
  }

  private at(i: number): Entry | undefined {
    const { packed, recent } = this;
    return i < packed.length ? packed.at(i) : recent.at(i - packed.length);
  }

  private push(entries: readonly Entry[]): void {
    const { packed, recent } = this;
    for (let i = 0; i < entries.length; i++) {
      recent.push(entries[i] as Entry);
      if (recent.length < RECENT + BATCH) continue;
      for (let k = 0; k < BATCH; k++) packed.push(recent.at(k) as Entry);
      recent.dropFront(BATCH);
    }
  }
}
