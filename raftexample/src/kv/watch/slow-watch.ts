import type { Clock } from '@raft-ts/replica';
import type { AlarmKind, Alarms } from './alarms.js';

export interface SlowWatchHost {
  readonly alarms: Alarms;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly kind: AlarmKind;
  /** What takes longer is slow, in milliseconds; 0: nothing is. */
  readonly limitMs: number;
  /** Says so many were slow since the alarm began, the slowest of them taking so long. */
  readonly describe: (times: string, slowestMs: number) => string;
  /** Says that it is over. */
  readonly over: string;
}

/** It is over once nothing was slow for so many milliseconds. */
const CALM_MS = 60_000;

/** Counts what takes longer than it should, and raises an alarm while it goes on. */
export class SlowWatch {
  private readonly host: SlowWatchHost;
  /** How often it was slow since the process began. */
  total = 0;
  /** Since the alarm began. */
  private count = 0;
  private slowestMs = 0;
  private last = 0;

  constructor(host: SlowWatchHost) {
    this.host = host;
  }

  /** Something took so long, in milliseconds. */
  took(ms: number): void {
    const { alarms, clock, kind, limitMs, describe } = this.host;
    if (limitMs === 0 || ms <= limitMs) return;
    this.total++;
    this.count++;
    this.slowestMs = Math.max(this.slowestMs, Math.round(ms));
    this.last = clock.monotonic();
    alarms.raise(kind, describe(this.count === 1 ? 'once' : `${this.count} times`, this.slowestMs));
  }

  /** Ends the alarm if it has been quiet for long enough. */
  look(): void {
    const { alarms, clock, kind, over } = this.host;
    if (!alarms.has(kind) || clock.monotonic() - this.last < CALM_MS) return;
    this.count = 0;
    this.slowestMs = 0;
    alarms.clear(kind, over);
  }
}
