import { PACED_PIECE_BYTES } from './limits.js';

/** Keeps what is sent to a rate; shared by all that has to keep to it together. */
export class Pace {
  /** Undefined: there is no limit. */
  private readonly bytesPerSecond: number | undefined;
  private readonly now: () => number;
  /** From when on more may be sent. */
  private freeAt = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(bytesPerSecond: number | undefined, now: () => number = () => performance.now()) {
    this.bytesPerSecond = bytesPerSecond;
    this.now = now;
  }

  /** Longest piece that may be sent at once, in bytes. */
  get pieceBytes(): number {
    return this.bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : PACED_PIECE_BYTES;
  }

  /** Resolves when so many bytes may be sent, or the signal aborts. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.bytesPerSecond === undefined) return;
    const now = this.now();
    const at = Math.max(now, this.freeAt);
    this.freeAt = at + (bytes / this.bytesPerSecond) * 1000;
    if (at <= now || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, at - now);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
