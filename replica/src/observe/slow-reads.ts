import type { Clock } from '../base/clock.js';
import type { ReadTiming } from '../drive/reads.js';

const MINUTE_MS = 60_000;

/** Remembers the slowest read of the last minute: of this half minute, and of the one before. */
export class SlowReads {
  private readonly clock: Pick<Clock, 'monotonic'>;
  private present: ReadTiming | undefined;
  private former: ReadTiming | undefined;
  private began: number;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.clock = clock;
    this.began = clock.monotonic();
  }

  note(timing: ReadTiming): void {
    this.turn();
    if (this.present === undefined || total(timing) > total(this.present)) this.present = timing;
  }

  get slowest(): ReadTiming | undefined {
    this.turn();
    const { present, former } = this;
    if (present === undefined || former === undefined) return present ?? former;
    return total(former) > total(present) ? former : present;
  }

  private turn(): void {
    const now = this.clock.monotonic();
    if (now - this.began < MINUTE_MS / 2) return;
    this.former = now - this.began < MINUTE_MS ? this.present : undefined;
    this.present = undefined;
    this.began = now;
  }
}

function total({ queuedMs, confirmingMs, applyingMs }: ReadTiming): number {
  return queuedMs + confirmingMs + applyingMs;
}
