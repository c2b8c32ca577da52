// The package has no types of its own. This declares the part that is used.
declare module 'fs-native-extensions' {
  /**
   * Takes an exclusive lock, unless it is to be shared: an OFD lock on Linux, as etcd does, `flock` on macOS,
   * `LockFileEx` on Windows.
   */
  export function tryLock(fd: number, options?: { readonly shared?: boolean }): boolean;
}
