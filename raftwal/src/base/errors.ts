import { RaftError } from '@raft-ts/proto';
import { codeOf } from '@raft-ts/proto/internal';

export { codeOf };

/** The folder holds a log already. */
export const ERR_WAL_EXISTS = 'ERR_RAFT_WAL_EXISTS';
/** There is no log in the folder, or none of its files reaches back to the snapshot that was asked for. */
export const ERR_WAL_NOT_FOUND = 'ERR_RAFT_WAL_NOT_FOUND';
/** Another process, or another object of this one, has the log open for writing. */
export const ERR_WAL_LOCKED = 'ERR_RAFT_WAL_LOCKED';
/** This system has no kernel locks, and the caller did not say that it does without. */
export const ERR_WAL_LOCK_UNAVAILABLE = 'ERR_RAFT_WAL_LOCK_UNAVAILABLE';
/** The log belongs to another member or another cluster. */
export const ERR_WAL_IDENTITY = 'ERR_RAFT_WAL_IDENTITY';
/**
 * The last file ends in what a write leaves that the power cut off: nothing shows that it was ever acknowledged. `repair`
 * removes it.
 */
export const ERR_WAL_TORN = 'ERR_RAFT_WAL_TORN';
/**
 * The end of the last file is damaged in a way that a power cut does not explain and that nothing behind it explains
 * either: a write that was never acknowledged, or the last one that was. `repair` with `cut` is the operator's decision.
 */
export const ERR_WAL_UNDECIDED = 'ERR_RAFT_WAL_UNDECIDED';
/** Records that were durable are damaged or missing. No repair: add the member anew. */
export const ERR_WAL_CORRUPT = 'ERR_RAFT_WAL_CORRUPT';
/** The log has records for the snapshot's index, of another term. */
export const ERR_WAL_SNAPSHOT_MISMATCH = 'ERR_RAFT_WAL_SNAPSHOT_MISMATCH';
/** The log has no record of the snapshot it was to be read from. */
export const ERR_WAL_SNAPSHOT_NOT_FOUND = 'ERR_RAFT_WAL_SNAPSHOT_NOT_FOUND';
/** The call is not allowed now: `reason` is `not-read`, `read-twice`, `read-only` or `closed`. */
export const ERR_WAL_STATE = 'ERR_RAFT_WAL_STATE';
/** A write or sync failed (`cause`): what is on disk is unknown, so nothing is written any more. Open the log again. */
export const ERR_WAL_POISONED = 'ERR_RAFT_WAL_POISONED';
/**
 * The operating system refused an operation (`operation` on `path`; `cause` is its error, `reason` its code: `ENOSPC`, `EIO`,
 * `EACCES`, `EROFS`, `EMFILE`, …). The message says what to do.
 */
export const ERR_WAL_IO = 'ERR_RAFT_WAL_IO';
/** What was to be written breaks a rule of the log; nothing was written. */
export const ERR_WAL_INVALID = 'ERR_RAFT_WAL_INVALID';
/** No snapshot file can be read, or none that the log confirms. */
export const ERR_SNAP_NONE = 'ERR_RAFT_SNAP_NONE';
/** A snapshot file is damaged: `reason` is `empty`, `crc` or `format`. */
export const ERR_SNAP_BROKEN = 'ERR_RAFT_SNAP_BROKEN';

/** Where in a log something is, and why. */
export interface WalErrorOptions {
  readonly file?: string;
  readonly offset?: number;
  readonly reason?: string;
  readonly cause?: unknown;
  /** Of `ERR_RAFT_WAL_IO`: the call of `Fs` or `FsFile` that failed, and the file or folder that it was about. */
  readonly operation?: string;
  readonly path?: string;
}

/** An error of the log, with the place it speaks of. */
export class WalError extends RaftError {
  /** Name of the file, without its folder. */
  readonly file: string | undefined;
  /** First byte of the damaged record. */
  readonly offset: number | undefined;
  /** With `ERR_RAFT_WAL_IO`: what the operating system was asked for. */
  readonly operation: string | undefined;
  /** With `ERR_RAFT_WAL_IO`: the file or folder, as it was opened. */
  readonly path: string | undefined;

  constructor(code: string, message: string, options: WalErrorOptions = {}) {
    const { file, offset, reason, cause, operation, path } = options;
    // A message that has the path has the name.
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
 * Does this error carry this code: ours, or the system's, as it is or inside an `ERR_RAFT_WAL_IO`? Codes decide and not classes: in a
 * test runner that has a realm of its own, an error of `node:fs` is no `instanceof Error`.
 */
export function hasCode(error: unknown, code: string): boolean {
  const found = codeOf(error);
  return found === code || (found === ERR_WAL_IO && (error as WalError).reason === code);
}
