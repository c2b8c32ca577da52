interface Timer {
  at: number;
  readonly ms: number;
  readonly repeats: boolean;
  readonly call: () => void;
  /** Does it keep the process alive? */
  holds: boolean;
}

/**
 * The timers of this process by hand: time passes only when `advance` says so, and what is still pending can be
 * counted. Timers inside node itself, those of its sockets among them, are not touched.
 */
export class VirtualTimers {
  private now = 0;
  private readonly timers = new Set<Timer>();
  /** What stood there at `install`, which another test may have wrapped since this file was loaded. */
  private real: object = {};

  /** Puts itself in the place of the global functions, with nothing pending, until `uninstall`. */
  install(): void {
    this.timers.clear();
    const clear = (handle: unknown): void => {
      this.timers.delete(handle as Timer);
    };
    const start = (repeats: boolean) => (call: (...args: unknown[]) => void, ms: number, args: unknown[]) =>
      this.start({ at: this.now + ms, ms, repeats, call: () => call(...args), holds: true });
    this.real = { setTimeout, clearTimeout, setInterval, clearInterval };
    Object.assign(globalThis, {
      setTimeout: (call: () => void, ms = 0, ...args: unknown[]) => start(false)(call, ms, args),
      setInterval: (call: () => void, ms = 0, ...args: unknown[]) => start(true)(call, ms, args),
      clearTimeout: clear,
      clearInterval: clear,
    });
  }

  uninstall(): void {
    Object.assign(globalThis, this.real);
  }

  /** How many timers keep the process alive until they fire. */
  get pending(): number {
    return [...this.timers].filter(({ holds }) => holds).length;
  }

  /** Lets time pass, and fires what is due, in its order. */
  advance(ms: number): void {
    const end = this.now + ms;
    for (;;) {
      const due = [...this.timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.now = due.at;
      if (due.repeats) due.at += due.ms;
      else this.timers.delete(due);
      due.call();
    }
    this.now = end;
  }

  private start(timer: Timer): object {
    const handle = Object.assign(timer, {
      refresh: () => {
        timer.at = this.now + timer.ms;
        this.timers.add(timer);
        return handle;
      },
      unref: () => {
        timer.holds = false;
        return handle;
      },
      ref: () => {
        timer.holds = true;
        return handle;
      },
    });
    this.timers.add(timer);
    return handle;
  }
}
