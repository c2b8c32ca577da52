import type { Clock } from '../base/clock.js';

/** One thing that is closed when a replica ends. */
export interface Closing {
  readonly what: string;
  readonly close: () => Promise<void> | undefined;
  /** Go on after so many milliseconds: code of the application that does not come back must not hold up the end. */
  readonly limitMs?: number;
}

/** Closes these in order, whatever becomes of one of them. */
export async function closeAll(
  parts: readonly Closing[],
  clock: Clock,
  onTrouble: (what: string, error: unknown) => void,
): Promise<void> {
  for (const { what, close, limitMs } of parts) {
    try {
      const closing = close();
      if (closing !== undefined) await (limitMs === undefined ? closing : within(closing, limitMs, clock));
    } catch (error) {
      onTrouble(what, error);
    }
  }
}

function within(promise: Promise<void>, ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => reject(new Error(`it did not end within ${ms} ms`)));
    promise.then(resolve, reject).finally(cancel);
  });
}
