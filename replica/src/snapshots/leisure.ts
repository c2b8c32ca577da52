// A state that is sent is read, checked and handed over on the event loop that serves clients too.

/** Whoever waits for this member waits for the work on no more than so many bytes of a state. */
export const LEISURE_BYTES: number = 64 * 1024;

/** While somebody waits, so many bytes have this many milliseconds: 32 MiB a second. */
export const LEISURE_MS = 2;

/** Timers count whole milliseconds. */
const LEAST_PAUSE_MS = 1;
/** So much lateness is made up for: timers and turns of a busy loop are late, and the rate should be kept to. */
const MOST_LATE_MS = 20;

export interface LeisureHost {
  /** Does anybody wait for this member? */
  readonly isBusy: () => boolean;
  /** Lets the event loop turn. */
  readonly turn: () => Promise<void>;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** Resolves after so many milliseconds. */
  readonly pause: (ms: number) => Promise<void>;
}

/**
 * The same bytes, in short pieces between which the event loop turns. While somebody waits for this member they keep to
 * a rate. It is fixed, not what others leave: a state of any size arrives, however much is asked of this member.
 */
export async function* atLeisure(
  chunks: AsyncIterable<Uint8Array>,
  { isBusy, turn, now, pause }: LeisureHost,
): AsyncGenerator<Uint8Array, void> {
  let handedOver = 0;
  let due = now();
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += LEISURE_BYTES) {
      const piece = chunk.subarray(at, at + LEISURE_BYTES);
      yield piece;
      handedOver += piece.length;
      if (handedOver < LEISURE_BYTES) continue;
      handedOver = 0;
      await turn();
      if (!isBusy()) {
        due = now();
        continue;
      }
      due = Math.max(due + LEISURE_MS, now() - MOST_LATE_MS);
      const early = due - now();
      if (early >= LEAST_PAUSE_MS) await pause(early);
    }
  }
}
