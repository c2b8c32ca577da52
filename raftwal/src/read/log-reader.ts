import { join } from 'node:path';
import { ERR_WAL_NOT_FOUND, WalError } from '../base/errors.js';
import { type Fs, type FsFile, withCleanup } from '../base/fs.js';
import type { SegmentName } from '../format/segment-name.js';
import type { MarkPlace } from '../mark/log-mark.js';
import { Chain } from './chain.js';
import { type Damage, damageError, judgeEarlier, judgeLast, lostEnd } from './damage.js';
import { type RecordVisitor, SegmentReader } from './segment-reader.js';
import { checkSequence } from './segments.js';

/** The end of the log. */
export interface Tail {
  readonly segment: SegmentName;
  /** Offset at which the next record belongs. */
  readonly offset: number;
  /** The value of the chain there. */
  readonly chain: number;
  /**
   * Set if the last file ends in damage; the records before it were visited. Never `corrupt` or `lost`, which are
   * thrown.
   */
  readonly damage: Damage | undefined;
  /** The last file holds zeros only from `offset` to here; infinite if that was checked to its end. */
  readonly clearTo: number;
}

export interface ReadLogOptions {
  readonly fs: Fs;
  readonly dir: string;
  /** The segments to read, in order. The last one is the last of the log. */
  readonly segments: readonly SegmentName[];
  /** Files that are already open, by name. They are read and stay open. */
  readonly files?: ReadonlyMap<string, FsFile>;
  /** The mark beside the log, read before these files were listed. */
  readonly mark?: MarkPlace | undefined;
  /**
   * How many bytes after the last record are checked to be zeros. Default: all of them. Less is enough for the log of
   * our own writer, if somebody checks the rest (write/zero-check.ts): an unfinished write reaches no further than one
   * write.
   */
  readonly reach?: number;
}

/**
 * Visits every record of these segments.
 * @throws WalError `ERR_RAFT_WAL_CORRUPT` with file and offset; what the visitor throws
 */
export async function readLog(options: ReadLogOptions, visitor: RecordVisitor): Promise<Tail> {
  const { fs, dir, segments, files, mark, reach = Number.POSITIVE_INFINITY } = options;
  const chain = new Chain();
  let tail: Tail | undefined;
  for (const [i, segment] of segments.entries()) {
    checkSequence(segments[i - 1], segment);
    const given = files?.get(segment.name);
    const file = given ?? (await fs.open(join(dir, segment.name)));
    const reader = new SegmentReader(file, segment, chain, visitor);
    const isLast = i === segments.length - 1;
    tail = await withCleanup(
      () => (isLast ? readLast(reader, segment, chain, reach) : readEarlier(reader, segment, chain)),
      () => (given === undefined ? file.close() : Promise.resolve()),
    );
  }
  if (tail === undefined) throw new WalError(ERR_WAL_NOT_FOUND, 'the folder holds no log');
  const lost = lostEnd(tail, mark);
  if (lost !== undefined) throw damageError(lost);
  return tail;
}

async function readEarlier(reader: SegmentReader, segment: SegmentName, chain: Chain): Promise<Tail> {
  const { offset, defect } = await reader.readWhole();
  judgeEarlier(segment.name, offset, defect);
  return { segment, offset, chain: chain.value, damage: undefined, clearTo: offset };
}

async function readLast(reader: SegmentReader, segment: SegmentName, chain: Chain, reach: number): Promise<Tail> {
  const end = await reader.follow(reach);
  const damage = judgeLast(segment.name, end, chain);
  return { segment, offset: end.offset, chain: chain.value, damage, clearTo: end.clearTo };
}
