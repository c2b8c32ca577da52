import type { Entry, HardState } from '@raft-ts/proto';
import type { Logger } from '@raft-ts/raft';
import type { Identity } from '../format/identity.js';
import type { WalSnapshot } from '../format/record.js';
import type { LogMark } from '../mark/log-mark.js';
import type { Damage } from '../read/damage.js';
import type { ReadFrom } from '../read/replay.js';
import type { Fs } from './fs.js';
import type { WalMetrics } from './metrics.js';

/** Etcd's: 64 million bytes. */
export const DEFAULT_SEGMENT_SIZE = 64_000_000;

export interface WalOptions {
  /** Default: this machine's, with the kernel's locks. */
  readonly fs?: Fs;
  /** Bytes after which a file is followed by the next. Default 64,000,000. A file may exceed it by one write. */
  readonly segmentSize?: number;
  /** Open without locks where there are none. Two writers destroy a log. */
  readonly unsafeNoLock?: boolean;
  /** The lock of this log, if the caller holds it already. The log takes it over, and frees it when it is closed or cannot be opened. */
  readonly lock?: LogMark;
  /** Hears of repairs, slow syncs and strange files. Default: nobody. */
  readonly logger?: Pick<Logger, 'info' | 'warn'>;
  readonly metrics?: WalMetrics;
  /** Milliseconds, for measuring. Default `performance.now`. */
  readonly now?: () => number;
  /** Runs something a moment later: the mark is written then. Default: a timer of 5 ms, for which a process that ends does not wait. */
  readonly later?: (run: () => void) => void;
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
