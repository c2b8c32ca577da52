/** Waits of those who share a reason to go on early. */
export class Pauses {
  private readonly waiting = new Set<() => void>();

  /** Resolves after this many milliseconds, at the next `wake`, or when the signal aborts; at once if it has. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end);
      this.waiting.add(end);
    });
  }

  /** Ends all waits, in the order in which they began. */
  wake(): void {
    for (const end of [...this.waiting]) end();
  }
}
