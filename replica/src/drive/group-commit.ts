import type { Clock } from '../base/clock.js';

/** Nothing is held for longer, in milliseconds: behind a slow disk a leader goes on without its own write. */
const LONGEST_MS = 2;

/**
 * Holds what a leader is asked to append while its log is written. It could not be written before that ends anyway, and
 * the followers, who got the batch before, are busy writing that; so it loses nothing, and whatever comes meanwhile
 * becomes one batch: one append to each follower, one write on each member, and one answer.
 */
export class GroupCommit {
  private readonly clock: Clock;
  private readonly wake: () => void;
  /** Writes that have ended. */
  private ended = 0;
  /** When something is held: until so many writes have ended, or it is so late. */
  private held: { readonly ended: number; readonly until: number } | undefined = undefined;
  private waking = false;

  /** @param wake asks again */
  constructor(clock: Clock, wake: () => void) {
    this.clock = clock;
    this.wake = wake;
  }

  writeEnded(): void {
    this.ended++;
  }

  /** Holds what is there now, for one write at most, even if there always is one. @returns whether it waits */
  hold(isWriting: boolean): boolean {
    const now = this.clock.monotonic();
    if (isWriting) {
      this.held ??= { ended: this.ended + 1, until: now + LONGEST_MS };
      const { ended, until } = this.held;
      if (this.ended < ended && now < until) {
        this.wakeIn(until - now);
        return true;
      }
    }
    this.held = undefined;
    return false;
  }

  /** A write that ends wakes the loop too; this is for one that takes long. */
  private wakeIn(ms: number): void {
    if (this.waking) return;
    this.waking = true;
    this.clock.after(ms, () => {
      this.waking = false;
      this.wake();
    });
  }
}
