/** Opens a member's folder: finds the log and the newest snapshot in it, or starts a new log. */
import { join } from 'node:path';
import { emptySnapshot, type NodeId, type Snapshot, type SnapshotMetadata } from '@raft-ts/proto';
import { codedFs } from './base/coded-fs.js';
import { makeDirectories } from './base/directories.js';
import { ERR_SNAP_NONE, ERR_WAL_CORRUPT, ERR_WAL_NOT_FOUND, WalError } from './base/errors.js';
import { type Fs, withCleanup } from './base/fs.js';
import { lockFile } from './base/lock.js';
import type { WalSnapshot } from './format/record.js';
import type { SegmentName } from './format/segment-name.js';
import { forgetFounders, isUnused, readFounders } from './founders.js';
import { incarnationOf } from './incarnation.js';
import { LogMark } from './mark/log-mark.js';
import type { DurableStorageOptions, WalContent, WalCreateOptions, WalOpenOptions } from './options.js';
import { listSegments } from './read/segments.js';
import { confirmedSnapshots } from './read/verify.js';
import { SnapshotFiles } from './snapshots/snapshot-files.js';
import { logIsGone, reachOf, Wal } from './wal.js';

/** What was found in a member's folder, with the log ready for `save`. */
export interface OpenMember {
  readonly wal: Wal;
  readonly snapshots: SnapshotFiles;
  /** The newest snapshot that the log confirms; empty if there is none. */
  readonly snapshot: Snapshot;
  /** Undefined if the log is new. */
  readonly content: WalContent | undefined;
  readonly incarnation: string;
  /** Undefined if the folder does not say. */
  readonly founders: readonly NodeId[] | undefined;
}

/** What the two ways to open a member's folder need. */
interface Opening {
  readonly fs: Fs;
  readonly dir: string;
  readonly walDir: string;
  /** Not prepared yet. */
  readonly snapshots: SnapshotFiles;
  readonly options: DurableStorageOptions & WalCreateOptions & WalOpenOptions;
}

/** Opens the log in `dir`, or starts a new one there. @throws as `DurableStorage.open` does */
export async function openMember(dir: string, options: DurableStorageOptions): Promise<OpenMember> {
  const fs = codedFs(options.fs);
  await makeDirectories(fs, dir);
  const walDir = join(dir, 'wal');
  // A start that is refused must not harm the member that runs: nothing is changed or judged before the lock is held.
  const lock = await LogMark.take(fs, walDir, options);
  try {
    const snapshots = SnapshotFiles.unopened(join(dir, 'snap'), { ...options, fs });
    const { nodeId, clusterId } = options;
    const opening = { fs, dir, walDir, snapshots, options: { ...options, fs, lock, identity: { nodeId, clusterId } } };
    const last = (await listSegments(fs, walDir)).at(-1);
    return await (last === undefined ? begin(opening) : resume(opening, last));
  } catch (error) {
    await lock.close();
    throw error;
  }
}

async function begin({ fs, dir, walDir, snapshots, options }: Opening): Promise<OpenMember> {
  const names = await snapshots.names();
  if (names.length > 0) {
    const what = `there is no log in ${walDir}, although there are snapshots beside it`;
    throw new WalError(ERR_WAL_NOT_FOUND, `${what}: put it back, or remove this member and add it anew`);
  }
  // A log that was lost may be put back, and then keeps its incarnation.
  if (options.lock?.found !== undefined) throw logIsGone(walDir);
  await forgetFounders(fs, dir);
  // Before the log exists: a start that is interrupted between the two begins again, with another incarnation.
  const incarnation = await incarnationOf(fs, dir, { ...options, isNew: true });
  const wal = await Wal.create(walDir, options);
  return closingOnFailure(wal, async () => {
    await snapshots.prepare();
    return { wal, snapshots, snapshot: emptySnapshot(), content: undefined, incarnation, founders: undefined };
  });
}

async function resume(opening: Opening, last: SegmentName): Promise<OpenMember> {
  const { fs, dir, walDir, snapshots, options } = opening;
  await checkUnlocked(opening, last);
  const marks = await confirmedSnapshots(fs, walDir, reachOf(options.lock?.found));
  const { snapshot, broken } = await newestSnapshot(snapshots, marks);
  const { index, term } = snapshot.metadata;
  const torn = options.torn ?? 'repair';
  const wal = await Wal.open(walDir, { ...options, snapshot: { index, term }, torn });
  return closingOnFailure(wal, async () => {
    const content = await wal.readAll();
    checkContent(content, snapshot.metadata);
    await snapshots.prepare();
    await snapshots.setAside(broken);
    await warnOfSnapshotsAbove(wal.lastIndex, opening);
    const unused = isUnused(content.hardState, snapshot.metadata, content.entries);
    if (unused) await forgetFounders(fs, dir);
    const incarnation = await incarnationOf(fs, dir, { ...options, isNew: false });
    const founders = unused ? undefined : await readFounders(fs, dir);
    return { wal, snapshots, snapshot, content, incarnation, founders };
  });
}

async function closingOnFailure<T>(wal: Wal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await wal.close().catch(() => {});
    throw error;
  }
}

/**
 * Checks whether a program that knows no mark has the log open: etcd, which locks the files that it writes. `Wal.open`
 * locks them for good, but which files it opens depends on what is read before.
 *
 * @throws WalError `ERR_RAFT_WAL_LOCKED`
 */
async function checkUnlocked({ fs, walDir, options }: Opening, { name }: SegmentName): Promise<void> {
  const file = await fs.open(join(walDir, name), { write: true });
  await withCleanup(
    () => lockFile(file, join(walDir, name), options),
    () => file.close(),
  );
}

/**
 * Returns the newest snapshot that the log confirms; an empty one if there is none and the log reaches back to its
 * start.
 */
export async function newestSnapshot(
  files: SnapshotFiles,
  marks: readonly WalSnapshot[],
): Promise<{ readonly snapshot: Snapshot; readonly broken: readonly string[] }> {
  const { snapshot, broken } = await files.find(marks);
  if (snapshot !== undefined) return { snapshot, broken };
  if (marks.some(({ index }) => index === 0)) return { snapshot: emptySnapshot(), broken };
  const what = `${files.dir} holds no snapshot that the log confirms, and the log does not reach back to its start`;
  throw new WalError(ERR_SNAP_NONE, `${what}: put the snapshot back, or remove this member and add it anew`);
}

export function checkContent({ hardState, entries, snapshotFound }: WalContent, { index }: SnapshotMetadata): void {
  const todo = 'remove this member and add it anew';
  if (!snapshotFound) throw new WalError(ERR_WAL_CORRUPT, `the log has lost the mark of snapshot ${index}: ${todo}`);
  const last = index + entries.length;
  const commit = hardState?.commit ?? 0;
  if (commit <= last && commit >= index) return;
  const what = `the log holds ${index} to ${last}, and its commit is ${commit}`;
  throw new WalError(ERR_WAL_CORRUPT, `${what}: ${todo}`, { reason: 'commit' });
}

/**
 * Warns of snapshots above the end of the log. The installation of a leader's snapshot that was interrupted leaves one;
 * so does a log that lost its end.
 */
async function warnOfSnapshotsAbove(lastIndex: number, { snapshots, walDir, options }: Opening): Promise<void> {
  const above = (await snapshots.names()).filter((name) => SnapshotFiles.indexOf(name) > lastIndex);
  if (above.length === 0) return;
  const what = `${above.join(', ')} is above the end of the log in ${walDir}, which is ${lastIndex}`;
  const why = 'its installation was interrupted, or the log has lost its end';
  options.logger?.warn(`${what}: ${why}. If files were removed or put back by hand, stop this member and add it anew`);
}
