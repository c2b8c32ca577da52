import type { HardState } from '@raft-ts/proto';
import { codedFs } from '../base/coded-fs.js';
import { ERR_WAL_NOT_FOUND, WalError } from '../base/errors.js';
import type { Fs } from '../base/fs.js';
import type { LogOptions } from '../base/options.js';
import { despitePurges } from '../base/purges.js';
import { contentOf, type ReadFrom, RecordType, type WalRecord, type WalSnapshot } from '../format/record.js';
import { readMark } from '../mark/log-mark.js';
import { type Damage, damageError } from './damage.js';
import { readLog } from './log-reader.js';
import { Replay } from './replay.js';
import { listSegments, segmentsFrom } from './segments.js';

/** Options of `verify`. */
export interface VerifyOptions extends Pick<LogOptions, 'fs'> {
  /** Check only what is needed above this snapshot. Default: check all files. */
  readonly snapshot?: ReadFrom;
  /** Called with the number of bytes as they are read. */
  readonly progress?: (bytes: number) => void;
}

/** What `verify` has found. */
export interface VerifyResult {
  readonly files: readonly string[];
  readonly metadata: Uint8Array | undefined;
  readonly hardState: HardState | undefined;
  /**
   * Number of entries above the snapshot; without one, after the purged ones and the last snapshot of another member.
   */
  readonly entries: number;
  readonly lastIndex: number;
  readonly snapshots: readonly WalSnapshot[];
  /** An unfinished write at the end; anything worse is thrown. */
  readonly damage: Damage | undefined;
}

/**
 * Reads a log without changing or locking it, even while a writer uses it, and checks every record: its sum, its
 * content, that no entry is missing, and that all files belong together.
 *
 * @throws WalError `ERR_RAFT_WAL_NOT_FOUND`, `_CORRUPT`, `_UNDECIDED`, `_SNAPSHOT_MISMATCH`, `_SNAPSHOT_NOT_FOUND`
 */
export async function verify(dir: string, options: VerifyOptions = {}): Promise<VerifyResult> {
  const fs = codedFs(options.fs);
  return despitePurges(() => verifyOnce(fs, dir, options));
}

async function verifyOnce(fs: Fs, dir: string, { snapshot: from, progress }: VerifyOptions): Promise<VerifyResult> {
  const mark = await readMark(fs, dir);
  const present = await listSegments(fs, dir);
  const first = present[0]?.index ?? 0;
  const segments = segmentsFrom(present, from?.index ?? first);
  const replay = from === undefined ? Replay.ofWholeLog(first) : new Replay(from, false);
  const { record } = replay;
  const { damage } = await readLog(
    { fs, dir, segments, mark },
    progress === undefined ? { record } : { record, progress },
  );
  if (damage?.verdict === 'undecided') throw damageError(damage);
  if (from === undefined) requireBeginning(replay, first);
  else replay.requireSnapshot();
  const { metadata, hardState, count, lastIndex, snapshots } = replay;
  return { files: segments.map(({ name }) => name), metadata, hardState, entries: count, lastIndex, snapshots, damage };
}

/** A log without its first files needs the record of a snapshot that a start can load instead. */
function requireBeginning({ hardState, snapshots }: Replay, first: number): void {
  const commit = hardState?.commit ?? 0;
  if (first === 0 || snapshots.some(({ index }) => index >= first && index <= commit)) return;
  throw new WalError(
    ERR_WAL_NOT_FOUND,
    `the files of the log do not reach back to index 0, and it confirms no snapshot from ${first} on`,
  );
}

/**
 * Returns the marks of the snapshots whose files may be loaded: those at or below the last commit, in order. Reads all
 * files that are there.
 * @throws WalError `ERR_RAFT_WAL_NOT_FOUND`, `_CORRUPT`, `_UNDECIDED`
 */
export async function validSnapshots(dir: string, options: Pick<LogOptions, 'fs'> = {}): Promise<WalSnapshot[]> {
  const fs = codedFs(options.fs);
  return despitePurges(() => confirmedSnapshots(fs, dir));
}

/** As `validSnapshots`, for the holder of the lock, beside whom nothing changes. @param reach see `ReadLogOptions` */
export async function confirmedSnapshots(
  fs: Fs,
  dir: string,
  reach: number = Number.POSITIVE_INFINITY,
): Promise<WalSnapshot[]> {
  const snapshots: WalSnapshot[] = [];
  let commit = 0;
  const look = (record: WalRecord): void => {
    // Entries are most of a log, and not needed here.
    if (record.type !== RecordType.State && record.type !== RecordType.Snapshot) return;
    const content = contentOf(record);
    if (content.kind === 'state') commit = content.state.commit;
    else if (content.kind === 'snapshot') snapshots.push(content.snapshot);
  };
  const { damage } = await readLog({ fs, dir, segments: await listSegments(fs, dir), reach }, { record: look });
  if (damage?.verdict === 'undecided') throw damageError(damage);
  return snapshots.filter(({ index }) => index <= commit);
}
