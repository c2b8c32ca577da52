import { type Entry, type HardState } from '@raft-ts/proto';
import { decodeEntryView } from '@raft-ts/proto/internal';
import { ERR_WAL_CORRUPT, ERR_WAL_SNAPSHOT_MISMATCH, ERR_WAL_SNAPSHOT_NOT_FOUND, WalError } from '../base/errors.js';
import {
  type Content,
  contentOf,
  type ReadFrom,
  RecordType,
  type RecordView,
  type WalSnapshot,
} from '../format/record.js';

/** Collects the content of a log from its records. */
export class Replay {
  metadata: Uint8Array | undefined = undefined;
  hardState: HardState | undefined = undefined;
  /** The entries above the snapshot's index, without gaps; empty if only their number is wanted. */
  readonly entries: Entry[] = [];
  /** Number of entries. */
  count = 0;
  /** Every Snapshot record, in order. */
  readonly snapshots: WalSnapshot[] = [];
  /** Whether the snapshot's own record is among them. */
  found = false;
  /** Index of the last entry or snapshot. */
  lastIndex = 0;
  private from: ReadFrom;
  private readonly keep: boolean;
  private readonly whole: boolean;
  /** Term of the entry at the snapshot's index, if the log has it. */
  private termAtSnapshot: number | undefined = undefined;

  /** @param keep false to check the entries without keeping them */
  constructor(from: ReadFrom, keep = true, whole = false) {
    this.from = from;
    this.keep = keep;
    this.whole = whole;
  }

  /**
   * Checks every record of a log whose first file begins with the entry `first`. Entries that were purged, or that a
   * snapshot of another member replaced, do not count as missing.
   */
  static ofWholeLog(first: number): Replay {
    return new Replay({ index: Math.max(0, first - 1), term: 0 }, false, true);
  }

  /** @throws WalError without a place, or RaftError: the content contradicts itself */
  readonly record = (record: RecordView): void => {
    const { type, bytes, start, end } = record;
    // Nearly all records are entries: decode them directly.
    if (type === RecordType.Entry && start >= 0) this.takeEntry(decodeEntryView(bytes, start, end));
    else this.take(contentOf(record));
  };

  /** @throws WalError `ERR_RAFT_WAL_SNAPSHOT_NOT_FOUND` */
  requireSnapshot(): void {
    if (this.found) return;
    throw new WalError(ERR_WAL_SNAPSHOT_NOT_FOUND, `the log has no record of snapshot ${this.from.index}`);
  }

  private take(content: Content): void {
    switch (content.kind) {
      case 'metadata':
        this.takeMetadata(content.metadata);
        return;
      case 'entry':
        this.takeEntry(content.entry);
        return;
      case 'state':
        this.hardState = content.state;
        return;
      case 'snapshot':
        this.takeSnapshot(content.snapshot);
        return;
      case 'crc':
        return;
    }
  }

  private takeMetadata(metadata: Uint8Array | undefined): void {
    if (this.metadata !== undefined && !sameBytes(this.metadata, metadata)) {
      throw new WalError(ERR_WAL_CORRUPT, 'the file belongs to another log: its metadata differ', {
        reason: 'metadata',
      });
    }
    this.metadata = metadata;
  }

  private takeEntry(entry: Entry): void {
    const { from } = this;
    const { index } = entry;
    // There is no entry 0; etcd skips it.
    if (index === 0) return;
    this.lastIndex = index;
    if (index <= from.index) {
      // The log was overwritten from here on: everything above is gone, even if only that was asked for.
      this.truncate(0);
      this.termAtSnapshot = index === from.index ? entry.term : undefined;
      return;
    }
    const at = index - from.index - 1;
    if (at > this.count) {
      throw new WalError(
        ERR_WAL_CORRUPT,
        `entry ${index} follows entry ${from.index + this.count}: those between are missing`,
        {
          reason: 'gap',
        },
      );
    }
    if (at < this.count) this.truncate(at);
    this.count = at + 1;
    if (this.keep) this.entries.push(entry);
  }

  /** Continues after a snapshot that came from another member, because this log did not reach it. */
  private goOnAfter({ index, term }: WalSnapshot): void {
    this.from = { index, term };
    this.truncate(0);
  }

  private truncate(count: number): void {
    this.count = count;
    if (this.keep) this.entries.length = count;
  }

  private takeSnapshot(snapshot: WalSnapshot): void {
    this.snapshots.push(snapshot);
    const { index, term } = snapshot;
    this.lastIndex = Math.max(this.lastIndex, index);
    if (this.whole) {
      if (index > this.from.index + this.count) this.goOnAfter(snapshot);
      return;
    }
    if (index !== this.from.index) return;
    if (term !== this.from.term) {
      throw new WalError(
        ERR_WAL_SNAPSHOT_MISMATCH,
        `the log knows snapshot ${index} with term ${term}, not ${this.from.term}`,
      );
    }
    this.found = true;
    // A snapshot from another member replaced the log, which did not contain the same entry.
    if (index > 0 && this.termAtSnapshot !== term) this.truncate(0);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  if (b === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
