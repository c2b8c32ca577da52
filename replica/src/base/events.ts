/** Called with each new value. */
export type Listener<T> = (value: T) => void;

/** A value that changes: whoever listens is told the present one at once, and then each new one. */
export class Observable<T> {
  private readonly listeners = new Set<Listener<T>>();
  private readonly onThrow: (error: unknown) => void;
  private present: T | undefined;

  /** @param onThrow hears of what a listener throws: it must not harm the member */
  constructor(present: T | undefined, onThrow: (error: unknown) => void) {
    this.present = present;
    this.onThrow = onThrow;
  }

  /** The last value; `undefined` before the first. */
  get value(): T | undefined {
    return this.present;
  }

  set(value: T): void {
    this.present = value;
    for (const listener of [...this.listeners]) this.tell(listener, value);
  }

  /** @returns ends it */
  subscribe(listener: Listener<T>): () => void {
    // One that is given twice is called twice, and each ends by itself.
    const own: Listener<T> = (value) => listener(value);
    this.listeners.add(own);
    if (this.present !== undefined) this.tell(own, this.present);
    return () => this.listeners.delete(own);
  }

  private tell(listener: Listener<T>, value: T): void {
    try {
      listener(value);
    } catch (error) {
      this.onThrow(error);
    }
  }
}
