/** Work that is divided into turns: it yields whenever the thread may do something else first. */
export type Work<T> = Generator<void, T>;

interface Waiting {
  /** Runs the work's next turn; true if it was the last. */
  readonly step: () => boolean;
}

/**
 * Runs long work one turn at a time, with a single turn per turn of the event loop for all work together, in rotation.
 * Work of a single turn is done at once.
 */
export class Turns {
  private waiting: Waiting[] = [];
  private scheduled = false;

  /** Resolves with what the work returns; rejects with what it throws. */
  run<T>(work: Work<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const step = (): boolean => {
        try {
          const { done, value } = work.next();
          if (done !== true) return false;
          resolve(value);
        } catch (error) {
          reject(error);
        }
        return true;
      };
      if (step()) return;
      this.waiting.push({ step });
      this.schedule();
    });
  }

  private schedule(): void {
    if (this.scheduled || this.waiting.length === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      const next = this.waiting.shift();
      if (next !== undefined && !next.step()) this.waiting.push(next);
      this.schedule();
    });
  }
}
