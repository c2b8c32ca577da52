import { describe } from '../base/errors.js';

/** Proposes entries of this member's own, one at a time. What failed is tried again later, until it is seen. */
export class OwnEntry {
  private readonly restTicks: number;
  private readonly onUnable: (why: string) => void;
  private underWay = false;
  private unable = false;
  /** Ticks until the next attempt. */
  private rest = 0;

  /**
   * @param restTicks after an attempt that failed, the next one is made so much later
   * @param onUnable the format has no bytes for such an entry, so none is proposed any more
   */
  constructor(restTicks: number, onUnable: (why: string) => void) {
    this.restTicks = restTicks;
    this.onUnable = onUnable;
  }

  /** A tick has passed. @returns whether an entry may be proposed now */
  tick(): boolean {
    if (this.rest > 0) this.rest--;
    return !this.underWay && !this.unable && this.rest === 0;
  }

  /** @param propose rejects with what the format throws if it cannot write the entry */
  propose(propose: () => Promise<unknown>): void {
    this.underWay = true;
    void this.attempt(propose);
  }

  private async attempt(propose: () => Promise<unknown>): Promise<void> {
    try {
      await propose();
    } catch (error) {
      const { outcome } = error as { readonly outcome?: unknown };
      if (outcome === 'dropped' || outcome === 'unknown') this.rest = this.restTicks;
      else this.giveUp(describe(error));
    } finally {
      this.underWay = false;
    }
  }

  /** Proposes none any more. */
  giveUp(why: string): void {
    this.unable = true;
    this.onUnable(why);
  }
}
