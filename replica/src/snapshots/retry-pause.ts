/** The longest pause, in units of the first. */
const LONGEST = 2 ** 10;

/** Pauses after which a snapshot that failed is tried again: each is twice as long as the one before. */
export class RetryPause {
  private readonly first: number;
  private next: number;
  private left: number | undefined = undefined;

  /** @param first the first one, in ticks */
  constructor(first: number) {
    this.first = first;
    this.next = first;
  }

  get isOn(): boolean {
    return this.left !== undefined;
  }

  begin(): void {
    this.left = this.next;
    this.next = Math.min(this.next * 2, this.first * LONGEST);
  }

  /** One has succeeded. */
  reset(): void {
    this.next = this.first;
    this.left = undefined;
  }

  /** @returns whether a pause ends with this tick */
  tick(): boolean {
    if (this.left === undefined || --this.left > 0) return false;
    this.left = undefined;
    return true;
  }
}
