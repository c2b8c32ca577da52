import { RaftError } from '@raft-ts/proto';
import { codeOf } from '@raft-ts/proto/internal';

export { codeOf };

/** The folder already holds a log. */
export const ERR_WAL_EXISTS = 'ERR_RAFT_WAL_EXISTS';
/** There is no log in the folder, or its files do not reach back to the requested snapshot. */
export const ERR_WAL_NOT_FOUND = 'ERR_RAFT_WAL_NOT_FOUND';
/** Another process, or another object of this one, has the log open for writing. */
export const ERR_WAL_LOCKED = 'ERR_RAFT_WAL_LOCKED';
/** This system has no kernel locks, and the caller did not pass `unsafeNoLock`. */
export const ERR_WAL_LOCK_UNAVAILABLE = 'ERR_RAFT_WAL_LOCK_UNAVAILABLE';
/** The log belongs to another member or another cluster. */
export const ERR_WAL_IDENTITY = 'ERR_RAFT_WAL_IDENTITY';
/** The file that names the founders of the log's cluster cannot be read. */
export const ERR_WAL_FOUNDERS = 'ERR_RAFT_WAL_FOUNDERS';
/**
 * The last file ends in an unfinished write, as a power cut leaves it, and nothing shows that it was ever acknowledged.
 * `repair` removes it.
 */
export const ERR_WAL_TORN = 'ERR_RAFT_WAL_TORN';
/**
 * The end of the last file is damaged. A power cut does not leave such damage, and nothing after it shows what it was:
 * a write that was never acknowledged, or the last one that was. `repair` with `cut` is the operator's decision.
 */
export const ERR_WAL_UNDECIDED = 'ERR_RAFT_WAL_UNDECIDED';
/** Records that were durable are damaged or missing. This cannot be repaired: remove the member and add it anew. */
export const ERR_WAL_CORRUPT = 'ERR_RAFT_WAL_CORRUPT';
/** The log knows a snapshot of this index with another term. */
export const ERR_WAL_SNAPSHOT_MISMATCH = 'ERR_RAFT_WAL_SNAPSHOT_MISMATCH';
/** The log has no record of the snapshot from which it was to be read. */
export const ERR_WAL_SNAPSHOT_NOT_FOUND = 'ERR_RAFT_WAL_SNAPSHOT_NOT_FOUND';
/** The call is not allowed now: `reason` is `not-read`, `read-twice`, `read-only` or `closed`. */
export const ERR_WAL_STATE = 'ERR_RAFT_WAL_STATE';
/** A write or sync failed (`cause`): what is on disk is unknown, so nothing is written any more. Open the log again. */
export const ERR_WAL_POISONED = 'ERR_RAFT_WAL_POISONED';
/**
 * The operating system refused an operation (`operation` on `path`; `cause` is its error, `reason` its code: `ENOSPC`,
 * `EIO`, `EACCES`, `EROFS`, `EMFILE`, …). The message says what to do.
 */
export const ERR_WAL_IO = 'ERR_RAFT_WAL_IO';
/** The data to be saved break a rule of the log; nothing was written. */
export const ERR_WAL_INVALID = 'ERR_RAFT_WAL_INVALID';
/** There is no readable snapshot file, or none that the log confirms. */
export const ERR_SNAP_NONE = 'ERR_RAFT_SNAP_NONE';
/** A snapshot file is damaged: `reason` is `empty`, `crc` or `format`. */
export const ERR_SNAP_BROKEN = 'ERR_RAFT_SNAP_BROKEN';

/** The place in a log that an error is about, and the reason. */
export interface WalErrorOptions {
  readonly file?: string;
  readonly offset?: number;
  readonly reason?: string;
  readonly cause?: unknown;
  /** For `ERR_RAFT_WAL_IO`: the call of `Fs` or `FsFile` that failed, and its file or folder. */
  readonly operation?: string;
  readonly path?: string;
}

/** An error of the log, with the place that it is about. */
export class WalError extends RaftError {
  /** The file's name, without its folder. */
  readonly file: string | undefined;
  /** First byte of the damaged record. */
  readonly offset: number | undefined;
  /** For `ERR_RAFT_WAL_IO`: the operation that the operating system refused. */
  readonly operation: string | undefined;
  /** For `ERR_RAFT_WAL_IO` and `ERR_RAFT_WAL_LOCKED`: the path of the file or folder. */
  readonly path: string | undefined;

  constructor(code: string, message: string, options: WalErrorOptions = {}) {
    const { file, offset, reason, cause, operation, path } = options;
    // A message with the path contains the name.
    const named = file === undefined || path !== undefined;
    const place = named ? '' : offset === undefined ? ` (${file})` : ` (${file} at byte ${offset})`;
    super(code, message + place, {
      ...(reason === undefined ? {} : { reason }),
      ...(cause === undefined ? {} : { cause }),
    });
    this.name = 'WalError';
    this.file = file;
    this.offset = offset;
    this.operation = operation;
    this.path = path;
  }
}

/**
 * Tells whether an error has this code, which may be ours or the system's; the latter also inside an `ERR_RAFT_WAL_IO`.
 * Codes decide, not classes: in a test runner with its own realm, an error of `node:fs` is not an `instanceof Error`.
 */
export function hasCode(error: unknown, code: string): boolean {
  const found = codeOf(error);
  return found === code || (found === ERR_WAL_IO && (error as WalError).reason === code);
}
