import { join } from 'node:path';
import { type Damage, damageError } from './damage.js';
import { ERR_WAL_INVALID, WalError } from './errors.js';
import { type Fs, type FsFile, readFully, writeFully } from './fs.js';
import { defaultFs, lockSegment } from './lock.js';
import { listSegments, readLog } from './log-reader.js';
import type { WalOptions } from './options.js';

const PIECE = 1 << 20;

/** A place in a log, as the errors name it. */
export interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

export interface RepairOptions extends WalOptions {
  /**
   * The operator's decision: also cut damage of which it cannot be told whether it had been acknowledged
   * (`ERR_RAFT_WAL_UNDECIDED`), at exactly this place, where `readAll` has refused it.
   */
  readonly cut?: LogPlace;
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
}

export interface RepairResult {
  /** What was cut off, or would be; undefined where the log ends well. */
  readonly damage: Damage | undefined;
  /** The copy of the file as it was. */
  readonly broken: string | undefined;
}

/**
 * Cuts off an unfinished write at the end of the last file, after copying the file to `NAME.broken`. Nothing else is ever removed:
 * no record in an earlier file, and none that a State or Snapshot behind it proves to have been durable.
 *
 * @throws WalError `ERR_RAFT_WAL_CORRUPT`, `_UNDECIDED` where that is not what the damage is; `_LOCKED`; `_NOT_FOUND`
 */
export async function repair(dir: string, options: RepairOptions = {}): Promise<RepairResult> {
  const fs = options.fs ?? defaultFs();
  // The others were whole before this one began: `verify` looks at them, and no repair touches them.
  const segments = (await listSegments(fs, dir)).slice(-1);
  const last = segments[0];
  const files = new Map<string, FsFile>();
  try {
    if (last !== undefined && options.dryRun !== true) {
      const file = await fs.open(join(dir, last.name), { write: true });
      files.set(last.name, file);
      await lockSegment(file, last.name, options.unsafeNoLock === true);
    }
    const { damage } = await readLog({ fs, dir, segments, files }, { record() {} });
    if (damage === undefined) {
      if (options.cut !== undefined) throw new WalError(ERR_WAL_INVALID, 'there is nothing to cut', options.cut);
      return { damage, broken: undefined };
    }
    checkDecision(damage, options.cut);
    if (last === undefined || options.dryRun === true) return { damage, broken: undefined };
    return { damage, broken: await cutDamage(fs, dir, files.get(last.name) as FsFile, damage) };
  } finally {
    for (const file of files.values()) await file.close();
  }
}

function checkDecision(damage: Damage, cut: LogPlace | undefined): void {
  if (cut === undefined) {
    if (damage.verdict !== 'torn') throw damageError(damage);
    return;
  }
  if (cut.file === damage.file && cut.offset === damage.offset) return;
  throw new WalError(ERR_WAL_INVALID, `the damage is in ${damage.file} at byte ${damage.offset}, not here`, cut);
}

/** Copies the file of the damage and cuts it there. Interrupted, it can be done again. Returns the name of the copy. */
export async function cutDamage(fs: Fs, dir: string, file: FsFile, { file: name, offset }: Damage): Promise<string> {
  const broken = `${name}.broken`;
  const copy = await fs.open(join(dir, broken), { write: true, create: true, truncate: true });
  try {
    const piece = new Uint8Array(Math.min(PIECE, await file.size()));
    for (let at = 0; ; ) {
      const count = await readFully(file, piece, at);
      if (count === 0) break;
      await writeFully(copy, piece.subarray(0, count), at);
      at += count;
    }
    await copy.datasync();
  } finally {
    await copy.close();
  }
  await fs.syncDirectory(dir);
  await file.truncate(offset);
  await file.datasync();
  return broken;
}
