import type { Entry, HardState } from '@raft-ts/proto';
import type { LogOptions } from './base/options.js';
import type { Identity } from './format/identity.js';
import type { ReadFrom, WalSnapshot } from './format/record.js';
import type { LogMark } from './mark/log-mark.js';
import type { Damage } from './read/damage.js';

export interface WalOptions extends LogOptions {
  /** The lock of this log, if the caller holds it already. The log takes it over, and frees it when it is closed or cannot be opened. */
  readonly lock?: LogMark;
}

export interface WalCreateOptions extends WalOptions {
  /** Whose log it is. */
  readonly identity?: Identity;
  /** In place of an identity: metadata of any kind. With neither, the log has none. */
  readonly metadata?: Uint8Array;
}

export interface WalOpenOptions extends WalOptions {
  /** Read what is above this snapshot. Default: everything. */
  readonly snapshot?: ReadFrom;
  /** Refuse the log of another member or cluster. */
  readonly identity?: Identity;
  /** No locks, no writes; beside a writer too. Default false. */
  readonly readOnly?: boolean;
  /**
   * What `readAll` does with an unfinished write at the end: `refuse` throws `ERR_RAFT_WAL_TORN`, `repair` cuts it off, after
   * copying the file to `NAME.broken`. Other damage is always refused. Default `refuse`.
   */
  readonly torn?: 'refuse' | 'repair';
}

export interface WalContent {
  /** `undefined` where the log has none. */
  readonly metadata: Uint8Array | undefined;
  /** The last one; `undefined` where none was saved. */
  readonly hardState: HardState | undefined;
  /** Above the snapshot's index, without gaps. */
  readonly entries: Entry[];
  /** Every Snapshot record that was read, in order. */
  readonly snapshots: readonly WalSnapshot[];
  /** Does the log have the record of the snapshot it was read from? */
  readonly snapshotFound: boolean;
  /** The unfinished write at the end: cut off by a repair, or passed over by a reader. */
  readonly damage: Damage | undefined;
}

export interface DurableStorageOptions extends Omit<WalOptions, 'lock'>, Identity {
  /**
   * What to do with an unfinished write at the end of the log: `repair` cuts it off, keeping a copy of the file; `refuse` throws
   * `ERR_RAFT_WAL_TORN`. It cannot be told from damage to the last acknowledged write: docs/wal.md. Default `repair`, as etcd.
   */
  readonly torn?: 'refuse' | 'repair';
  /** Snapshot files to keep, at least 1. Default 5. */
  readonly keepSnapshots?: number;
  /** Files of the log to keep, beside those that are needed. Default 5. */
  readonly keepSegments?: number;
}
