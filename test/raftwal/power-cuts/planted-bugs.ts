import type { Fs, FsFile, Wal } from '@raft-ts/raftwal';
import type { LogUnderTest, OpenLog } from './log-under-test.js';

/**
 * Mistakes that people make in logs, each planted from outside: between the log and its file system, or between the log
 * and its driver. The log itself is the real one.
 */

/** The calls of one file, some of them replaced. */
type FileChanges = (file: FsFile, path: string) => Partial<FsFile>;

function withFiles(log: LogUnderTest, changes: FileChanges, writeThrough = true): LogUnderTest {
  return {
    start: (fs, directory) =>
      log.start(
        withCalls(fs, {
          open: async (path, options = {}) => {
            const file = await fs.open(path, writeThrough ? options : { ...options, writeThrough: false });
            return { ...callsOf(file), ...changes(file, path) };
          },
        }),
        directory,
      ),
  };
}

function withCalls(fs: Fs, changes: Partial<Fs>): Fs {
  return {
    open: (path, options) => fs.open(path, options),
    rename: (from, to) => fs.rename(from, to),
    unlink: (path) => fs.unlink(path),
    readdir: (path) => fs.readdir(path),
    mkdir: (path) => fs.mkdir(path),
    rmdir: (path) => fs.rmdir(path),
    syncDirectory: (path) => fs.syncDirectory(path),
    ...changes,
  };
}

function callsOf(file: FsFile): FsFile {
  return {
    read: (into, position) => file.read(into, position),
    write: (from, position) => file.write(from, position),
    datasync: () => file.datasync(),
    truncate: (size) => file.truncate(size),
    size: () => file.size(),
    lock: (options) => file.lock(options),
    close: () => file.close(),
  };
}

/** No file is ever synced, and no write goes through. */
export function noDataSync(log: LogUnderTest): LogUnderTest {
  return withFiles(log, () => ({ datasync: async () => {} }), false);
}

/** No directory is ever synced. */
export function noDirectorySync(log: LogUnderTest): LogUnderTest {
  return { start: (fs, directory) => log.start(withCalls(fs, { syncDirectory: async () => {} }), directory) };
}

/**
 * A torn tail is cut off and the file given its size again, as etcd does it; but no sync of the file reaches the disk
 * before the next append does.
 */
export function truncateWithoutSync(log: LogUnderTest): LogUnderTest {
  return withFiles(log, (file) => {
    let cutAt = Number.POSITIVE_INFINITY;
    return {
      truncate: async (size) => {
        const before = await file.size();
        await file.truncate(size);
        if (before <= size) return;
        cutAt = size;
        await file.truncate(before);
      },
      datasync: async () => {
        if (cutAt === Number.POSITIVE_INFINITY) await file.datasync();
      },
      write: (from, position) => {
        if (position >= cutAt) cutAt = Number.POSITIVE_INFINITY;
        return file.write(from, position);
      },
    };
  });
}

/** The remains of a torn write stay after the end of the log. */
export function tailNotZeroed(log: LogUnderTest): LogUnderTest {
  return withFiles(log, () => ({ truncate: async () => {} }));
}

/** A sync that failed is tried again, and believed when it then succeeds. */
export function failedSyncRetried(log: LogUnderTest): LogUnderTest {
  return withFiles(log, (file) => {
    const datasync = async (): Promise<void> => {
      await file.datasync().catch(() => file.datasync());
    };
    return {
      datasync,
      write: (from, position) =>
        file.write(from, position).catch(async () => {
          await datasync();
          return from.length;
        }),
    };
  });
}

/**
 * After each save the driver says that it needs nothing at or below its last entry, where it should say: its snapshot.
 */
export function segmentFreedEarly(log: LogUnderTest): LogUnderTest {
  return {
    start: async (fs, directory) => {
      const started = await log.start(fs, directory);
      const inner = started.log;
      const outer: OpenLog = {
        save: async (hardState, entries) => {
          await inner.save(hardState, entries);
          const last = entries.at(-1);
          if (last !== undefined) await inner.release(last.index);
        },
        saveSnapshot: (snapshot) => inner.saveSnapshot(snapshot),
        install: (snapshot, hardState) => inner.install(snapshot, hardState),
        release: (index) => inner.release(index),
        close: () => inner.close(),
      };
      return { ...started, log: outer };
    },
  };
}

/**
 * The head of a file is written as if no State had been saved yet. For `raftLogWith`: this one cannot be planted from
 * outside.
 */
export function stateNotRepeated(wal: Wal): void {
  const writer = wal['writer'];
  if (writer === undefined) throw new Error('the log is not open for writing');
  const planCut = writer['planCut'].bind(writer);
  writer['planCut'] = (batch: unknown): void => {
    const state = writer['state'];
    writer['state'] = undefined;
    planCut(batch);
    writer['state'] = state;
  };
}
