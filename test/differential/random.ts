import { seededRandom } from '@raft-ts/raft/internal';

/**
 * Characters that are quoted in different ways, and bytes that are none. Which characters can be printed depends on the
 * version of Unicode, and the two sides have not the same one: only old ones are used.
 */
const pieces: readonly (readonly number[])[] = [
  ...[
    '"',
    '\\',
    '\0',
    '\n',
    '\x7f',
    'é',
    '\u0085',
    '\u00a0',
    '\u00ad',
    '\u2028',
    '日',
    '\ufeff',
    '\ufffd',
    '😀',
    '\u{10ffff}',
  ].map((character) => [...new TextEncoder().encode(character)]),
  [0x80],
  [0xc3],
  [0xe6, 0x97],
  [0xed, 0xa0, 0x80],
  [0xff],
];

/** Choices that follow from a seed. */
export class Choices {
  readonly #draw: (n: number) => number;

  constructor(seed: number) {
    // Neighbouring seeds are to have nothing in common.
    this.#draw = seededRandom(Math.imul(seed, 0x9e3779b1));
  }

  /** A whole number in [0, n). */
  below(n: number): number {
    return this.#draw(n);
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.#draw(high - low + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.#draw(1_000_000) < probability * 1_000_000;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#draw(items.length)] as T;
  }

  /** Each of the items with this probability. */
  some<T>(items: readonly T[], probability: number): T[] {
    return items.filter(() => this.chance(probability));
  }

  /** One of the names, each as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const names = Object.keys(weights) as Name[];
    let left = this.#draw(names.reduce((sum, name) => sum + weights[name], 0));
    return names.find((name) => {
      left -= weights[name];
      return left < 0;
    }) as Name;
  }

  /** The same weights, some of them much less or more: one seed is about this, another about that. */
  skewed<Name extends string>(weights: Readonly<Record<Name, number>>): Record<Name, number> {
    const scaled: Record<Name, number> = { ...weights };
    for (const name of Object.keys(weights) as Name[]) {
      scaled[name] = Math.ceil(weights[name] * this.pick([0.2, 1, 1, 1, 3]));
    }
    return scaled;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#draw(256));
  }

  /** About this many bytes that are quoted in every way there is. */
  payload(length: number): Uint8Array {
    const parts: number[] = [];
    while (parts.length < length) parts.push(...(this.chance(0.7) ? [0x20 + this.#draw(95)] : this.pick(pieces)));
    return Uint8Array.from(parts);
  }
}

/**
 * The random source of members: numbers drawn from bytes by the rule of Go's `crypto/rand.Int`, so that members of
 * both sides draw the same from the same bytes.
 */
export class Draws {
  /** How many bytes were drawn. */
  count = 0;
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  #byte(): number {
    this.count++;
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    const state = this.#state;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 24;
  }

  /**
   * A whole number in [0, n), for n up to 256: one byte of which as many bits count as n - 1 has, until it is below n.
   */
  below(n: number): number {
    if (n > 256) {
      throw new RangeError(`${n} takes more than one byte`);
    }
    if (n === 1) {
      return 0;
    }
    const mask = 2 ** (32 - Math.clz32(n - 1)) - 1;
    for (;;) {
      const value = this.#byte() & mask;
      if (value < n) {
        return value;
      }
    }
  }
}
