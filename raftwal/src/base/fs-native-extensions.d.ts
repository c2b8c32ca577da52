// The package has no types of its own; this is what is used of it.
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock: an OFD lock on Linux, as etcd does, `flock` on macOS, `LockFileEx` on Windows. */
  export function tryLock(fd: number): boolean;
}
