import * as fs from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type Fs, type FsFile, type LockOptions, type OpenOptions, withCleanup } from './fs.js';

/**
 * Takes the kernel's exclusive lock on an open file without waiting, or a `shared` one, for which the file is open for
 * reading only; returns false if another handle holds one that excludes it. The lock belongs to the handle: it is
 * released when the handle is closed or the process ends.
 */
export type TryLock = (fd: number, options: LockOptions) => boolean | Promise<boolean>;

/**
 * This machine's file system, through the asynchronous calls of `node:fs`.
 *
 * The calls with callbacks are used because a `FileHandle` costs a second promise and some bookkeeping per call, and
 * the cost of one small durable write determines the speed of the log.
 */
export class NodeFs implements Fs {
  readonly #tryLock: TryLock | undefined;

  /** Without `tryLock`, `FsFile.lock` rejects with `ENOTSUP`. */
  constructor(options: { readonly tryLock?: TryLock | undefined } = {}) {
    this.#tryLock = options.tryLock;
  }

  async open(path: string, options: OpenOptions = {}): Promise<FsFile> {
    const fd = await call<number>((done) => fs.open(path, openFlags(options), 0o600, done));
    return new NodeFile(fd, path, options.writeThrough === true && !KERNEL_WRITES_THROUGH, this.#tryLock);
  }

  rename(from: string, to: string): Promise<void> {
    return call((done) => fs.rename(from, to, done));
  }

  unlink(path: string): Promise<void> {
    return call((done) => fs.unlink(path, done));
  }

  async readdir(path: string): Promise<string[]> {
    const names = await call<string[]>((done) => fs.readdir(path, done));
    return names.sort();
  }

  mkdir(path: string): Promise<void> {
    return call((done) => fs.mkdir(path, { mode: 0o700 }, (error) => done(error)));
  }

  rmdir(path: string): Promise<void> {
    return call((done) => fs.rmdir(path, done));
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory to sync it; its file systems journal names themselves.
    if (process.platform === 'win32') return;
    const fd = await call<number>((done) =>
      fs.open(join(path, '.'), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY, done),
    );
    await withCleanup(
      () => call<void>((done) => fs.fsync(fd, done)),
      () => call<void>((done) => fs.close(fd, done)),
    );
  }
}

/**
 * macOS accepts O_DSYNC but does not flush the drive, and Windows does not have it: there, a sync follows each write
 * instead.
 */
const KERNEL_WRITES_THROUGH = process.platform === 'linux';

function openFlags(options: OpenOptions): number {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_DSYNC } = fs.constants;
  // Windows has no such flag, and ordinary users cannot make links there.
  const noFollow: number | undefined = fs.constants.O_NOFOLLOW;
  let flags = (options.write === true ? O_RDWR : O_RDONLY) | (noFollow ?? 0);
  if (options.create === true) flags |= O_CREAT;
  if (options.exclusive === true) flags |= O_EXCL;
  if (options.truncate === true) flags |= O_TRUNC;
  if (options.writeThrough === true && KERNEL_WRITES_THROUGH) flags |= O_DSYNC;
  return flags;
}

class NodeFile implements FsFile {
  readonly #path: string;
  readonly #syncEachWrite: boolean;
  readonly #tryLock: TryLock | undefined;
  #fd: number;

  constructor(fd: number, path: string, syncEachWrite: boolean, tryLock: TryLock | undefined) {
    this.#fd = fd;
    this.#path = path;
    this.#syncEachWrite = syncEachWrite;
    this.#tryLock = tryLock;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return call((done) => fs.read(this.#fd, into, 0, into.length, position, done));
  }

  write(from: Uint8Array, position: number): Promise<number> {
    const written = call<number>((done) => fs.write(this.#fd, from, 0, from.length, position, done));
    return this.#syncEachWrite ? this.#synced(written) : written;
  }

  async #synced(written: Promise<number>): Promise<number> {
    const count = await written;
    await this.datasync();
    return count;
  }

  datasync(): Promise<void> {
    return call((done) => fs.fdatasync(this.#fd, done));
  }

  truncate(size: number): Promise<void> {
    return call((done) => fs.ftruncate(this.#fd, size, done));
  }

  async size(): Promise<number> {
    const stats = await call<fs.Stats>((done) => fs.fstat(this.#fd, done));
    return stats.size;
  }

  async lock(options: LockOptions = {}): Promise<boolean> {
    if (this.#tryLock === undefined) {
      throw Object.assign(new Error(`ENOTSUP: this NodeFs was given no tryLock, lock '${this.#path}'`), {
        code: 'ENOTSUP',
        syscall: 'lock',
        path: this.#path,
      });
    }
    return this.#tryLock(this.#fd, options);
  }

  async close(): Promise<void> {
    if (this.#fd === CLOSED) return;
    const fd = this.#fd;
    // The kernel reuses the number for the next file that is opened; a late call through this handle must not reach
    // that file.
    this.#fd = CLOSED;
    await call<void>((done) => fs.close(fd, done));
  }
}

/** Not a valid descriptor: Node refuses it with a coded error without asking the kernel. */
const CLOSED = -1;

type Done<T> = (error: NodeJS.ErrnoException | null | undefined, value?: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => {
      // Deno passes undefined, Node null.
      if (error === null || error === undefined) resolve(value as T);
      else reject(error);
    });
  });
}
