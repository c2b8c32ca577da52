import { ERR_WAL_UNDECIDED, WalError } from '../base/errors.js';
import type { FsFile } from '../base/fs.js';
import { findNonZero, newPiece } from '../base/zeros.js';

/**
 * Checks, while the log is in use, that the rest of its last file still holds the zeros of its preallocation. Any other
 * byte shows that records were lost, and would look like an unfinished write once the log had grown up to it. So the
 * writer must not overwrite or cut off a part that is not checked yet: it waits in `reach`.
 */
export class ZeroCheck {
  private readonly file: FsFile;
  private readonly name: string;
  private readonly failed: (error: unknown) => void;
  /** Between the records and here the file holds only zeros; infinite once it was checked to its end. */
  private clearTo: number;
  private stopped = false;
  /** The step that is under way. Never rejects. */
  private step: Promise<void> = Promise.resolve();
  private failure: Error | undefined = undefined;

  /**
   * @param clearTo offset up to which the file was checked before; infinite if there is nothing to do
   * @param failed called once, if there is damage or the file cannot be read
   */
  constructor(file: FsFile, name: string, clearTo: number, failed: (error: unknown) => void) {
    this.file = file;
    this.clearTo = clearTo;
    this.name = name;
    this.failed = failed;
    void this.run();
  }

  /** Tells whether the file was checked up to `end`. */
  covers(end: number): boolean {
    return end <= this.clearTo;
  }

  /** Resolves when the file was checked up to `end`. @throws if there is damage, or if the file cannot be read */
  async reach(end: number): Promise<void> {
    while (!this.covers(end)) {
      if (this.failure !== undefined) throw this.failure;
      await this.step;
    }
  }

  /** Stops the check. Resolves when the file is not read any more. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.step;
  }

  private async run(): Promise<void> {
    if (this.clearTo === Number.POSITIVE_INFINITY) return;
    const piece = newPiece();
    while (!this.stopped && this.failure === undefined && this.clearTo < Number.POSITIVE_INFINITY) {
      this.step = this.checkMore(piece);
      await this.step;
    }
  }

  private async checkMore(piece: Uint8Array): Promise<void> {
    const to = this.clearTo + piece.length;
    try {
      const { end, nonZero } = await findNonZero(this.file, this.clearTo, to, piece);
      if (nonZero !== undefined) throw strayBytes(this.name, nonZero);
      this.clearTo = end < to ? Number.POSITIVE_INFINITY : end;
    } catch (error) {
      this.failure = error as Error;
      this.failed(error);
    }
  }
}

/**
 * Returns the error for a byte that is not zero, so far after the end of the log that no unfinished write of ours left
 * it.
 */
function strayBytes(file: string, offset: number): WalError {
  const what = 'there is something after the end of the log that no unfinished write leaves: records may be lost';
  const todo = 'stop this member and run raft-wal verify, which says whether raft-wal repair may cut it off';
  return new WalError(ERR_WAL_UNDECIDED, `${what}; ${todo}`, { file, offset, reason: 'undecided' });
}
