import { RaftPanic } from '../errors.js';

/**
 * The appends that were sent to a follower and not yet acknowledged: a queue of (last index, payload bytes), bounded in
 * messages and, softly, in bytes. Such a sliding window lets a leader pipeline without flooding.
 *
 * A sequence of calls, with room for 3 messages and 100 bytes:
 *
 * | call | in flight, as index:bytes | full | |
 * | --- | --- | --- | --- |
 * | add 5 40 | 5:40 | no | entries up to 5 were sent, with 40 bytes of payload |
 * | add 9 50 | 5:40 9:50 | no | 90 bytes: another message may still be sent |
 * | add 12 80 | 5:40 9:50 12:80 | yes | it may exceed the bytes, and is the third |
 * | freeLE 8 | 9:50 12:80 | yes | two messages, 130 bytes; the one up to 9 is acknowledged only in part, and stays |
 * | freeLE 9 | 12:80 | no | |
 * | add 13 20 | 12:80 13:20 | yes | 100 bytes, with a place left |
 * | freeLE 20 | | no | an acknowledgement may cover everything |
 */
export class Inflights {
  /** Most messages in flight. */
  readonly size: number;
  /** No message is added once this many payload bytes are in flight; the last one may exceed it. */
  readonly maxBytes: number;
  /** Number of messages in flight. */
  count = 0;
  private bytes = 0;
  /** Position of the oldest message in the ring. */
  private head = 0;
  // The ring grows by doubling: most followers never have `size` messages in flight.
  private indexes: number[] = [];
  private sizes: number[] = [];

  /** @param maxBytes 0 or Infinity: no limit in bytes */
  constructor(size: number, maxBytes = 0) {
    this.size = size;
    this.maxBytes = maxBytes === 0 ? Number.POSITIVE_INFINITY : maxBytes;
  }

  full(): boolean {
    return this.count === this.size || this.bytes >= this.maxBytes;
  }

  /** Payload bytes in flight. */
  get totalBytes(): number {
    return this.bytes;
  }

  /** Adds a message whose last entry is `index`. Indexes increase from call to call. */
  add(index: number, bytes: number): void {
    if (this.full()) throw new RaftPanic('flow-control', 'cannot add into a Full inflights');
    if (this.count === this.indexes.length) this.grow();
    const at = (this.head + this.count) & (this.indexes.length - 1);
    this.indexes[at] = index;
    this.sizes[at] = bytes;
    this.count++;
    this.bytes += bytes;
  }

  /** Everything up to `to` has been acknowledged. */
  freeLE(to: number): void {
    const mask = this.indexes.length - 1;
    while (this.count > 0 && (this.indexes[this.head] as number) <= to) {
      this.bytes -= this.sizes[this.head] as number;
      this.head = (this.head + 1) & mask;
      this.count--;
    }
  }

  reset(): void {
    this.head = 0;
    this.count = 0;
    this.bytes = 0;
  }

  clone(): Inflights {
    const copy = new Inflights(this.size, this.maxBytes);
    copy.count = this.count;
    copy.bytes = this.bytes;
    copy.head = this.head;
    copy.indexes = this.indexes.slice();
    copy.sizes = this.sizes.slice();
    return copy;
  }

  /** The messages in flight, oldest first. */
  *[Symbol.iterator](): IterableIterator<{ index: number; bytes: number }> {
    for (let i = 0; i < this.count; i++) {
      const at = (this.head + i) & (this.indexes.length - 1);
      yield { index: this.indexes[at] as number, bytes: this.sizes[at] as number };
    }
  }

  private grow(): void {
    const old = [...this];
    const capacity = Math.max(4, old.length * 2);
    this.indexes = new Array<number>(capacity).fill(0);
    this.sizes = new Array<number>(capacity).fill(0);
    for (const [i, { index, bytes }] of old.entries()) {
      this.indexes[i] = index;
      this.sizes[i] = bytes;
    }
    this.head = 0;
  }
}
