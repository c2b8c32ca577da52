import { join } from 'node:path';
import { codedFs } from '../base/coded-fs.js';
import { ERR_WAL_INVALID, ERR_WAL_NOT_FOUND, WalError } from '../base/errors.js';
import { type Fs, type FsFile, readFully, withCleanup, writeFully } from '../base/fs.js';
import { lockFile } from '../base/lock.js';
import type { LogOptions } from '../base/options.js';
import { LogMark, type MarkPlace, readMark } from '../mark/log-mark.js';
import { type Damage, damageError, lostEnd } from './damage.js';
import { readLog } from './log-reader.js';
import { listSegments } from './segments.js';

const PIECE = 1 << 20;

/** A place in a log, as the errors name it. */
export interface LogPlace {
  readonly file: string;
  readonly offset: number;
}

/** Options of `repair`. */
export interface RepairOptions extends LogOptions {
  /**
   * The operator's decision: cut damage that may have been acknowledged (`ERR_RAFT_WAL_UNDECIDED`), or give up an end
   * that the mark shows to have been acknowledged (`ERR_RAFT_WAL_CORRUPT` with reason `lost`), at exactly the place
   * that `readAll` named.
   */
  readonly cut?: LogPlace;
  /** Report what would be done, and change nothing. */
  readonly dryRun?: boolean;
}

/** What a repair has done. */
export interface RepairResult {
  /** What was cut off or given up, or would be; undefined if the log ends well. */
  readonly damage: Damage | undefined;
  /** The name of the copy of the file as it was; undefined if nothing was cut. */
  readonly broken: string | undefined;
}

/**
 * Cuts off an unfinished write at the end of the last file, after copying the file to `NAME.broken`. Nothing else is
 * ever removed: no record in an earlier file, and none that a later State or Snapshot proves to have been durable. If
 * the mark beside the log proves it, an operator must decide, which lowers the mark.
 *
 * @throws WalError `ERR_RAFT_WAL_CORRUPT`, `_UNDECIDED` if the damage is not an unfinished write; `_LOCKED`;
 * `_NOT_FOUND`
 */
export async function repair(dir: string, options: RepairOptions = {}): Promise<RepairResult> {
  const fs = codedFs(options.fs);
  const dryRun = options.dryRun === true;
  const found = await readMark(fs, dir);
  // A log that etcd wrote has no mark and gets none here: locking its last file is enough.
  const mark = found === undefined || dryRun ? undefined : await LogMark.take(fs, dir, options);
  return withCleanup(
    () => repairLast({ fs, dir, options, found: mark?.found ?? found, mark }),
    async () => mark?.close(),
  );
}

interface Repair {
  readonly fs: Fs;
  readonly dir: string;
  readonly options: RepairOptions;
  /** The mark as it was. */
  readonly found: MarkPlace | undefined;
  /** The open mark, if there is one that may be lowered. */
  readonly mark: LogMark | undefined;
}

async function repairLast({ fs, dir, options, found, mark }: Repair): Promise<RepairResult> {
  // The other files were whole before this one began. `verify` checks them, and a repair never touches them.
  const segments = (await listSegments(fs, dir)).slice(-1);
  const last = segments[0];
  const write = options.dryRun !== true;
  if (last === undefined) throw new WalError(ERR_WAL_NOT_FOUND, `${dir} holds no log`);
  const file = await fs.open(join(dir, last.name), { write });
  return withCleanup(
    async () => {
      if (write) await lockFile(file, join(dir, last.name), options);
      const tail = await readLog({ fs, dir, segments, files: new Map([[last.name, file]]) }, { record() {} });
      const damage = lostEnd(tail, found) ?? tail.damage;
      if (damage === undefined) {
        if (options.cut !== undefined) throw new WalError(ERR_WAL_INVALID, 'there is nothing to cut', options.cut);
        return { damage, broken: undefined };
      }
      checkDecision(damage, options.cut);
      if (!write) return { damage, broken: undefined };
      // The mark comes first: if the repair is interrupted after it, the damage is still there to be cut.
      if (damage.verdict === 'lost') await mark?.lower({ sequence: last.sequence, offset: damage.offset });
      return { damage, broken: tail.damage === undefined ? undefined : await cutDamage(fs, dir, file, damage) };
    },
    () => file.close(),
  );
}

function checkDecision(damage: Damage, cut: LogPlace | undefined): void {
  if (cut === undefined) {
    if (damage.verdict !== 'torn') throw damageError(damage);
    return;
  }
  if (cut.file === damage.file && cut.offset === damage.offset) return;
  throw new WalError(ERR_WAL_INVALID, `the damage is in ${damage.file} at byte ${damage.offset}, not here`, cut);
}

/**
 * Copies the damaged file and then cuts it at the damage. If interrupted, it can be repeated. Returns the name of the
 * copy.
 */
export async function cutDamage(fs: Fs, dir: string, file: FsFile, { file: name, offset }: Damage): Promise<string> {
  const broken = `${name}.broken`;
  const copy = await fs.open(join(dir, broken), { write: true, create: true, truncate: true });
  await withCleanup(
    async () => {
      const piece = new Uint8Array(Math.min(PIECE, await file.size()));
      for (let at = 0; ; ) {
        const count = await readFully(file, piece, at);
        if (count === 0) break;
        await writeFully(copy, piece.subarray(0, count), at);
        at += count;
      }
      await copy.datasync();
    },
    () => copy.close(),
  );
  await fs.syncDirectory(dir);
  await file.truncate(offset);
  await file.datasync();
  return broken;
}
