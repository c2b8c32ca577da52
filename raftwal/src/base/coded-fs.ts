import { basename } from 'node:path';
import { describeError } from '@raft-ts/proto/internal';
import { codeOf, ERR_WAL_IO, WalError } from './errors.js';
import type { Fs, FsFile, LockOptions, OpenOptions } from './fs.js';
import { defaultFs } from './lock.js';

/** Returns a file system whose failures are `WalError`s. Everything in this package goes through it. */
export function codedFs(fs: Fs | undefined): Fs {
  return fs instanceof CodedFs ? fs : new CodedFs(fs ?? defaultFs());
}

class CodedFs implements Fs {
  private readonly fs: Fs;

  constructor(fs: Fs) {
    this.fs = fs;
  }

  async open(path: string, options?: OpenOptions): Promise<FsFile> {
    return new CodedFile(await coded('open', path, this.fs.open(path, options)), path);
  }

  rename(from: string, to: string): Promise<void> {
    return coded('rename', from, this.fs.rename(from, to));
  }

  unlink(path: string): Promise<void> {
    return coded('unlink', path, this.fs.unlink(path));
  }

  readdir(path: string): Promise<string[]> {
    return coded('readdir', path, this.fs.readdir(path));
  }

  mkdir(path: string): Promise<void> {
    return coded('mkdir', path, this.fs.mkdir(path));
  }

  rmdir(path: string): Promise<void> {
    return coded('rmdir', path, this.fs.rmdir(path));
  }

  syncDirectory(path: string): Promise<void> {
    return coded('syncDirectory', path, this.fs.syncDirectory(path));
  }
}

class CodedFile implements FsFile {
  private readonly file: FsFile;
  private readonly path: string;

  constructor(file: FsFile, path: string) {
    this.file = file;
    this.path = path;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return coded('read', this.path, this.file.read(into, position));
  }

  write(from: Uint8Array, position: number): Promise<number> {
    return coded('write', this.path, this.file.write(from, position));
  }

  datasync(): Promise<void> {
    return coded('datasync', this.path, this.file.datasync());
  }

  truncate(size: number): Promise<void> {
    return coded('truncate', this.path, this.file.truncate(size));
  }

  size(): Promise<number> {
    return coded('size', this.path, this.file.size());
  }

  lock(options?: LockOptions): Promise<boolean> {
    return coded('lock', this.path, this.file.lock(options));
  }

  close(): Promise<void> {
    return coded('close', this.path, this.file.close());
  }
}

type Operation = keyof Fs | keyof FsFile;

function coded<T>(operation: Operation, path: string, result: Promise<T>): Promise<T> {
  return result.catch((cause: unknown) => {
    throw systemError(operation, path, cause);
  });
}

/** As in "cannot … PATH". */
const verbs: Readonly<Record<Operation, string>> = {
  open: 'open',
  rename: 'rename',
  unlink: 'remove',
  readdir: 'list',
  mkdir: 'make',
  rmdir: 'remove',
  syncDirectory: 'sync',
  read: 'read',
  write: 'write',
  datasync: 'sync',
  truncate: 'resize',
  size: 'get the size of',
  lock: 'lock',
  close: 'close',
};

const noRoom = 'make room on its disk, or move it to a larger one, and start again';
const noRights = 'let the user of this process read and write it, or start as its owner';
const badDisk = 'the disk may be failing: look at the log of the kernel, and replace the disk before you start again';
const fewFiles = 'close other programs, or raise the limit of open files (ulimit -n), and start again';

const advice: Readonly<Record<string, string>> = {
  ENOSPC: noRoom,
  EDQUOT: noRoom,
  EFBIG: noRoom,
  EACCES: noRights,
  EPERM: noRights,
  EROFS: 'mount its file system for writing; if the kernel made it read-only after errors on the disk, its log says so',
  EIO: badDisk,
  ENXIO: badDisk,
  ENODEV: badDisk,
  ESTALE: 'mount its file system again, and start again',
  EMFILE: fewFiles,
  ENFILE: fewFiles,
  ELOOP: 'put the file itself in its place: symbolic links are not followed',
  ENOTDIR: 'a part of its path is a file: move that away, or choose another folder',
  EISDIR: 'a folder has this name: move it away',
  ENOENT: 'put it back if something removed it: nothing else may change this folder while it is in use',
  EEXIST: 'something else has this name, perhaps a link that leads nowhere: move it away',
  ENAMETOOLONG: 'choose a folder with a shorter path',
};

/**
 * Turns an error of the operating system into an `ERR_RAFT_WAL_IO` that says what to do; also for files that a program
 * keeps beside the log. Any other error is returned unchanged.
 */
export function systemError(operation: Operation, path: string, cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return cause;
  // Node's text ends with the call and the path, which are here already.
  const [text = code] = describeError(cause).split(', ', 1);
  const todo = advice[code] ?? 'look at the log of the system, and start again';
  return new WalError(ERR_WAL_IO, `cannot ${verbs[operation]} ${path}: ${text}; ${todo}`, {
    file: basename(path),
    reason: code,
    operation,
    path,
    cause,
  });
}
