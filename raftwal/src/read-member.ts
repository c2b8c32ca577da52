import { join } from 'node:path';
import type { Entry, HardState, NodeId, Snapshot } from '@raft-ts/proto';
import { codedFs } from './base/coded-fs.js';
import { ERR_WAL_NOT_FOUND, hasCode, WalError } from './base/errors.js';
import { closeAll, type Fs, type FsFile, withCleanup } from './base/fs.js';
import { lockFile } from './base/lock.js';
import type { LogOptions } from './base/options.js';
import { decodeIdentity, type Identity } from './format/identity.js';
import { readFounders } from './founders.js';
import { markPath } from './mark/log-mark.js';
import { checkContent, newestSnapshot } from './open-member.js';
import type { Damage } from './read/damage.js';
import { listSegments } from './read/segments.js';
import { confirmedSnapshots } from './read/verify.js';
import { SnapshotFiles } from './snapshots/snapshot-files.js';
import { Wal } from './wal.js';

/** What a member's folder holds. */
export interface MemberContent {
  /** Whose it is; `undefined` if the log does not say. */
  readonly identity: Identity | undefined;
  /** The members that founded its cluster; `undefined` if the folder does not say. */
  readonly founders: readonly NodeId[] | undefined;
  /** The newest snapshot that the log confirms; of index 0 if there is none. */
  readonly snapshot: Snapshot;
  /** The folder of snapshots, to read their streams from. */
  readonly snapshots: SnapshotFiles;
  /** The entries after the snapshot, committed or not. */
  readonly entries: readonly Entry[];
  /** `undefined` if none was saved. */
  readonly hardState: HardState | undefined;
  /** An unfinished write at the end of the log, which a start would cut off. Its records are not among the entries. */
  readonly damage: Damage | undefined;
}

/**
 * Reads a member's folder without changing anything in it, and keeps it locked until `use` has ended, so that its
 * member cannot go on meanwhile. The lock is shared with others who read, and needs no right to write: the folder may
 * lie on a disk that is mounted read-only. As any lock of the kernel, it is not seen by another machine that has
 * mounted the same disk.
 *
 * @throws WalError `ERR_RAFT_WAL_NOT_FOUND` if there is no log, `_LOCKED` if the member runs, `_LOCK_UNAVAILABLE`,
 * `_IO`, `_CORRUPT`, `_UNDECIDED`, `ERR_RAFT_SNAP_NONE`; what `use` throws
 */
export async function readMember<T>(
  dir: string,
  use: (content: MemberContent) => Promise<T>,
  options: Pick<LogOptions, 'fs' | 'unsafeNoLock' | 'logger'> = {},
): Promise<T> {
  const fs = codedFs(options.fs);
  const walDir = join(dir, 'wal');
  const last = (await segmentsIn(fs, walDir)).at(-1);
  if (last === undefined) throw new WalError(ERR_WAL_NOT_FOUND, `there is no log in ${walDir}: name a member's folder`);
  // Etcd locks the segments alone, and leaves no mark.
  const files: FsFile[] = [];
  return withCleanup(
    async () => {
      for (const path of [markPath(walDir), join(walDir, last.name)]) {
        const file = await openExisting(fs, path);
        if (file === undefined) continue;
        files.push(file);
        await lockFile(file, path, { ...options, shared: true });
      }
      return use(await contentOf(fs, dir, options.logger));
    },
    () => closeAll(files),
  );
}

async function segmentsIn(fs: Fs, walDir: string): Promise<Awaited<ReturnType<typeof listSegments>>> {
  try {
    return await listSegments(fs, walDir);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function openExisting(fs: Fs, path: string): Promise<FsFile | undefined> {
  try {
    return await fs.open(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function contentOf(fs: Fs, dir: string, logger: LogOptions['logger']): Promise<MemberContent> {
  const walDir = join(dir, 'wal');
  const snapshots = SnapshotFiles.unopened(join(dir, 'snap'), { fs, ...(logger === undefined ? {} : { logger }) });
  const { snapshot } = await newestSnapshot(snapshots, await confirmedSnapshots(fs, walDir));
  const { index, term } = snapshot.metadata;
  const wal = await Wal.open(walDir, { fs, readOnly: true, snapshot: { index, term } });
  return withCleanup(
    async () => {
      const content = await wal.readAll();
      checkContent(content, snapshot.metadata);
      const { metadata, hardState, entries, damage } = content;
      const founders = await readFounders(fs, dir);
      return { identity: decodeIdentity(metadata), founders, snapshot, snapshots, entries, hardState, damage };
    },
    () => wal.close(),
  );
}
