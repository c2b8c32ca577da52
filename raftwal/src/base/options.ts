import { checkPosition, checkRecord, checkText } from '@raft-ts/proto/internal';
import type { Logger } from '@raft-ts/raft';
import type { Fs } from './fs.js';
import type { WalMetrics } from './metrics.js';

/** Etcd's: 64 million bytes. */
export const DEFAULT_SEGMENT_SIZE = 64_000_000;

/** What a log needs of the world around it, and how large its files are. */
export interface LogOptions {
  /** Default: this machine's, with the kernel's locks. */
  readonly fs?: Fs;
  /** Bytes after which a file is followed by the next. Default 64,000,000. A file may exceed it by one write. */
  readonly segmentSize?: number;
  /** Open without locks where there are none. Two writers destroy a log. */
  readonly unsafeNoLock?: boolean;
  /** Hears of repairs, slow syncs and strange files. Default: nobody. */
  readonly logger?: Pick<Logger, 'info' | 'warn'>;
  readonly metrics?: WalMetrics;
  /** Milliseconds, for measuring. Default `performance.now`. */
  readonly now?: () => number;
  /** Runs something a moment later: the mark is written then. Default: a timer of 5 ms, for which a process that ends does not wait. */
  readonly later?: (run: () => void) => void;
}

/** @throws RaftError `ERR_RAFT_ARGUMENT` for what a program without types hands over in their place */
export function checkLogOptions(dir: string, options: LogOptions): void {
  checkText('dir', dir);
  checkRecord('options', options);
  if (options.segmentSize !== undefined) checkPosition('segmentSize', options.segmentSize);
}
