import { ERR_WAL_CORRUPT, ERR_WAL_NOT_FOUND, hasCode, WalError } from '../base/errors.js';
import type { Fs } from '../base/fs.js';
import { hex16, type SegmentName, segmentsAmong } from '../format/segment-name.js';

/** The segments of a folder; empty where it does not exist. */
export async function listSegments(fs: Fs, dir: string): Promise<SegmentName[]> {
  try {
    return segmentsAmong(await fs.readdir(dir));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/**
 * The segments that hold everything above `index`: the last one that begins at or below it, and all later ones.
 * @throws WalError `ERR_RAFT_WAL_NOT_FOUND`; `ERR_RAFT_WAL_CORRUPT` where one is missing among them
 */
export function segmentsFrom(segments: readonly SegmentName[], index: number): readonly SegmentName[] {
  const first = segments.findLastIndex((segment) => segment.index <= index);
  if (first < 0) {
    throw new WalError(ERR_WAL_NOT_FOUND, `no file of the log reaches back to index ${index}`);
  }
  const wanted = segments.slice(first);
  for (const [i, segment] of wanted.entries()) checkSequence(wanted[i - 1], segment);
  return wanted;
}

/** @throws WalError `ERR_RAFT_WAL_CORRUPT` where a file is missing between these two, which it names as far as its name is known */
export function checkSequence(before: SegmentName | undefined, segment: SegmentName): void {
  if (before === undefined || segment.sequence === before.sequence + 1) return;
  const missing = `${hex16(before.sequence + 1)}-*.wal`;
  const text = `a file of the log is missing, between ${before.name} and ${segment.name}: put it back, or remove the member and add it anew`;
  throw new WalError(ERR_WAL_CORRUPT, text, { file: missing, reason: 'missing' });
}
