/**
 * Keeps the event loop polling for a while after data has arrived, instead of letting the thread sleep. Waking it takes
 * tens of microseconds, more in a virtual machine, which is most of the time that a short message needs from one
 * process to another.
 */
export class BusyPoll {
  private readonly forMs: number;
  private until = 0;
  private turning = false;

  /** @param forMs how long to poll, in milliseconds; 0: never */
  constructor(forMs: number) {
    this.forMs = forMs;
  }

  /** Data has arrived: polls from now on. */
  touch(): void {
    if (this.forMs === 0) return;
    this.until = performance.now() + this.forMs;
    if (this.turning) return;
    this.turning = true;
    setImmediate(this.turn);
  }

  private readonly turn = (): void => {
    // While an immediate is pending, the loop asks the system for events without waiting for them.
    if (performance.now() < this.until) setImmediate(this.turn);
    else this.turning = false;
  };
}
