/** The array is rebuilt once this many places at its front are unused and they are half of it. */
const SMALLEST_REBUILD = 64;

/** This many items for an empty list are copied at once: an array that grows by pushes is copied repeatedly. */
const SMALLEST_COPY = 16;

/**
 * A list that grows at its back and shrinks at its front. Dropping from the front moves `start`, and the array is
 * rebuilt only once half of it is unused, so that both ends cost amortised O(1). Dropped items can be collected at
 * once.
 */
export class SlidingList<T> {
  protected list: (T | undefined)[] = [];
  protected start = 0;

  get length(): number {
    return this.list.length - this.start;
  }

  /** @param i from 0 on; `undefined` beyond the end */
  at(i: number): T | undefined {
    return this.list[this.start + i];
  }

  push(item: T): void {
    this.list.push(item);
  }

  /** Adds these items, from the one at `from` on. */
  pushAll(items: readonly T[], from = 0): void {
    if (this.length === 0 && items.length - from >= SMALLEST_COPY) {
      this.list = items.slice(from);
      this.start = 0;
      return;
    }
    for (let i = from; i < items.length; i++) this.list.push(items[i]);
  }

  /** A copy of the items from `from` to `to`, exclusive. */
  slice(from = 0, to: number = this.length): T[] {
    return this.list.slice(this.start + from, this.start + to) as T[];
  }

  /** Drops what comes after the first `length` items. */
  truncate(length: number): void {
    if (length < this.length) this.list.length = this.start + length;
  }

  /** Drops the first `count` items. */
  dropFront(count: number): void {
    const from = this.start;
    this.start += count;
    if (this.start >= SMALLEST_REBUILD && this.start * 2 >= this.list.length) {
      this.list = this.list.slice(this.start);
      this.start = 0;
    } else {
      for (let i = from; i < this.start; i++) this.list[i] = undefined;
    }
  }

  clear(): void {
    this.list = [];
    this.start = 0;
  }
}
