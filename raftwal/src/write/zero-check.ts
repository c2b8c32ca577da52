import { ERR_WAL_UNDECIDED, WalError } from '../base/errors.js';
import type { FsFile } from '../base/fs.js';
import { findNonZero, newPiece } from '../base/zeros.js';

/**
 * Checks, while the log is in use, that the rest of its last file is still the zeros that it was set aside as. A byte of
 * another value shows that records were lost there, and would look like the end of an unfinished write once the log had
 * grown up to it. So the writer must not write to, or cut off, a part that is not checked yet: it waits in `reach`.
 */
export class ZeroCheck {
  private readonly file: FsFile;
  private readonly name: string;
  private readonly failed: (error: unknown) => void;
  /** The file holds nothing but zeros between the log and here; infinite once it was checked to its end. */
  private clearTo: number;
  private stopped = false;
  /** The step that is under way. Never rejects. */
  private step: Promise<void> = Promise.resolve();
  private failure: Error | undefined = undefined;

  /**
   * @param clearTo offset up to which the file was checked before; infinite if there is nothing to do
   * @param failed hears of damage, or of a failure to read, once
   */
  constructor(file: FsFile, name: string, clearTo: number, failed: (error: unknown) => void) {
    this.file = file;
    this.clearTo = clearTo;
    this.name = name;
    this.failed = failed;
    void this.run();
  }

  /** Was the file checked up to `end`? */
  covers(end: number): boolean {
    return end <= this.clearTo;
  }

  /** Resolves when the file was checked up to `end`. @throws what was found, or why the file cannot be read */
  async reach(end: number): Promise<void> {
    while (!this.covers(end)) {
      if (this.failure !== undefined) throw this.failure;
      await this.step;
    }
  }

  /** Resolves when the file is not read any more. */
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

/** A byte that is not zero further after the end of the log than any unfinished write of ours could have left it. */
function strayBytes(file: string, offset: number): WalError {
  const what = 'there is something after the end of the log that no unfinished write leaves: records may be lost';
  const todo = 'stop this member and run raft-wal verify, which says whether raft-wal repair may cut it off';
  return new WalError(ERR_WAL_UNDECIDED, `${what}; ${todo}`, { file, offset, reason: 'undecided' });
}
