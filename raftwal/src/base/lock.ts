import { basename, dirname } from 'node:path';
import process from 'node:process';
import { describeError } from '@raft-ts/proto/internal';
import { codeOf, ERR_WAL_IO, ERR_WAL_LOCK_UNAVAILABLE, ERR_WAL_LOCKED, hasCode, WalError } from './errors.js';
import type { Fs, FsFile, LockOptions } from './fs.js';
import { NodeFs, type TryLock } from './node-fs.js';
import type { LogOptions } from './options.js';

/** The error of a file system that has no locks. */
const UNSUPPORTED = 'ENOTSUP';

let loading: Promise<TryLock> | undefined;

/**
 * Loads the kernel's locks, once in a process.
 *
 * An import that the log waits for, and not one at the head of this file: a system without the native module can then
 * still read logs. Nor a `require`, whose starting point a bundle in CommonJS does not have.
 */
async function loadTryLock(): Promise<TryLock> {
  // The native module calls functions of libuv. If these are missing, the process would end at the first lock without a
  // word.
  const runtime = ['bun', 'deno'].find((name) => process.versions[name] !== undefined);
  if (runtime !== undefined) throw unsupported(`it needs functions of libuv that ${runtime} does not have`);
  try {
    const { tryLock } = await import('fs-native-extensions');
    return tryLock;
  } catch (cause) {
    throw unsupported(describeError(cause).split('\n', 1)[0] as string, cause);
  }
}

function unsupported(why: string, cause?: unknown): Error {
  const text = `cannot load the native module fs-native-extensions: ${why}`;
  return Object.assign(new Error(text, { cause }), { code: UNSUPPORTED });
}

async function kernelLock(fd: number, options: LockOptions): Promise<boolean> {
  loading ??= loadTryLock();
  const tryLock = await loading;
  return tryLock(fd, options);
}

/** This machine's file system, with the kernel's locks if the native module can be loaded. */
export function defaultFs(): Fs {
  return new NodeFs({ tryLock: kernelLock });
}

/**
 * Locks a file of the log, or its mark, for this handle only, or shared with others who read.
 * @throws WalError `ERR_RAFT_WAL_LOCKED`, `ERR_RAFT_WAL_LOCK_UNAVAILABLE`
 */
export async function lockFile(
  file: FsFile,
  path: string,
  { unsafeNoLock = false, shared = false }: Pick<LogOptions, 'unsafeNoLock'> & LockOptions,
): Promise<void> {
  if (unsafeNoLock) return;
  let free: boolean;
  try {
    free = await file.lock({ shared });
  } catch (cause) {
    if (!hasCode(cause, UNSUPPORTED)) throw cause;
    // No advice here suggests going without a lock: two members in one folder destroy the log.
    const advice = 'make it loadable for this system (a bundle must leave it out), or give NodeFs a tryLock';
    const why = codeOf(cause) === ERR_WAL_IO ? (cause as WalError).cause : cause;
    throw new WalError(ERR_WAL_LOCK_UNAVAILABLE, `no file locks: ${describeError(why)}; ${advice}`, {
      file: basename(path),
      cause,
    });
  }
  if (free) return;
  const what = `the log in ${dirname(path)} is open for writing elsewhere`;
  throw new WalError(ERR_WAL_LOCKED, `${what}: only one process at a time, and one object in it, may use it`, {
    file: basename(path),
    path,
  });
}
