import { checkPosition, checkRecord, checkText } from '@raft-ts/proto/internal';
import type { Logger } from '@raft-ts/raft';
import type { Fs } from './fs.js';
import type { WalMetrics } from './metrics.js';

/** Etcd's: 64 million bytes. */
export const DEFAULT_SEGMENT_SIZE = 64_000_000;

/** The log's environment, and the size of its files. */
export interface LogOptions {
  /** Default: this machine's file system, with the kernel's locks. */
  readonly fs?: Fs;
  /** Size in bytes at which the next file begins. Default 64,000,000. A file may exceed it by one write. */
  readonly segmentSize?: number;
  /** Open without locks if there are none. Two writers destroy a log. */
  readonly unsafeNoLock?: boolean;
  /** Receives warnings about repairs, slow syncs and strange files. Default: no logger. */
  readonly logger?: Pick<Logger, 'info' | 'warn'>;
  readonly metrics?: WalMetrics;
  /** A clock in milliseconds, for measurements. Default `performance.now`. */
  readonly now?: () => number;
  /**
   * Runs a function a moment later, to write the mark. Default: a timer of 5 ms that does not keep the process alive.
   */
  readonly later?: (run: () => void) => void;
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` for values of a wrong type, as a program without type checks may pass them */
export function checkLogOptions(dir: string, options: LogOptions): void {
  checkText('dir', dir);
  checkRecord('options', options);
  if (options.segmentSize !== undefined) checkPosition('segmentSize', options.segmentSize);
}
