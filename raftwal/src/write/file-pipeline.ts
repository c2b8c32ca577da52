import { join } from 'node:path';
import { describeError } from '@raft-ts/proto/internal';
import { hasCode } from '../base/errors.js';
import { type Fs, type FsFile, withCleanup, writeFully } from '../base/fs.js';
import type { LogOptions } from '../base/options.js';

/** Zeros are written in pieces, so that appends get their turn on the disk. */
const PIECE = 1 << 20;

/** Names of unfinished files in the folder of the log, as in etcd. */
export const SCRATCH_NAMES = ['0.tmp', '1.tmp'] as const;

/** Makes a file of zeros, durably. A sparse file would have to find space later, when records are written. */
export async function preallocate(fs: Fs, path: string, size: number): Promise<void> {
  // An earlier process may have left a file under this name.
  const file = await fs.open(path, { write: true, create: true, truncate: true });
  await withCleanup(
    async () => {
      await fillWithZeros(file, size);
      await file.datasync();
    },
    () => file.close(),
  );
}

/** Fills an empty file with zeros, without making them durable. */
export async function fillWithZeros(file: FsFile, size: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(PIECE, size));
  for (let at = 0; at < size; at += zeros.length) {
    await writeFully(file, zeros.subarray(0, Math.min(zeros.length, size - at)), at);
  }
}

/** Keeps one preallocated file ready, under the scratch names in turn. */
export class FilePipeline {
  private readonly fs: Fs;
  private readonly dir: string;
  private readonly size: number;
  private readonly logger: LogOptions['logger'];
  private count = 0;
  private ready: Promise<string> | undefined = undefined;

  constructor(fs: Fs, dir: string, size: number, logger?: LogOptions['logger']) {
    this.fs = fs;
    this.dir = dir;
    this.size = size;
    this.logger = logger;
  }

  /** Starts to make the next file, unless it is ready or under way. */
  prepare(): void {
    if (this.ready !== undefined) return;
    this.ready = this.make();
    // `take` reports the failure too. A warning now leaves time to do something about it.
    this.ready.catch((error: unknown) => {
      const then =
        'Writing continues until the current file is full; then it is tried once more, and the log ends if that fails too';
      this.logger?.warn(`the next file of the log cannot be prepared: ${describeError(error)}. ${then}`);
    });
  }

  /**
   * Returns the name of a file of zeros.
   * @throws the error of the file system, such as `ENOSPC`, if the file cannot be made now either
   */
  async take(): Promise<string> {
    const prepared = this.ready;
    this.ready = undefined;
    if (prepared !== undefined) {
      try {
        return await prepared;
      } catch {
        // There may be space again.
      }
    }
    return await this.make();
  }

  /**
   * Removes the file that was not taken. Never fails: the log is complete without it, and the next start overwrites it.
   */
  async close(): Promise<void> {
    const prepared = this.ready;
    this.ready = undefined;
    const name = await prepared?.catch(() => undefined);
    if (name === undefined) return;
    await this.remove(name).catch((error: unknown) =>
      this.logger?.warn(`${name} was not removed: ${describeError(error)}`),
    );
  }

  private async make(): Promise<string> {
    const name = SCRATCH_NAMES[this.count++ % SCRATCH_NAMES.length] as string;
    try {
      await preallocate(this.fs, join(this.dir, name), this.size);
    } catch (error) {
      // Give back the space that was not enough.
      await this.remove(name).catch(() => {});
      throw error;
    }
    return name;
  }

  private async remove(name: string): Promise<void> {
    try {
      await this.fs.unlink(join(this.dir, name));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}
