import { basename, dirname, join } from 'node:path';
import { codedFs } from './base/coded-fs.js';
import { makeDirectories } from './base/directories.js';
import { ERR_WAL_EXISTS, WalError } from './base/errors.js';
import { type Fs, readFully, withCleanup, writeFully } from './base/fs.js';
import { inScratch } from './base/in-scratch.js';
import type { LogOptions } from './base/options.js';
import { despitePurges } from './base/purges.js';
import type { WalSnapshot } from './format/record.js';
import { readMark } from './mark/log-mark.js';
import { readLog } from './read/log-reader.js';
import { listSegments } from './read/segments.js';
import { validSnapshots, verify } from './read/verify.js';
import { SnapshotFiles } from './snapshots/snapshot-files.js';

const PIECE = 1 << 20;

/** Options of `backup`. */
export interface BackupOptions extends Pick<LogOptions, 'fs'> {
  /** Called with the number of bytes as they are copied. */
  readonly progress?: (bytes: number) => void;
}

/** What a backup holds. */
export interface BackupResult {
  /** The copied files, with their folder. */
  readonly files: readonly string[];
  readonly lastIndex: number;
  /** The newest mark whose file was copied; index 0 if there is none. */
  readonly snapshot: WalSnapshot;
}

/**
 * Copies a member's folder (`DIR/wal`, `DIR/snap`), even while the member runs: everything that was durable when the
 * copy began. The copy is checked before it gets its name.
 *
 * @throws WalError `ERR_RAFT_WAL_EXISTS` if `target` exists; the errors of `verify`
 */
export async function backup(dir: string, target: string, options: BackupOptions = {}): Promise<BackupResult> {
  const fs = codedFs(options.fs);
  const parent = dirname(target);
  await makeDirectories(fs, parent);
  if ((await fs.readdir(parent)).includes(basename(target))) {
    throw new WalError(ERR_WAL_EXISTS, `${target} exists already`);
  }
  const progress = options.progress ?? (() => {});
  return despitePurges(() =>
    inScratch({ fs, target, kind: 'tmp' }, (scratch) => copyMember(fs, dir, scratch, progress)),
  );
}

async function copyMember(fs: Fs, dir: string, to: string, progress: (bytes: number) => void): Promise<BackupResult> {
  const [fromLog, toLog] = [join(dir, 'wal'), join(to, 'wal')];
  await fs.mkdir(to);
  await fs.mkdir(toLog);
  const acknowledged = await readMark(fs, fromLog);
  const segments = await listSegments(fs, fromLog);
  // The bytes before the end of the records do not change any more.
  const tail = await readLog({ fs, dir: fromLog, segments, mark: acknowledged }, { record() {} });
  const files: string[] = [];
  for (const { name } of segments) {
    const end = name === tail.segment.name ? tail.offset : Number.POSITIVE_INFINITY;
    await copyFile(fs, join(fromLog, name), join(toLog, name), { end, progress });
    files.push(join('wal', name));
  }
  await fs.syncDirectory(toLog);
  // Making this folder also syncs the names in its parent, including that of the log's folder.
  const folder = await SnapshotFiles.open(join(to, 'snap'), { fs });
  const present = await fs.readdir(join(dir, 'snap'));
  const marks = await validSnapshots(toLog, { fs });
  const mark = marks.findLast((one) => present.includes(SnapshotFiles.namesOf(one)[0])) ?? { index: 0, term: 0 };
  // There is a stream beside the snapshot if the application uses streams.
  for (const name of SnapshotFiles.namesOf(mark).filter((one) => present.includes(one))) {
    await copyFile(fs, join(dir, 'snap', name), join(folder.dir, name), { end: Number.POSITIVE_INFINITY, progress });
    files.push(join('snap', name));
  }
  if (mark.index > 0) await folder.load([mark]);
  await fs.syncDirectory(folder.dir);
  const { lastIndex } = await verify(toLog, { fs, snapshot: { index: mark.index, term: mark.term } });
  return { files, lastIndex, snapshot: mark };
}

interface CopyOptions {
  /** Offset up to which the file is copied. */
  readonly end: number;
  readonly progress: (bytes: number) => void;
}

async function copyFile(fs: Fs, from: string, to: string, { end, progress }: CopyOptions): Promise<void> {
  const source = await fs.open(from);
  await withCleanup(
    async () => {
      const copy = await fs.open(to, { write: true, create: true, exclusive: true });
      await withCleanup(
        async () => {
          const size = Math.min(end, await source.size());
          const piece = new Uint8Array(Math.min(PIECE, size));
          for (let at = 0; at < size; at += piece.length) {
            const part = piece.subarray(0, Math.min(piece.length, size - at));
            const count = await readFully(source, part, at);
            await writeFully(copy, part.subarray(0, count), at);
            progress(count);
          }
          await copy.datasync();
        },
        () => copy.close(),
      );
    },
    () => source.close(),
  );
}
