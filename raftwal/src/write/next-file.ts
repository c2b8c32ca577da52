import { join } from 'node:path';
import { type Fs, type FsFile, writeFully } from '../base/fs.js';
import { lockFile } from '../base/lock.js';
import type { LogOptions } from '../base/options.js';
import type { Cut } from './batch.js';
import type { FilePipeline } from './file-pipeline.js';

/** Where the files of a log lie, and come from. */
interface Place {
  readonly fs: Fs;
  readonly dir: string;
  readonly pipeline: FilePipeline;
  readonly options: LogOptions;
}

/** Cuts off, durably, what a file has after its records, which end at `offset`. */
export async function endFile(file: FsFile, offset: number): Promise<void> {
  if ((await file.size()) > offset) {
    await file.truncate(offset);
    await file.datasync();
  }
}

/**
 * Gives a prepared file its head, and then its name in the log, all durably. Returns it open and locked.
 *
 * @throws the error of the file system; WalError if somebody else holds the lock
 */
export async function beginFile({ fs, dir, pipeline, options }: Place, { name, head }: Cut): Promise<FsFile> {
  const scratch = join(dir, await pipeline.take());
  const path = join(dir, name.name);
  const file = await fs.open(scratch, { write: true, writeThrough: true });
  try {
    await lockFile(file, path, options);
    await writeFully(file, head.bytes.subarray(0, head.length), 0);
    await fs.rename(scratch, path);
    await fs.syncDirectory(dir);
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
  return file;
}
