/**
 * The file system as the log sees it: the calls it needs and no more, and what each of them promises about a power cut.
 *
 * Production runs on `NodeFs`; tests run the same code on a simulated one that loses whatever this page does not promise to keep.
 * So the promises are the weakest that POSIX and disks allow:
 *
 * - **Written is not durable.** After `write` or `truncate` resolves, other calls see the change and a power cut may undo it.
 *   What survives is decided for each sector of 512 bytes on its own and for the size of the file on its own, in any order and
 *   without regard to the order of the calls; a sector may also end up half old, half new. A part of the file that grew and
 *   whose sector was lost reads as zeros.
 * - **Data is durable after `datasync`** resolves: every byte and the size as the calls that had resolved before it was called
 *   left them. Of a call made meanwhile nothing is promised.
 * - **Names are durable after `syncDirectory`** of the directory that holds them resolves: `open` that created, `rename`,
 *   `unlink`, `mkdir`, `rmdir`. Until then a power cut keeps any subset of them; `rename` alone is atomic (a file is found under
 *   its old name or its new one). A file that was synced under a name that was not is lost whole.
 * - **A failed sync is final.** The kernel may have dropped the changes and marked them clean: a second `datasync` may resolve
 *   without having written anything. Whoever sees a sync fail must stop trusting the file.
 *
 * Errors are Node's: an `Error` with `code` (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, `ELOOP`, …), `syscall` and `path`.
 */
export interface Fs {
  /**
   * Opens a regular file. A symbolic link in the last place of the path is refused with `ELOOP`, a directory with `EISDIR`
   * when it is opened for writing. Without options: for reading.
   */
  open(path: string, options?: OpenOptions): Promise<FsFile>;

  /** Gives a file or directory another name inside the same directory; a file that had this name is replaced in the same step. */
  rename(from: string, to: string): Promise<void>;

  /** Removes the name of a file. Handles that are open stay usable. */
  unlink(path: string): Promise<void>;

  /** The names in a directory, sorted, without `.` and `..`. */
  readdir(path: string): Promise<string[]>;

  /** Makes one directory, mode 0700. `EEXIST` if anything has this name. */
  mkdir(path: string): Promise<void>;

  /** Removes an empty directory. `ENOTEMPTY` otherwise. */
  rmdir(path: string): Promise<void>;

  /** Makes the names in this directory durable (not what the files hold, and not the directory's own name in its parent). */
  syncDirectory(path: string): Promise<void>;
}

export interface OpenOptions {
  /** For writing as well as reading. */
  readonly write?: boolean;
  /** Make the file, mode 0600, if the name is free. Asks for `write`. */
  readonly create?: boolean;
  /** With `create`: `EEXIST` if the name is taken, by whatever. */
  readonly exclusive?: boolean;
  /** Cut an existing file to nothing. Asks for `write`. A power cut may undo it until `datasync`. */
  readonly truncate?: boolean;
  /**
   * A `write` resolves only when its own bytes (and the size, if it grew) are as durable as after `datasync`; bytes of earlier
   * writes through other handles are not included. A write that fails has failed as a sync does: finally.
   */
  readonly writeThrough?: boolean;
}

/** An open file. Positions and sizes are bytes; calls on one file may overlap and then have no order. */
export interface FsFile {
  /** Fills `into` from `position` on and answers how many bytes it got: possibly fewer than asked for, 0 only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;

  /** Writes `from` at `position` and answers how many bytes it took: possibly fewer, at least 1. A hole before them reads as zeros. */
  write(from: Uint8Array, position: number): Promise<number>;

  /** Makes contents and size durable. See above for what a failure means. */
  datasync(): Promise<void>;

  /** Sets the size: what is beyond it is gone, what it gains reads as zeros. */
  truncate(size: number): Promise<void>;

  size(): Promise<number>;

  /**
   * Takes the kernel's exclusive lock of this file, without waiting. False if somebody else holds it. It is free again when this
   * handle is closed or its process ends, however it ends. Rejects with code `ENOTSUP` where no lock can be had.
   */
  lock(): Promise<boolean>;

  /** Closes the handle; the changes that were not synced stay un-synced. A second close does nothing. */
  close(): Promise<void>;
}

/** The smallest piece that a disk writes whole, in bytes. */
export const SECTOR_SIZE = 512;

/** Writes all of `from` at `position`, however short the single writes turn out. */
export async function writeFully(file: FsFile, from: Uint8Array, position: number): Promise<void> {
  let done = await file.write(from, position);
  while (done < from.length) {
    done += await file.write(from.subarray(done), position + done);
  }
}

/** Reads from `position` until `into` is full or the file ends; answers how many bytes it got. */
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
 * Runs `cleanup` after `work`, however that ends. If both fail, the failure of `work` is the one that is thrown: it came first, and
 * what failed afterwards often follows from it.
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

/** Closes all of these, whichever fail, and then throws the first failure. */
export async function closeAll(files: Iterable<FsFile>): Promise<void> {
  const closed = await Promise.allSettled([...files].map((file) => file.close()));
  for (const one of closed) if (one.status === 'rejected') throw one.reason;
}
