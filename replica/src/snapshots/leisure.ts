// A state that is sent is read, checked and handed over on the event loop that serves clients too.

/** So many bytes of a state are worked on in one turn of the event loop while somebody waits for this member. */
export const LEISURE_BYTES: number = 64 * 1024;

/** Up to so many times as many are, if the pieces are late, or if nobody waits. */
export const MOST_LEISURE: number = 4;

/** While somebody waits, `LEISURE_BYTES` may leave every so many milliseconds: 64 MiB a second. */
export const LEISURE_MS = 1;

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
 * a rate; if they fall behind it, because the loop is busy, the pieces become longer. So a state of any size arrives,
 * however much is asked of this member.
 */
export async function* atLeisure(
  chunks: AsyncIterable<Uint8Array>,
  { isBusy, turn, now, pause }: LeisureHost,
): AsyncGenerator<Uint8Array, void> {
  let size = isBusy() ? LEISURE_BYTES : MOST_LEISURE * LEISURE_BYTES;
  let handedOver = 0;
  let due = now();
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + size);
      yield piece;
      at += piece.length;
      handedOver += piece.length;
      if (handedOver < size) continue;
      await turn();
      if (isBusy()) {
        due = Math.max(due + (handedOver / LEISURE_BYTES) * LEISURE_MS, now() - MOST_LATE_MS);
        const early = due - now();
        if (early >= LEAST_PAUSE_MS) await pause(early);
        size = LEISURE_BYTES * Math.max(1, Math.min(MOST_LEISURE, 1 - Math.ceil(early / LEISURE_MS)));
      } else {
        due = now();
        size = MOST_LEISURE * LEISURE_BYTES;
      }
      handedOver = 0;
    }
  }
}
