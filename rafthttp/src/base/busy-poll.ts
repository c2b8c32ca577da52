/**
 * For a while after something came, the event loop looks for more without letting the thread sleep. To be woken takes
 * tens of microseconds, more in a virtual machine, which is most of what a short message takes from one process to
 * another.
 */
export class BusyPoll {
  private readonly forMs: number;
  private until = 0;
  private turning = false;

  /** @param forMs how long, in milliseconds; 0 for not at all */
  constructor(forMs: number) {
    this.forMs = forMs;
  }

  /** Something came. */
  touch(): void {
    if (this.forMs === 0) return;
    this.until = performance.now() + this.forMs;
    if (this.turning) return;
    this.turning = true;
    setImmediate(this.turn);
  }

  private readonly turn = (): void => {
    // While an immediate waits the loop asks the system what has come, and does not wait for it.
    if (performance.now() < this.until) setImmediate(this.turn);
    else this.turning = false;
  };
}
