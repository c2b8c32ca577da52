/** Who holds a lock. */
export interface Holder {
  readonly lease: number;
  /** The index of the entry that gave it the lock: whoever holds it later has a higher one. */
  readonly fence: number;
}

/** Locks, each held by a lease. An entry gives a lock once at most, so no two holders have the same fence. */
export class Locks {
  private readonly held = new Map<string, Holder>();
  /** Calls of this member that wait for a lock: no part of the state. */
  private readonly waiting = new Map<string, Set<() => void>>();

  get size(): number {
    return this.held.size;
  }

  get(name: string): Holder | undefined {
    return this.held.get(name);
  }

  take(name: string, holder: Holder): void {
    this.held.set(name, holder);
  }

  release(name: string): void {
    this.held.delete(name);
    this.wake(name);
  }

  /** Calls this once, when the lock is no longer as it was. @returns takes it back */
  onChange(name: string, call: () => void): () => void {
    let calls = this.waiting.get(name);
    if (calls === undefined) {
      calls = new Set();
      this.waiting.set(name, calls);
    }
    const mine = calls;
    mine.add(call);
    return () => {
      mine.delete(call);
      if (mine.size === 0 && this.waiting.get(name) === mine) this.waiting.delete(name);
    };
  }

  entries(): Iterable<[string, Holder]> {
    return this.held;
  }

  clear(): void {
    this.held.clear();
    for (const name of [...this.waiting.keys()]) this.wake(name);
  }

  private wake(name: string): void {
    const calls = this.waiting.get(name);
    if (calls === undefined) return;
    this.waiting.delete(name);
    for (const call of calls) call();
  }
}
