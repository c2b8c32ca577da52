import { SlidingList } from '@raft-ts/proto/internal';

/** When a snapshot is taken, and what stays in the log after it. */
export interface SnapshotPolicy {
  /** After so many entries since the last one. Default 10,000. */
  readonly everyEntries: number;
  /** After so many bytes of entries since the last one. Default 64 MiB. */
  readonly everyBytes: number;
  /** Entries that stay in the log below a snapshot, for members that are a little behind. Default 5,000. */
  readonly keepEntries: number;
  /**
   * Entries that stay at most for a member that is further behind, while it answers. A member that takes over a
   * snapshot needs what came meanwhile, or it needs the next snapshot too. Default 50,000.
   */
  readonly keepEntriesForSlow: number;
  /** Bytes of entries that stay at most in the log below a snapshot, for whomever. Default 128 MiB. */
  readonly keepBytes: number;
  /**
   * A state of up to so many bytes travels within its message; a larger one is streamed, if log and transport can.
   * Default 1 MiB.
   */
  readonly inlineBytes: number;
}

/** What a snapshot is doing. */
export interface SnapshotEvent {
  /**
   * `saving` and `saved`, or `save-failed`: of the own state; `sending`, and `sent` or `send-failed`: to another
   * member; `installing` and `installed`: the leader's, in the place of the own state.
   */
  readonly phase: 'saving' | 'saved' | 'save-failed' | 'sending' | 'sent' | 'send-failed' | 'installing' | 'installed';
  readonly index: number;
  /** So far. */
  readonly bytes: number;
  /** Of the whole, if it is known. */
  readonly size?: number;
  /** To whom, if it is sent. */
  readonly to?: bigint;
  /** Why it failed, if that is known. */
  readonly error?: unknown;
}

/** Bytes between two marks, at least. */
const BYTES_PER_MARK = 64 * 2 ** 10;

interface Mark {
  readonly index: number;
  /** Of all entries up to there. */
  readonly bytes: number;
}

/** Remembers how many bytes of entries were applied up to which index, to within `BYTES_PER_MARK`. */
export class AppliedBytes {
  private readonly marks = new SlidingList<Mark>();
  private dropped: Mark = { index: 0, bytes: 0 };
  private total = 0;
  private marked = 0;

  /** Entries of so many bytes were applied, the last one at `index`. */
  add(index: number, bytes: number): void {
    this.total += bytes;
    if (this.total - this.marked < BYTES_PER_MARK) return;
    this.marked = this.total;
    this.marks.push({ index, bytes: this.total });
  }

  /** The index up to which entries must go, so that no more than so many bytes of them stay; 0 if all may stay. */
  excess(most: number): number {
    for (let mark = this.marks.at(0); mark !== undefined && this.total - this.dropped.bytes > most; ) {
      this.dropped = mark;
      this.marks.dropFront(1);
      mark = this.marks.at(0);
    }
    return this.dropped.index;
  }
}
