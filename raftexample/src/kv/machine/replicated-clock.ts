/** Where the clock stands, as snapshots hold it. */
export interface ClockState {
  /** Time that has passed since the first lease, in milliseconds. It only grows. */
  readonly now: number;
  /** The last reading that counted, and the term of the leader whose reading it was. */
  readonly ms: number;
  readonly term: number;
}

/**
 * A clock that stands at the same time on every member at the same index, because entries alone move it: readings of
 * the leader's monotonic clock, counted since it took office. The first reading of a term adds nothing, since clocks of
 * different processes have nothing in common, so a change of leader makes time pass more slowly and never faster. A
 * reading that stands in another term than its own was forwarded by a leader that had been replaced, and says nothing.
 *
 * So what passes here between two entries is never more than what passed between the two readings.
 */
export class ReplicatedClock {
  private state: ClockState = { now: 0, ms: 0, term: 0 };

  get now(): number {
    return this.state.now;
  }

  /** @param at the term in which the entry stands. @returns whether the reading counts */
  read({ ms, term }: Pick<ClockState, 'ms' | 'term'>, at: number): boolean {
    const { state } = this;
    if (term !== at || (term === state.term && ms < state.ms)) return false;
    const passed = term === state.term ? ms - state.ms : 0;
    this.state = { now: state.now + passed, ms, term };
    return true;
  }

  save(): ClockState {
    return this.state;
  }

  restore(state: ClockState): void {
    this.state = state;
  }
}
