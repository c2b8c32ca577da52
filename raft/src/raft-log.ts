import type { Entry, Snapshot } from '@raft-ts/proto';
import { RaftPanic } from './errors.js';
import type { EntryId, LogSlice } from './log-slice.js';
import type { Logger } from './logger.js';
import { entriesSize, limitSize } from './sizes.js';
import type { InitialState, Storage } from './storage.js';
import {
  type Missing,
  missingText,
  storedEntries,
  storedFirstIndex,
  storedInitialState,
  storedLastIndex,
  storedSnapshot,
  storedTerm,
} from './stored-log.js';
import { Unstable } from './unstable.js';

const noEntries: readonly Entry[] = [];

/**
 * The log as raft sees it: what storage has, extended and partly replaced by what is still unstable.
 *
 * Three positions move along it, applied <= applying <= committed: entries up to `committed` are decided, those up to
 * `applying` have been handed to the application, and those up to `applied` it has confirmed.
 */
export class RaftLog {
  readonly storage: Storage;
  readonly unstable: Unstable;
  /** Highest index known to be on a quorum. Volatile in the paper's sense, though saved with the hard state. */
  committed: number;
  /** Highest index handed to the application. */
  applying: number;
  /** Highest index the application has confirmed. */
  applied: number;
  /** Most encoded bytes that may be handed to the application before it confirms some. */
  readonly maxApplyingEntsSize: number;
  /** Encoded bytes handed out and not yet confirmed. */
  applyingEntsSize = 0;
  /** If set, nothing more is handed out until the application confirms some. */
  applyingEntsPaused = false;
  /** The page that was measured last, and its size. */
  private measured: readonly Entry[] = noEntries;
  private measuredSize = 0;
  private readonly logger: Logger;

  constructor(storage: Storage, logger: Logger, maxApplyingEntsSize: number = Number.POSITIVE_INFINITY) {
    this.storage = storage;
    this.logger = logger;
    this.maxApplyingEntsSize = maxApplyingEntsSize;
    const firstIndex = storedFirstIndex(storage);
    this.unstable = new Unstable(storedLastIndex(storage) + 1, logger);
    this.committed = firstIndex - 1;
    this.applying = firstIndex - 1;
    this.applied = firstIndex - 1;
  }

  toString(): string {
    const { offset, offsetInProgress, length } = this.unstable;
    return (
      `committed=${this.committed}, applied=${this.applied}, applying=${this.applying}, unstable.offset=${offset}, ` +
      `unstable.offsetInProgress=${offsetInProgress}, len(unstable.Entries)=${length}`
    );
  }

  // Reading

  /** What storage had when the member started. */
  initialState(): InitialState {
    return storedInitialState(this.storage);
  }

  firstIndex(): number {
    return this.unstable.maybeFirstIndex() ?? storedFirstIndex(this.storage);
  }

  lastIndex(): number {
    return this.unstable.maybeLastIndex() ?? storedLastIndex(this.storage);
  }

  /** The term of the entry at this index, or why it cannot be read. */
  term(index: number): number | Missing {
    const term = this.unstable.maybeTerm(index);
    if (term !== undefined) return term;
    // The position before the first entry has a term too: that of the snapshot.
    if (index + 1 < this.firstIndex()) return 'compacted';
    if (index > this.lastIndex()) return 'unavailable';
    return storedTerm(this.storage, index);
  }

  /** The term of the entry at this index; 0, which no entry has, if it cannot be read. */
  termOrZero(index: number): number {
    const term = this.term(index);
    return typeof term === 'number' ? term : 0;
  }

  lastEntryId(): EntryId {
    const index = this.lastIndex();
    const term = this.term(index);
    if (typeof term !== 'number') {
      throw new RaftPanic(
        'storage-lost-entries',
        `unexpected error when getting the last term at ${index}: ${missingText(term)}`,
      );
    }
    return { term, index };
  }

  matchTerm(id: EntryId): boolean {
    return this.term(id.index) === id.term;
  }

  /** Is a log that ends with this entry at least as complete as this one (section 5.4.1 of the paper)? */
  isUpToDate(theirs: EntryId): boolean {
    const ours = this.lastEntryId();
    return theirs.term > ours.term || (theirs.term === ours.term && theirs.index >= ours.index);
  }

  /** Index of the first of these entries that the log does not hold; 0 if it holds all of them. */
  findConflict(entries: readonly Entry[]): number {
    for (const entry of entries) {
      if (this.matchTerm(entry)) continue;
      if (entry.index <= this.lastIndex()) {
        this.logger.info(
          `found conflict at index ${entry.index} [existing term: ${this.termOrZero(entry.index)}, conflicting term: ${entry.term}]`,
        );
      }
      return entry.index;
    }
    return 0;
  }

  /**
   * The last position at or below `index` whose term is at most `term`: the other log, which has `term` at `index`, can
   * agree with this one no further. The term is 0 if it cannot be read.
   *
   * A follower rejects an append with it, so that the leader skips whole terms instead of one entry per round trip:
   *
   * | terms of entries 1, 2, … | index | term | found at | its term | so the leader tries |
   * | --- | --- | --- | --- | --- | --- |
   * | 1 2 2 5 5 5 | 6 | 3 | 3 | 2 | after 3: a log with term 3 at 6 has no 5 before it |
   * | 1 2 2 5 5 5 | 6 | 5 | 6 | 5 | after 6: as far as the terms tell, all may agree |
   * | 1 2 2 5 5 5 | 2 | 1 | 1 | 1 | after 1: neither of the entries of term 2 can agree |
   * | 3 3 3 | 3 | 2 | 0 | 0 | from the start: all entries here are of a later term |
   * | 1 1 1 | 3 | 9 | 3 | 1 | after 3: this log is merely behind; the leader looks for term 1 in its own |
   */
  findConflictByTerm(index: number, term: number): EntryId {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (typeof ours !== 'number') return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  /** Entries from `index` to the end, of at most `maxSize` encoded bytes, but at least one if there are any. */
  entries(index: number, maxSize: number): readonly Entry[] | Missing {
    const last = this.lastIndex();
    return index > last ? noEntries : this.slice(index, last + 1, maxSize);
  }

  /** All entries, for tests and for display. */
  allEntries(): readonly Entry[] {
    const entries = this.entries(this.firstIndex(), Number.POSITIVE_INFINITY);
    // The storage may be compacted between the two calls.
    return typeof entries === 'string' ? this.allEntries() : entries;
  }

  /** The entries of [lo, hi), of at most `maxSize` encoded bytes, but at least one if there are any. */
  slice(lo: number, hi: number, maxSize: number): readonly Entry[] | Missing {
    if (lo > hi) throw new RaftPanic('log-consistency', `invalid slice ${lo} > ${hi}`);
    const first = this.firstIndex();
    if (lo < first) return 'compacted';
    const last = this.lastIndex();
    if (hi > last + 1) {
      throw new RaftPanic('log-consistency', `slice[${lo},${hi}) out of bound [${first},${last}]`);
    }
    if (lo === hi) return noEntries;
    const { offset } = this.unstable;
    if (lo >= offset) return limitSize(this.unstable.slice(lo, hi), maxSize);

    const cut = Math.min(hi, offset);
    const stored = storedEntries(this.storage, lo, cut, maxSize);
    if (typeof stored === 'string' || hi <= offset || stored.length < cut - lo) return stored;
    const size = entriesSize(stored);
    if (size >= maxSize) return stored;
    const rest = limitSize(this.unstable.slice(offset, hi), maxSize - size);
    // limitSize never returns fewer than one entry, which here may be one too many.
    if (rest.length === 1 && size + entriesSize(rest) > maxSize) return stored;
    return stored.concat(rest);
  }

  /**
   * Visits the entries of [lo, hi) in pages of `pageSize` encoded bytes until `visit` returns true. Returns whether it
   * did, or an error text if the log cannot be read.
   */
  scan(lo: number, hi: number, pageSize: number, visit: (page: readonly Entry[]) => boolean): boolean | string {
    for (let at = lo; at < hi; ) {
      const page = this.slice(at, hi, pageSize);
      if (typeof page === 'string') return missingText(page);
      if (visit(page)) return true;
      at += page.length;
    }
    return false;
  }

  /** The newest snapshot; `undefined` while storage is still making it. */
  snapshot(): Snapshot | undefined {
    if (this.unstable.snapshot !== undefined) return this.unstable.snapshot;
    return storedSnapshot(this.storage);
  }

  // Growing

  /** Appends entries, replacing what is at their positions and after. Returns the new last index. */
  append(entries: readonly Entry[]): number {
    const first = entries[0];
    if (first === undefined) return this.lastIndex();
    if (first.index - 1 < this.committed) {
      throw new RaftPanic(
        'log-consistency',
        `after(${first.index - 1}) is out of range [committed(${this.committed})]`,
      );
    }
    this.unstable.truncateAndAppend(entries);
    return this.lastIndex();
  }

  /**
   * Appends a leader's entries if the log holds the one before them, and commits those that the leader has committed.
   * Returns the index of the last one; `undefined` if the logs do not match there.
   */
  maybeAppend(slice: LogSlice, committed: number): number | undefined {
    const { prev, entries } = slice;
    if (!this.matchTerm(prev)) return undefined;
    const lastNew = slice.lastIndex;
    const conflict = this.findConflict(entries);
    if (conflict !== 0) {
      if (conflict <= this.committed) {
        throw new RaftPanic(
          'log-consistency',
          `entry ${conflict} conflict with committed entry [committed(${this.committed})]`,
        );
      }
      const skip = conflict - (prev.index + 1);
      if (skip < 0 || skip > entries.length) {
        throw new RaftPanic('log-consistency', `index, ${skip}, is out of range [${entries.length}]`);
      }
      this.append(skip === 0 ? entries : entries.slice(skip));
    }
    this.commitTo(Math.min(committed, lastNew));
    return lastNew;
  }

  commitTo(index: number): void {
    if (index <= this.committed) return;
    if (index > this.lastIndex()) {
      throw new RaftPanic(
        'storage-lost-entries',
        `tocommit(${index}) is out of range [lastIndex(${this.lastIndex()})]. Was the raft log corrupted, truncated, or lost?`,
      );
    }
    this.committed = index;
  }

  /** Commits up to `index` if that is new and the entry there is of `term`: section 5.4.2 of the paper. */
  maybeCommit(index: number, term: number): boolean {
    if (term === 0 || index <= this.committed || this.term(index) !== term) return false;
    this.commitTo(index);
    return true;
  }

  /** Restarts the log after this snapshot, all of which is committed. */
  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.logger.info(`log [${this}] starts to restore snapshot [index: ${index}, term: ${term}]`);
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  // Applying

  /** The application has applied up to `index`, which were `size` encoded bytes. */
  appliedTo(index: number, size: number): void {
    if (index > this.committed || index < this.applied) {
      throw new RaftPanic(
        'applied-in-range',
        `applied(${index}) is out of range [prevApplied(${this.applied}), committed(${this.committed})]`,
      );
    }
    this.applied = index;
    this.measured = noEntries;
    this.measuredSize = 0;
    this.applying = Math.max(this.applying, index);
    this.applyingEntsSize = Math.max(0, this.applyingEntsSize - size);
    this.applyingEntsPaused = this.applyingEntsSize >= this.maxApplyingEntsSize;
  }

  /** Entries up to `index`, of `size` encoded bytes, have been handed to the application. */
  acceptApplying(index: number, size: number, allowUnstable: boolean): void {
    if (index > this.committed) {
      throw new RaftPanic(
        'applied-in-range',
        `applying(${index}) is out of range [prevApplying(${this.applying}), committed(${this.committed})]`,
      );
    }
    this.applying = index;
    this.applyingEntsSize += size;
    // A page that was cut by its size counts as full, even if its bytes are a little below the limit.
    this.applyingEntsPaused =
      this.applyingEntsSize >= this.maxApplyingEntsSize || index < this.maxAppliableIndex(allowUnstable);
  }

  /** Encoded bytes of a page of committed entries, which is measured when it is handed out and when it is confirmed. */
  pageSize(page: readonly Entry[]): number {
    if (page === this.measured) return this.measuredSize;
    this.measured = page;
    this.measuredSize = entriesSize(page);
    return this.measuredSize;
  }

  private maxAppliableIndex(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** Are there committed entries to hand to the application? Without `allowUnstable` only stable ones count. */
  hasNextCommittedEnts(allowUnstable: boolean): boolean {
    // After a snapshot nothing is applied until the snapshot itself has been.
    if (this.applyingEntsPaused || this.unstable.snapshot !== undefined) return false;
    return this.applying < this.maxAppliableIndex(allowUnstable);
  }

  /** The next page of committed entries for the application. */
  nextCommittedEnts(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommittedEnts(allowUnstable)) return noEntries;
    const budget = this.maxApplyingEntsSize - this.applyingEntsSize;
    if (budget <= 0) {
      throw new RaftPanic(
        'apply-budget',
        `applying entry size (${this.maxApplyingEntsSize}-${this.applyingEntsSize})=${budget} not positive`,
      );
    }
    const entries = this.slice(this.applying + 1, this.maxAppliableIndex(allowUnstable) + 1, budget);
    if (typeof entries === 'string') {
      throw new RaftPanic(
        'storage-lost-entries',
        `unexpected error when getting unapplied entries (${missingText(entries)})`,
      );
    }
    return entries;
  }

  // Writing

  hasNextOrInProgressSnapshot(): boolean {
    return this.unstable.snapshot !== undefined;
  }
}
