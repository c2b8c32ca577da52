import type { Logger } from './logger.js';

/**
 * Warnings about what others send. With a line for each message a sender could fill a disk, so each cause has one line
 * per election timeout; the next one says how many were left out. A flood of one cause never hides another.
 */
export class Warnings {
  private readonly logger: Logger;
  /** Ticks for which a cause stays silent after a line. */
  private readonly pause: number;
  private now = 0;
  private readonly causes = new Map<string, { due: number; leftOut: number }>();

  constructor(logger: Logger, pause: number) {
    this.logger = logger;
    this.pause = pause;
  }

  /** Advances time by one tick. */
  tick(): void {
    this.now++;
  }

  /** @param cause one of a few fixed texts, never part of what was sent */
  warn(cause: string, text: () => string): void {
    const known = this.causes.get(cause);
    if (known !== undefined && this.now < known.due) {
      known.leftOut++;
      return;
    }
    const leftOut = known?.leftOut ?? 0;
    this.causes.set(cause, { due: this.now + this.pause, leftOut: 0 });
    this.logger.warn(leftOut === 0 ? text() : `${text()} (${leftOut} more of this kind since the last such line)`);
  }
}
