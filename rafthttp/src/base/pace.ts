import { MIN_SNAPSHOT_RATE, PACED_PIECE_BYTES, PLACE_IDLE_MS } from './limits.js';
import { Pauses } from './pauses.js';

/** Keeps what is sent to a rate; shared by all that has to keep to it together. */
export class Pace {
  /** Undefined: there is no limit. */
  private readonly bytesPerSecond: number | undefined;
  private readonly now: () => number;
  /** From when on more may be sent. */
  private freeAt = 0;
  private readonly places = new Set<PacePlace>();
  /** Those that wait for a place. They are woken in the order in which they came. */
  private readonly entrants = new Pauses();
  /** Those that have a place, and wait until they may send. */
  private readonly senders = new Pauses();

  /** @param now milliseconds of a clock that never goes back */
  constructor(bytesPerSecond: number | undefined, now: () => number = () => performance.now()) {
    this.bytesPerSecond = bytesPerSecond;
    this.now = now;
  }

  /** Longest piece that may be sent at once, in bytes. */
  get pieceBytes(): number {
    return this.bytesPerSecond === undefined ? Number.POSITIVE_INFINITY : PACED_PIECE_BYTES;
  }

  /**
   * Resolves with a place among those that share the rate, once each of them can have `MIN_SNAPSHOT_RATE`: with less,
   * receivers would give up all of them. Whoever has used none of it for a while, because its receiver is slow, does
   * not count. A place must be left. If the signal aborts, the place comes at once: it will not be used.
   */
  async enter(signal: AbortSignal): Promise<PacePlace> {
    // Nobody says when a place has become idle, so that is looked up from time to time.
    while (!signal.aborted && !this.hasPlace()) await this.entrants.wait(PLACE_IDLE_MS, signal);
    const place: PacePlace = {
      usedAt: this.now(),
      take: (bytes, stop) => this.take(place, bytes, stop),
      leave: () => {
        this.places.delete(place);
        this.entrants.wake();
      },
    };
    this.places.add(place);
    return place;
  }

  private hasPlace(): boolean {
    if (this.bytesPerSecond === undefined) return true;
    const idle = this.now() - PLACE_IDLE_MS;
    let busy = 0;
    for (const { usedAt } of this.places) if (usedAt > idle) busy++;
    return busy < Math.floor(this.bytesPerSecond / MIN_SNAPSHOT_RATE);
  }

  /** Resolves when so many bytes may be sent, or the signal aborts. */
  private async take(place: PacePlace, bytes: number, signal: AbortSignal): Promise<void> {
    if (this.bytesPerSecond === undefined) return;
    const now = this.now();
    const at = Math.max(now, this.freeAt);
    this.freeAt = at + (bytes / this.bytesPerSecond) * 1000;
    place.usedAt = at;
    if (at > now) await this.senders.wait(at - now, signal);
  }
}

/** A share of a rate. */
export interface PacePlace {
  /** When it was last allowed to send, or will be. */
  usedAt: number;
  /** Resolves when so many bytes may be sent, or the signal aborts. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
  /** Lets another in. */
  leave(): void;
}
