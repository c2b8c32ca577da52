const SCALE = 2 ** 32;

/** Spreads the bits of a whole number over 32 (the finalizer of MurmurHash3). */
function scramble(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Mixes another whole number into a hash of 32 bits. */
export function mix(hash: number, value: number): number {
  const h = Math.imul(hash ^ value, 0x9e3779b1);
  return (h ^ (h >>> 15)) >>> 0;
}

/**
 * A stream of random numbers (sfc32). Whatever draws for another purpose has a stream of its own, so that one draw more
 * for one purpose does not change what is drawn for the others.
 */
export class Stream {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** @param parts whole numbers that name the stream: the seed, the purpose, and for whom it is */
  constructor(...parts: readonly number[]) {
    let hash = 0x6d2b79f5;
    for (const part of parts) {
      // A seed may have up to 53 bits.
      hash = mix(mix(hash, part | 0), Math.floor(part / SCALE) | 0);
    }
    this.a = scramble(hash);
    this.b = scramble(hash + 1);
    this.c = scramble(hash + 2);
    for (let i = 0; i < 12; i++) this.next();
  }

  /** Returns a whole number of [0, 2^32). */
  next(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }

  /** Returns a whole number of [0, n). */
  int(n: number): number {
    return Math.floor((this.next() / SCALE) * n);
  }

  /** Returns a whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.int(high - low + 1);
  }

  /** Returns true with this probability. Draws nothing if it is 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.next() < probability * SCALE;
  }

  /** Returns one of these. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }
}
