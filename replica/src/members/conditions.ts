import { onAbort } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';

/** How long a wait may last, and what its end is. */
export interface Wait {
  readonly signal: AbortSignal | undefined;
  /** On the monotonic clock. */
  readonly deadline: number;
  /** Makes the error with which the wait ends. */
  readonly fail: (reason: 'deadline' | 'aborted' | 'stopped', cause?: unknown) => unknown;
}

/** Calls that wait until something is so. Whether it is so is looked at after each change, and at each tick. */
export class Conditions {
  private readonly clock: Clock;
  private readonly waiting = new Set<() => void>();
  private ended: { readonly cause: unknown } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Resolves with the first value that `find` returns, other than `undefined`, or with `undefined` at `until`.
   * @param until a time at which to go on anyway
   * @throws what `find` throws; what `wait.fail` makes of a deadline, a signal, and the end of this member
   */
  when<T>(wait: Wait, find: () => T | undefined, until: number = wait.deadline): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      let forget: (() => void) | undefined;
      const settle = (action: () => void): void => {
        this.waiting.delete(look);
        forget?.();
        action();
      };
      const look = (): void => {
        try {
          const found = find();
          const now = this.clock.monotonic();
          if (found !== undefined) settle(() => resolve(found));
          else if (this.ended !== undefined) throw wait.fail('stopped', this.ended.cause);
          else if (wait.signal?.aborted === true) throw wait.fail('aborted', wait.signal.reason);
          else if (now >= wait.deadline) throw wait.fail('deadline');
          else if (now >= until) settle(() => resolve(undefined));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      this.waiting.add(look);
      if (wait.signal !== undefined) forget = onAbort(wait.signal, look);
      look();
    });
  }

  /** Something may have changed, or time has passed. */
  look(): void {
    for (const look of [...this.waiting]) look();
  }

  /** Ends all waits: this member stops. */
  end(cause: unknown): void {
    this.ended = { cause };
    this.look();
  }
}
