import { createRequire } from 'node:module';
import { ERR_WAL_LOCK_UNAVAILABLE, ERR_WAL_LOCKED, hasCode, WalError } from './errors.js';
import type { Fs, FsFile } from './fs.js';
import { NodeFs, type TryLock } from './node-fs.js';

/** What is used of `fs-native-extensions`: OFD locks on Linux as etcd takes them, `flock` on macOS, `LockFileEx` on Windows. */
interface NativeLocks {
  readonly tryLock: (fd: number) => boolean;
}

let loaded: { readonly tryLock: TryLock | undefined } | undefined;

/** The kernel's locks; undefined where the native module has no binary for this system. */
function nativeTryLock(): TryLock | undefined {
  if (loaded === undefined) {
    try {
      const native = createRequire(import.meta.url)('fs-native-extensions') as NativeLocks;
      loaded = { tryLock: (fd) => native.tryLock(fd) };
    } catch {
      loaded = { tryLock: undefined };
    }
  }
  return loaded.tryLock;
}

/** This machine's file system, with the kernel's locks where they are to be had. */
export function defaultFs(): Fs {
  return new NodeFs({ tryLock: nativeTryLock() });
}

/**
 * Locks a file of the log, or its mark, for this handle alone.
 * @throws WalError `ERR_RAFT_WAL_LOCKED`, `ERR_RAFT_WAL_LOCK_UNAVAILABLE`
 */
export async function lockFile(file: FsFile, name: string, unsafeNoLock: boolean): Promise<void> {
  if (unsafeNoLock) return;
  let free: boolean;
  try {
    free = await file.lock();
  } catch (cause) {
    if (!hasCode(cause, 'ENOTSUP')) throw cause;
    const advice = 'install fs-native-extensions for this system, or pass unsafeNoLock';
    throw new WalError(ERR_WAL_LOCK_UNAVAILABLE, `no file locks here: ${advice}`, { file: name, cause });
  }
  if (!free) throw new WalError(ERR_WAL_LOCKED, 'the log is open for writing elsewhere', { file: name });
}
