import type { Clock } from '../base/clock.js';

export interface TickerOptions {
  readonly clock: Clock;
  readonly tickMs: number;
  readonly tick: () => void;
  /** Number of messages that have arrived so far. */
  readonly received: () => number;
  /** The process stood still for so long; `again` if the tick before was late too. */
  readonly onStall: (lateMs: number, again: boolean) => void;
  /** It has caught up. */
  readonly onCaughtUp: () => void;
}

/** Whoever was frozen has read its inbox when in so many turns of the event loop nothing arrived, */
const QUIET_TURNS = 3;
/** or after so many turns in all: messages that never end must not keep it from ticking. */
const MOST_TURNS = 64;

/**
 * Ticks at a steady pace, and notices when the process itself was frozen: by a collection of garbage, by JSON of many
 * megabytes, by SIGSTOP, by a laptop's lid. Its election timer has run on meanwhile, while the leader's heartbeats wait
 * unread, so it would depose a leader that is well.
 *
 * A tick that is late by more than a tick is skipped, and the inbox is read first. The next one is never skipped: if it
 * is late too, it counts once the inbox is read. So a member that is always late runs its election timer at less than
 * half the speed, and campaigns all the same.
 */
export class Ticker {
  private readonly options: TickerOptions;
  private cancel: (() => void) | undefined;
  private due = Number.POSITIVE_INFINITY;
  private stopped = false;
  private catchingUp = false;
  /** The last tick was skipped. */
  private skipped = false;
  /** The last tick was late. */
  private late = false;

  constructor(options: TickerOptions) {
    this.options = options;
  }

  start(): void {
    const { clock, tickMs } = this.options;
    this.schedule(clock.monotonic() + tickMs);
  }

  /** Was the process frozen, and has it not read its inbox since? Known before the late tick has its turn. */
  get isStalled(): boolean {
    return this.catchingUp || this.options.clock.monotonic() - this.due > this.options.tickMs;
  }

  private schedule(at: number): void {
    if (this.stopped) return;
    const { clock } = this.options;
    this.due = at;
    this.cancel = clock.after(Math.max(0, at - clock.monotonic()), () => this.fire(at));
  }

  private fire(at: number): void {
    const { clock, tickMs, tick } = this.options;
    const lateMs = clock.monotonic() - at;
    // Timers of some hosts fire early, by less than a millisecond.
    if (lateMs < 0) {
      this.schedule(at);
      return;
    }
    if (lateMs > tickMs) {
      void this.catchUp(lateMs);
      return;
    }
    this.late = false;
    this.skipped = false;
    tick();
    this.schedule(at + tickMs);
  }

  private async catchUp(lateMs: number): Promise<void> {
    const { clock, tickMs, tick, onStall, onCaughtUp } = this.options;
    this.catchingUp = true;
    onStall(lateMs, this.late);
    this.late = true;
    await this.readInbox();
    this.catchingUp = false;
    if (this.stopped) return;
    // From here on it is not late: without this the member would seem frozen until the next tick is scheduled.
    this.due = clock.monotonic();
    onCaughtUp();
    this.skipped = !this.skipped;
    if (!this.skipped) tick();
    this.schedule(clock.monotonic() + tickMs);
  }

  private async readInbox(): Promise<void> {
    const { clock, received } = this.options;
    let seen = received();
    for (let turn = 0, quiet = 0; turn < MOST_TURNS && quiet < QUIET_TURNS && !this.stopped; turn++) {
      await new Promise<void>((resolve) => clock.soon(resolve));
      quiet = received() === seen ? quiet + 1 : 0;
      seen = received();
    }
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }
}
