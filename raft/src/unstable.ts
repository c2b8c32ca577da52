import type { Entry, Snapshot } from '@raft-ts/proto';
import { EntryList } from '@raft-ts/proto/internal';
import { RaftPanic } from './errors.js';
import type { EntryId } from './log-slice.js';
import type { Logger } from './logger.js';

const noEntries: readonly Entry[] = [];

/**
 * The part of the log that is not known to be on stable storage: a received snapshot, and the entries from `offset` on.
 * `offset` may be below the last index of storage: the next write then overwrites what is there.
 *
 * Entries before `offsetInProgress` have been handed out to be written. Invariant: offset <= offsetInProgress <= offset
 * + length.
 */
export class Unstable {
  /** Received and not yet stored. */
  snapshot: Snapshot | undefined = undefined;
  /** Index of the first entry here, or of the next one if there is none. */
  offset: number;
  /** Has `snapshot` been handed out to be stored? */
  snapshotInProgress = false;
  offsetInProgress: number;
  private readonly logger: Logger;
  /** Entries become stable at the front while new ones arrive at the back. */
  private readonly list = new EntryList();

  constructor(offset: number, logger: Logger) {
    this.offset = offset;
    this.offsetInProgress = offset;
    this.logger = logger;
  }

  get length(): number {
    return this.list.length;
  }

  /** A copy of the entries. */
  get entries(): readonly Entry[] {
    return this.list.slice();
  }

  /** Index of the log's first entry, if there is a snapshot that determines it. */
  maybeFirstIndex(): number | undefined {
    return this.snapshot === undefined ? undefined : this.snapshot.metadata.index + 1;
  }

  /** Index of the log's last entry, if it is unstable. */
  maybeLastIndex(): number | undefined {
    if (this.length > 0) return this.offset + this.length - 1;
    return this.snapshot?.metadata.index;
  }

  /** Term of the entry at this index, if it is unstable. */
  maybeTerm(index: number): number | undefined {
    if (index < this.offset) {
      const metadata = this.snapshot?.metadata;
      return metadata !== undefined && metadata.index === index ? metadata.term : undefined;
    }
    return this.list.at(index - this.offset)?.term;
  }

  /** Entries that have not been handed out yet. */
  nextEntries(): readonly Entry[] {
    if (!this.hasNextEntries()) return noEntries;
    return this.list.slice(this.offsetInProgress - this.offset);
  }

  hasNextEntries(): boolean {
    return this.offset + this.length > this.offsetInProgress;
  }

  /** The snapshot, if it has not been handed out yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** Notes that everything unstable has been handed out. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.length;
    if (this.snapshot !== undefined) this.snapshotInProgress = true;
  }

  /**
   * The log is stable up to this entry. An id that does not match acknowledges entries that have since been replaced
   * (the ABA problem of asynchronous writes), so nothing may be dropped.
   */
  stableTo(id: EntryId): void {
    const term = this.maybeTerm(id.index);
    if (term === undefined) {
      this.logger.info(`entry at index ${id.index} missing from unstable log; ignoring`);
      return;
    }
    if (id.index < this.offset) {
      this.logger.info(`entry at index ${id.index} matched unstable snapshot; ignoring`);
      return;
    }
    if (term !== id.term) {
      this.logger.info(
        `entry at (index,term)=(${id.index},${id.term}) mismatched with entry at (${id.index},${term}) in unstable log; ignoring`,
      );
      return;
    }
    this.list.dropFront(id.index + 1 - this.offset);
    this.offset = id.index + 1;
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset);
  }

  /** The snapshot at this index is stable. */
  stableSnapTo(index: number): void {
    if (this.snapshot?.metadata.index !== index) return;
    this.snapshot = undefined;
    this.snapshotInProgress = false;
  }

  /** Restarts the log after this snapshot. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1;
    this.offsetInProgress = this.offset;
    this.list.clear();
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Adds entries that follow or replace the last ones. Replaced entries are no longer in progress. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = (entries[0] as Entry).index;
    const end = this.offset + this.length;
    if (from > end) {
      throw new RaftPanic('log-consistency', this.outOfBound(this.offset, from));
    }
    if (from <= this.offset && from !== end) {
      this.logger.info(`replace the unstable entries from index ${from}`);
      this.list.clear();
      this.offset = from;
      this.offsetInProgress = from;
    } else if (from < end) {
      this.logger.info(`truncate the unstable entries before index ${from}`);
      this.list.truncate(from - this.offset);
      this.offsetInProgress = Math.min(this.offsetInProgress, from);
    }
    this.list.pushAll(entries);
  }

  /** The entries of [lo, hi). */
  slice(lo: number, hi: number): readonly Entry[] {
    if (lo > hi) throw new RaftPanic('log-consistency', `invalid unstable.slice ${lo} > ${hi}`);
    if (lo < this.offset || hi > this.offset + this.length) {
      throw new RaftPanic('log-consistency', this.outOfBound(lo, hi));
    }
    return this.list.slice(lo - this.offset, hi - this.offset);
  }

  private outOfBound(lo: number, hi: number): string {
    return `unstable.slice[${lo},${hi}) out of bound [${this.offset},${this.offset + this.length}]`;
  }
}
