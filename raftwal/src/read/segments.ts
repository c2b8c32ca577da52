import { ERR_WAL_CORRUPT, ERR_WAL_NOT_FOUND, hasCode, WalError } from '../base/errors.js';
import type { Fs } from '../base/fs.js';
import { hex16, type SegmentName, segmentsAmong } from '../format/segment-name.js';

/** Returns the segments of a folder; none if it does not exist. */
export async function listSegments(fs: Fs, dir: string): Promise<SegmentName[]> {
  try {
    return segmentsAmong(await fs.readdir(dir));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/**
 * Returns the segments that hold everything above `index`: the last one that begins at or below it, and all later ones.
 * @throws WalError `ERR_RAFT_WAL_NOT_FOUND`; `ERR_RAFT_WAL_CORRUPT` if one is missing among them
 */
export function segmentsFrom(segments: readonly SegmentName[], index: number): readonly SegmentName[] {
  const first = segments.findLastIndex((segment) => segment.index <= index);
  if (first < 0) {
    throw new WalError(ERR_WAL_NOT_FOUND, `the files of the log do not reach back to index ${index}`);
  }
  const wanted = segments.slice(first);
  for (const [i, segment] of wanted.entries()) checkSequence(wanted[i - 1], segment);
  return wanted;
}

/**
 * @throws WalError `ERR_RAFT_WAL_CORRUPT` with the name of the missing file, as far as it is known, if one is missing
 * between these two
 */
export function checkSequence(before: SegmentName | undefined, segment: SegmentName): void {
  if (before === undefined || segment.sequence === before.sequence + 1) return;
  const missing = `${hex16(before.sequence + 1)}-*.wal`;
  const what = `a file of the log is missing between ${before.name} and ${segment.name}`;
  const text = `${what}: put it back, or remove this member and add it anew`;
  throw new WalError(ERR_WAL_CORRUPT, text, { file: missing, reason: 'missing' });
}
