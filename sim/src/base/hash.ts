import { wordAt } from './bytes.js';

/**
 * A running hash of everything that happened in a simulation: two runs with the same hash did the same. Two lanes of 32
 * bits, because a multiplication of 64 bits would need bigints.
 */
export class RunHash {
  private low = 0x811c9dc5;
  private high = 0x9dc5811c;

  /** Adds a whole number of up to 53 bits. */
  number(value: number): void {
    this.word(value | 0);
    if (value > 0xffffffff) this.word((value / 2 ** 32) | 0);
  }

  private word(value: number): void {
    const low = Math.imul(this.low ^ value, 0x01000193);
    const high = Math.imul(this.high ^ value, 0x85ebca6b);
    this.low = low ^ (low >>> 15);
    this.high = high ^ (high >>> 13);
  }

  /** Adds the bytes of [from, to), four at a time: every message of every run goes through here. */
  bytes(buffer: Uint8Array, from: number, to: number): void {
    let at = from;
    for (; at + 4 <= to; at += 4) this.word(wordAt(buffer, at));
    for (; at < to; at++) this.word(buffer[at] as number);
  }

  /** Returns the hash so far, as 16 hexadecimal digits. */
  toString(): string {
    const digits = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0');
    return digits(this.high) + digits(this.low);
  }
}
