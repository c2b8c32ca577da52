import { basename, dirname, join } from 'node:path';
import { ERR_WAL_EXISTS, hasCode, WalError } from '../base/errors.js';
import { type Fs, withCleanup, writeFully } from '../base/fs.js';
import { RecordBuffer, RecordEncoder } from '../format/encoder.js';
import { encodeWalSnapshot, RecordType } from '../format/record.js';
import { preallocate } from './file-pipeline.js';

/** The first file of a log. */
export interface FirstFile {
  readonly name: string;
  readonly head: Uint8Array;
  /** Bytes to set aside. */
  readonly size: number;
}

/** The head of a log's first file. */
export function headOfLog(metadata: Uint8Array | undefined): { readonly bytes: Uint8Array; readonly chain: number } {
  const encoder = new RecordEncoder(0);
  const head = new RecordBuffer();
  encoder.record(head, RecordType.Crc, undefined);
  encoder.record(head, RecordType.Metadata, metadata);
  encoder.record(head, RecordType.Snapshot, encodeWalSnapshot({ index: 0, term: 0 }));
  return { bytes: head.bytes.subarray(0, head.length), chain: encoder.chain };
}

/**
 * Makes the folder of a log. It is built under another name, so that it never exists without its first file. The caller holds the
 * lock of the log: what an earlier attempt left is removed.
 *
 * @throws WalError `ERR_RAFT_WAL_EXISTS` where the folder holds files
 */
export async function createLog(fs: Fs, dir: string, first: FirstFile): Promise<void> {
  const present = await namesIn(fs, dir);
  if (present !== undefined && present.length > 0) {
    throw new WalError(ERR_WAL_EXISTS, `${dir} holds files already: ${present.slice(0, 3).join(', ')}`);
  }
  const parent = dirname(dir);
  const scratch = join(parent, `${basename(dir)}.tmp`);
  await removeFolder(fs, scratch);
  await fs.mkdir(scratch);
  const path = join(scratch, first.name);
  await preallocate(fs, path, first.size);
  const file = await fs.open(path, { write: true, writeThrough: true });
  await withCleanup(
    () => writeFully(file, first.head, 0),
    () => file.close(),
  );
  await fs.syncDirectory(scratch);
  if (present !== undefined) await fs.rmdir(dir);
  await fs.rename(scratch, dir);
  try {
    await fs.syncDirectory(parent);
  } catch (error) {
    // It may or may not be there after a power cut. The name says that nobody should use it.
    await fs.rename(dir, brokenName(dir, new Date())).catch(() => {});
    throw error;
  }
}

/** `DIR.broken.yyyymmdd.hhmmss.ffffff`, as etcd names what it could not finish. */
export function brokenName(dir: string, now: Date): string {
  const [day, time] = now.toISOString().replaceAll(/[-:Z]/g, '').split('T') as [string, string];
  const [seconds, fraction] = time.split('.') as [string, string];
  return `${dir}.broken.${day}.${seconds}.${fraction.padEnd(6, '0')}`;
}

/** The names in a folder; undefined where it does not exist. */
async function namesIn(fs: Fs, dir: string): Promise<string[] | undefined> {
  try {
    return await fs.readdir(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Removes what an earlier attempt left. */
async function removeFolder(fs: Fs, dir: string): Promise<void> {
  const names = await namesIn(fs, dir);
  if (names === undefined) return;
  for (const name of names) await fs.unlink(join(dir, name));
  await fs.rmdir(dir);
}
