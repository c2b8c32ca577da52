import { join } from 'node:path';
import type { Entry, HardState, NodeId, SnapshotMetadata } from '@raft-ts/proto';
import { isFoundingEntry } from '@raft-ts/proto/internal';
import { ERR_WAL_FOUNDERS, WalError } from './base/errors.js';
import { type Fs, readFully, withCleanup, writeFully } from './base/fs.js';
import { placeFile } from './base/place-file.js';

const NAME = 'founders';
/** Far more founders than any cluster has. */
export const MAX_FOUNDERS = 1024;
/** An id has 20 digits at most, and a comma or the end of the line after it. */
const MOST_BYTES = 21 * MAX_FOUNDERS;
const LARGEST_ID = 2n ** 64n - 1n;

/**
 * Keeps the ids of the members that founded the cluster to which the log in `dir` belongs: a power cut does not undo
 * it.
 */
export async function keepFounders(fs: Fs, dir: string, founders: readonly NodeId[]): Promise<void> {
  const text = new TextEncoder().encode(`${founders.join(',')}\n`);
  await placeFile(fs, dir, NAME, (file) => writeFully(file, text, 0));
}

/**
 * Does the member with this log belong to no cluster yet? Nothing was saved, or a crash cut the first save short, after
 * entries of the founding and before the hard state: they are written in this order.
 */
export function isUnused(
  hardState: HardState | undefined,
  { index }: Pick<SnapshotMetadata, 'index'>,
  entries: readonly Entry[],
): boolean {
  return hardState === undefined && index === 0 && entries.every(isFoundingEntry);
}

/** A log that is new belongs to no cluster yet, whatever an earlier one has left. */
export async function forgetFounders(fs: Fs, dir: string): Promise<void> {
  if (!(await fs.readdir(dir)).includes(NAME)) return;
  await fs.unlink(join(dir, NAME));
  await fs.syncDirectory(dir);
}

/**
 * Returns the founders that are kept in `dir`; undefined if none are.
 *
 * @throws WalError `ERR_RAFT_WAL_FOUNDERS` if the file holds something else, `ERR_RAFT_WAL_IO`
 */
export async function readFounders(fs: Fs, dir: string): Promise<readonly NodeId[] | undefined> {
  if (!(await fs.readdir(dir)).includes(NAME)) return undefined;
  const path = join(dir, NAME);
  const file = await fs.open(path);
  const bytes = new Uint8Array(MOST_BYTES + 1);
  const length = await withCleanup(
    () => readFully(file, bytes, 0),
    () => file.close(),
  );
  const ids = new TextDecoder().decode(bytes.subarray(0, length)).trim().split(',');
  if (length <= MOST_BYTES && ids.every(isId)) return ids.map(BigInt);
  const what = `${path} must hold the ids of the members that founded the cluster, such as 1,2,3: write them there`;
  throw new WalError(ERR_WAL_FOUNDERS, what, { file: path });
}

function isId(text: string): boolean {
  return /^[1-9][0-9]{0,19}$/u.test(text) && BigInt(text) <= LARGEST_ID;
}
