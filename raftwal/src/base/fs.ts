/**
 * The file system as the log sees it: only the calls that it needs, and what each of them promises about a power cut.
 *
 * Production runs on `NodeFs`. Tests run the same code on a simulated file system that loses everything that is not
 * promised here. So the promises are the weakest that POSIX and disks allow:
 *
 * - **Written is not durable.** After `write` or `truncate` resolves, other calls see the change, but a power cut may
 *   undo it. What survives is decided for each sector of 512 bytes on its own and for the size of the file on its own,
 *   in any order and without regard to the order of the calls; a sector may also end up half old, half new. A part of
 *   the file that grew and whose sector was lost reads as zeros.
 * - **Data is durable after `datasync`** resolves: every byte and the size as the calls that had resolved before it was
 *   called left them. Nothing is promised about calls made meanwhile.
 * - **Names are durable after `syncDirectory`** of the directory that holds them resolves: `open` that created,
 *   `rename`, `unlink`, `mkdir`, `rmdir`. Until then a power cut keeps any subset of them; `rename` alone is atomic (a
 *   file is found under its old name or its new one). A synced file is lost entirely if its name was not synced.
 * - **A failed sync is final.** The kernel may have dropped the changes and marked them clean: a second `datasync` may
 *   resolve without having written anything. After a failed sync the file must not be trusted any more.
 *
 * Errors are Node's: an `Error` with `code` (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, `ELOOP`, …), `syscall` and `path`.
 */
export interface Fs {
  /**
   * Opens a regular file. A symbolic link as the last part of the path is refused with `ELOOP`; a directory that is
   * opened for writing, with `EISDIR`. The default is to open for reading.
   */
  open(path: string, options?: OpenOptions): Promise<FsFile>;

  /** Gives a file or directory another name in the same directory. A file that had this name is replaced atomically. */
  rename(from: string, to: string): Promise<void>;

  /** Removes the name of a file. Open handles stay usable. */
  unlink(path: string): Promise<void>;

  /** Returns the names in a directory, sorted, without `.` and `..`. */
  readdir(path: string): Promise<string[]>;

  /** Makes one directory with mode 0700. Fails with `EEXIST` if the name is taken. */
  mkdir(path: string): Promise<void>;

  /** Removes an empty directory. Fails with `ENOTEMPTY` if it is not empty. */
  rmdir(path: string): Promise<void>;

  /**
   * Makes the names in this directory durable (not what the files hold, and not the directory's own name in its
   * parent).
   */
  syncDirectory(path: string): Promise<void>;
}

/** How a file is to be opened; by default for reading. */
export interface OpenOptions {
  /** Open for writing as well as for reading. */
  readonly write?: boolean;
  /** Make the file with mode 0600 if the name is free. Needs `write`. */
  readonly create?: boolean;
  /** With `create`: fail with `EEXIST` if the name is taken. */
  readonly exclusive?: boolean;
  /** Truncate an existing file to length 0. Needs `write`. Until `datasync` a power cut may undo it. */
  readonly truncate?: boolean;
  /**
   * A `write` resolves only when its own bytes (and the size, if it grew) are as durable as after `datasync`; bytes of
   * earlier writes through other handles are not included. A failed write is as final as a failed sync.
   */
  readonly writeThrough?: boolean;
}

/** How a file is to be locked; by default for one handle alone. */
export interface LockOptions {
  readonly shared?: boolean;
}

/** An open file. Positions and sizes are in bytes. Calls on one file may overlap, and then have no order. */
export interface FsFile {
  /**
   * Reads from `position` into `into` and returns the number of bytes read: possibly fewer than asked for, 0 only at
   * the end of the file.
   */
  read(into: Uint8Array, position: number): Promise<number>;

  /**
   * Writes `from` at `position` and returns the number of bytes written: possibly fewer, but at least 1. A hole before
   * them reads as zeros.
   */
  write(from: Uint8Array, position: number): Promise<number>;

  /** Makes contents and size durable. The text above says what a failure means. */
  datasync(): Promise<void>;

  /** Sets the size. Bytes beyond it are gone; bytes that the file gains read as zeros. */
  truncate(size: number): Promise<void>;

  /** Returns the size of the file in bytes. */
  size(): Promise<number>;

  /**
   * Takes the kernel's lock of this file without waiting, for this handle alone, which must be open for writing, or
   * `shared` with others who share it, for which it may be open for reading. Returns false if somebody holds a lock
   * that excludes this one. The lock is released when this handle is closed or its process ends in any way. Rejects
   * with `ENOTSUP` if locks are not available.
   */
  lock(options?: LockOptions): Promise<boolean>;

  /** Closes the handle without syncing its changes. A second close does nothing. */
  close(): Promise<void>;
}

/** The smallest unit, in bytes, that a disk writes as a whole. */
export const SECTOR_SIZE = 512;

/** Writes all of `from` at `position`, in several calls if the writes are short. */
export async function writeFully(file: FsFile, from: Uint8Array, position: number): Promise<void> {
  let done = await file.write(from, position);
  while (done < from.length) {
    done += await file.write(from.subarray(done), position + done);
  }
}

/** Reads from `position` until `into` is full or the file ends; returns the number of bytes read. */
export async function readFully(file: FsFile, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const got = await file.read(into.subarray(done), position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/**
 * Runs `cleanup` after `work`, whether or not that succeeds. If both fail, the failure of `work` is thrown: it came
 * first, and the other one often follows from it.
 */
export async function withCleanup<T>(work: () => Promise<T>, cleanup: () => Promise<void>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    await cleanup().catch(() => {});
    throw error;
  }
  await cleanup();
  return result;
}

/** Closes all files, even if some cannot be closed, and then throws the first failure. */
export async function closeAll(files: Iterable<FsFile>): Promise<void> {
  const closed = await Promise.allSettled([...files].map((file) => file.close()));
  for (const one of closed) if (one.status === 'rejected') throw one.reason;
}
