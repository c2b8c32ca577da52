import { basename, dirname, join } from 'node:path';
import { ERR_WAL_EXISTS, hasCode, WalError } from '../base/errors.js';
import { type Fs, type FsFile, writeFully } from '../base/fs.js';
import { placeFile } from '../base/place-file.js';
import { RecordBuffer, RecordEncoder } from '../format/encoder.js';
import { encodeWalSnapshot, RecordType } from '../format/record.js';
import { fillWithZeros, SCRATCH_NAMES } from './file-pipeline.js';

/** The first file of a log. */
export interface FirstFile {
  readonly name: string;
  readonly head: Uint8Array;
  /** Number of bytes to preallocate. */
  readonly size: number;
}

/** Encodes the head of a log's first file. */
export function headOfLog(metadata: Uint8Array | undefined): { readonly bytes: Uint8Array; readonly chain: number } {
  const encoder = new RecordEncoder(0);
  const head = new RecordBuffer();
  encoder.record(head, RecordType.Crc, undefined);
  encoder.record(head, RecordType.Metadata, metadata);
  encoder.record(head, RecordType.Snapshot, encodeWalSnapshot({ index: 0, term: 0 }));
  return { bytes: head.bytes.subarray(0, head.length), chain: encoder.chain };
}

/** Names that may be in the folder of a log that is being created. */
const HARMLESS: readonly string[] = [
  // Left by an interrupted attempt, or by a log whose files somebody removed.
  ...SCRATCH_NAMES,
  // At the root of a separate file system.
  'lost+found',
];

/**
 * Creates a log in a folder that is missing or empty. The folder may be a mount point, or a link to a folder elsewhere,
 * so it is neither removed nor renamed. A crash at any moment leaves either no log or a complete one, because its first
 * file gets its name when it is durable. The caller holds the lock of the log.
 *
 * @throws WalError `ERR_RAFT_WAL_EXISTS` if the folder holds other files
 */
export async function createLog(fs: Fs, dir: string, first: FirstFile): Promise<void> {
  const present = await namesIn(fs, dir);
  const others = (present ?? []).filter((name) => !HARMLESS.includes(name));
  if (others.length > 0) {
    throw new WalError(
      ERR_WAL_EXISTS,
      `${dir} already holds files: ${others.slice(0, 3).join(', ')}; choose an empty folder`,
    );
  }
  const fill = async (file: FsFile): Promise<void> => {
    await fillWithZeros(file, first.size);
    await writeFully(file, first.head, 0);
  };
  try {
    if (present === undefined) await fs.mkdir(dir);
    // Even if the folder exists: the process that made it may have been interrupted before this sync.
    await fs.syncDirectory(dirname(dir));
    await removeFolder(fs, join(dirname(dir), `${basename(dir)}.tmp`));
    await placeFile(fs, dir, first.name, fill, { scratch: SCRATCH_NAMES[0] });
  } catch (error) {
    // A name that could not be synced may vanish in a power cut: nothing may rely on it.
    await fs.unlink(join(dir, first.name)).catch(() => {});
    if (present === undefined) await fs.rmdir(dir).catch(() => {});
    throw error;
  }
}

/** Returns the names in a folder; undefined if it does not exist. */
async function namesIn(fs: Fs, dir: string): Promise<string[] | undefined> {
  try {
    return await fs.readdir(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Removes the folder in which etcd creates a log before renaming it. */
async function removeFolder(fs: Fs, dir: string): Promise<void> {
  const names = await namesIn(fs, dir);
  if (names === undefined) return;
  for (const name of names) await fs.unlink(join(dir, name));
  await fs.rmdir(dir);
}
