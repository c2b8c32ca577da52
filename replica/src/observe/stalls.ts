import type { Clock } from '../base/clock.js';

/** After a warning, stalls are only counted for so long, unless one lasts twice as long as what was told. */
const SILENCE_MS = 60_000;

/** Counts how often a member stood still, and tells it seldom: on a busy machine it does so several times a second. */
export class Stalls {
  private readonly clock: Clock;
  /** How often in all. */
  count = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  private toldMs = 0;
  private untold = 0;
  private longestUntold = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** For how long it stood still, in words, and how often it did so untold; undefined if it was told not long ago. */
  describe(lateMs: number): string | undefined {
    const now = this.clock.monotonic();
    if (now - this.toldAt < SILENCE_MS && lateMs < 2 * this.toldMs) {
      this.untold++;
      this.longestUntold = Math.max(this.longestUntold, lateMs);
      return undefined;
    }
    const more =
      this.untold === 0
        ? ''
        : `, and ${this.untold} times more since it last said so, for ${Math.round(this.longestUntold)} ms at most`;
    this.toldAt = now;
    this.toldMs = lateMs;
    this.untold = 0;
    this.longestUntold = 0;
    return `${Math.round(lateMs)} ms${more}`;
  }
}
