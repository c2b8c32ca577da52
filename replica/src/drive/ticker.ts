import type { Clock } from '../base/clock.js';

export interface TickerOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly tick: () => void;
}

/**
 * Ticks at a steady pace, and never twice in a row to catch up: what a member that was frozen has to do first is read
 * what the others have sent.
 */
export class Ticker {
  private readonly options: TickerOptions;
  private cancel: (() => void) | undefined;
  private stopped = false;

  constructor(options: TickerOptions) {
    this.options = options;
  }

  start(): void {
    const { clock, tickMs } = this.options;
    this.schedule(clock.monotonic() + tickMs);
  }

  private schedule(at: number): void {
    if (this.stopped) return;
    const { clock, tickMs, tick } = this.options;
    this.cancel = clock.after(Math.max(0, at - clock.monotonic()), () => {
      const now = clock.monotonic();
      // A timer that fires early would make an election timeout shorter than leases rely on.
      if (now < at) {
        this.schedule(at);
        return;
      }
      tick();
      this.schedule(Math.max(at, now - tickMs) + tickMs);
    });
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }
}
