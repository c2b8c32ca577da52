import type { CtlIo } from './command.js';

/** Between two lines where no terminal shows them, in milliseconds. */
const QUIET_MS = 5_000;

/**
 * Says on standard error how far something is: in one line that changes on a terminal, now and then a line elsewhere.
 */
export class Progress {
  private readonly io: CtlIo;
  private last: string | undefined;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(io: CtlIo) {
    this.io = io;
  }

  tell(text: string): void {
    if (text === this.last) return;
    const now = performance.now();
    const { stderr } = this.io;
    if (stderr.isTTY === true) {
      stderr.write(`\r${text}\u001b[K`);
    } else {
      if (now - this.toldAt < QUIET_MS) return;
      stderr.write(`${text}\n`);
    }
    [this.last, this.toldAt] = [text, now];
  }

  /** What comes next is on a line of its own. */
  end(): void {
    if (this.last !== undefined && this.io.stderr.isTTY === true) this.io.stderr.write('\n');
    this.last = undefined;
  }
}
