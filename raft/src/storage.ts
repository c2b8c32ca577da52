import { type ConfState, type Entry, type HardState, RaftError, type Snapshot } from '@raft-ts/proto';
import { hasCode, type StorageErrorCode } from '@raft-ts/proto/internal';

/** What a member reads at its start. */
export interface InitialState {
  /** `undefined` if none was ever saved. */
  readonly hardState: HardState | undefined;
  /** The membership at `confStateIndex`. */
  readonly confState: ConfState;
  /**
   * The index at which `confState` holds. Default: that of `snapshot()`. A storage that keeps the latest ConfState, as
   * `applyConfChange` returns it, says here which entry it belongs to: with `Config.applied` the changes after it, up
   * to `applied`, are carried out at the start.
   */
  readonly confStateIndex?: number;
}

/**
 * The log that a member has written, as raft reads it. All calls are synchronous: an implementation on disk keeps in
 * memory what raft may ask for. Expected failures are thrown as `RaftError`s with the codes below; any other error
 * stops the member.
 */
export interface Storage {
  /** Returns the hard state and the membership that were saved last. */
  initialState(): InitialState;
  /**
   * Entries of [lo, hi), cut to the longest prefix whose encoded size (`entrySize`) is at most `maxSize` bytes, but
   * never empty: the first entry is always kept.
   * @throws ERR_RAFT_COMPACTED if lo is at or below the last compacted index; ERR_RAFT_UNAVAILABLE if there are no such
   * entries
   */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[];
  /**
   * Returns the term of entry i, for i in [firstIndex - 1, lastIndex].
   * @throws ERR_RAFT_COMPACTED, ERR_RAFT_UNAVAILABLE
   */
  term(i: number): number;
  /** Returns the index of the last entry, or of the snapshot if there are no entries. */
  lastIndex(): number;
  /** Returns the index of the first entry that `entries` can return. */
  firstIndex(): number;
  /**
   * Returns the newest snapshot. raft asks for it when a follower needs entries that are compacted.
   * @throws ERR_RAFT_SNAPSHOT_TEMPORARILY_UNAVAILABLE if it will be available later; raft asks again
   */
  snapshot(): Snapshot;
}

export {
  ERR_COMPACTED,
  ERR_SNAP_OUT_OF_DATE,
  ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  ERR_UNAVAILABLE,
  storageError,
} from '@raft-ts/proto/internal';

/** What is to be compacted is not in any snapshot: members that need it later could never get it. */
export const ERR_NO_SNAPSHOT = 'ERR_RAFT_NO_SNAPSHOT';

/** Builds the error for compacting up to `index`, beyond the newest snapshot. */
export function notCovered(index: number, newest: number): RaftError {
  const text = `compact ${index} is above the newest snapshot, ${newest}: make a snapshot first`;
  return new RaftError(ERR_NO_SNAPSHOT, text);
}

/** Is this the storage error with that code? */
export function isStorageError(error: unknown, code: StorageErrorCode): boolean {
  return hasCode(error, code);
}
