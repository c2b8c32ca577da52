import type { Entry, HardState } from '@raft-ts/proto';
import type { LogOptions } from './base/options.js';
import type { Identity } from './format/identity.js';
import type { ReadFrom, WalSnapshot } from './format/record.js';
import type { LogMark } from './mark/log-mark.js';
import type { Damage } from './read/damage.js';

/** What is common to creating and opening a `Wal`. */
export interface WalOptions extends LogOptions {
  /**
   * The lock of this log, if the caller already holds it. The log takes it over, and releases it when it is closed or
   * cannot be opened.
   */
  readonly lock?: LogMark;
}

/** Options of `Wal.create`. */
export interface WalCreateOptions extends WalOptions {
  /** Whose log it is. */
  readonly identity?: Identity;
  /** Metadata of any kind, instead of an identity. Default: no metadata. */
  readonly metadata?: Uint8Array;
}

/** Options of `Wal.open`. */
export interface WalOpenOptions extends WalOptions {
  /** Read only what is above this snapshot. Default: read everything. */
  readonly snapshot?: ReadFrom;
  /** Refuse the log of another member or cluster. */
  readonly identity?: Identity;
  /** Take no locks and write nothing; allowed while a writer has the log open. Default false. */
  readonly readOnly?: boolean;
  /**
   * What `readAll` does with an unfinished write at the end: `refuse` throws `ERR_RAFT_WAL_TORN`, `repair` cuts it off,
   * after copying the file to `NAME.broken`. Other damage is always refused. Default `refuse`.
   */
  readonly torn?: 'refuse' | 'repair';
}

/** What a log holds, as `Wal.readAll` returns it. */
export interface WalContent {
  /** `undefined` if the log has none. */
  readonly metadata: Uint8Array | undefined;
  /** The last hard state; `undefined` if none was saved. */
  readonly hardState: HardState | undefined;
  /** The entries above the snapshot's index, without gaps. */
  readonly entries: Entry[];
  /** Every Snapshot record that was read, in order. */
  readonly snapshots: readonly WalSnapshot[];
  /** Whether the log has the record of the snapshot from which it was read. */
  readonly snapshotFound: boolean;
  /** The unfinished write at the end, which a repair has cut off or a reader has ignored. */
  readonly damage: Damage | undefined;
}

/** Options of `DurableStorage.open`. */
export interface DurableStorageOptions extends Omit<WalOptions, 'lock'>, Identity {
  /**
   * What to do with an unfinished write at the end of the log: `repair` cuts it off, keeping a copy of the file;
   * `refuse` throws `ERR_RAFT_WAL_TORN`. An unfinished write cannot always be told from damage to the last acknowledged
   * one: see docs/wal.md. Default `repair`, as in etcd.
   */
  readonly torn?: 'refuse' | 'repair';
  /** Makes the random name of a new log, a UUID. Default `crypto.randomUUID`; a simulation draws it from its seed. */
  readonly newName?: () => string;
  /** Snapshot files to keep, at least 1. Default 5. */
  readonly keepSnapshots?: number;
  /** Files of the log to keep in addition to those that are needed. Default 5. */
  readonly keepSegments?: number;
}
