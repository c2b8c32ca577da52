import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';

/** The contents of one sector. It is immutable, so that disks, images and traces can share it. */
export class Sector {
  readonly bytes: Uint8Array;
  #hash: number | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** A hash of the contents, of 53 bits. */
  get hash(): number {
    this.#hash ??= hashWords(new Uint32Array(this.bytes.buffer, this.bytes.byteOffset, SECTOR_SIZE / 4));
    return this.#hash;
  }

  /** Compares two sectors by their bytes. */
  equals(other: Sector): boolean {
    return this === other || (this.hash === other.hash && this.bytes.every((byte, i) => byte === other.bytes[i]));
  }

  /** Returns this sector with `from` written at `offset`. */
  with(from: Uint8Array, offset: number): Sector {
    const bytes = this.bytes.slice();
    bytes.set(from, offset);
    return new Sector(bytes);
  }

  /** Returns the first `length` bytes, then zeros. */
  head(length: number): Sector {
    if (this.bytes.every((byte, i) => i < length || byte === 0)) return this;
    const bytes = new Uint8Array(SECTOR_SIZE);
    bytes.set(this.bytes.subarray(0, length));
    return new Sector(bytes);
  }
}

/** A sector of zeros. */
export const ZERO_SECTOR: Sector = new Sector(new Uint8Array(SECTOR_SIZE));

/**
 * A sector that the power cut hit while `next` was going over `previous`: one of them up to some byte, the other from
 * there. The cut lies between bytes that differ, so the result is neither. Undefined if there is no such byte.
 */
export function tear(previous: Sector, next: Sector, random: (n: number) => number): Sector | undefined {
  const differs = (byte: number, i: number): boolean => byte !== previous.bytes[i];
  const first = next.bytes.findIndex(differs);
  const last = next.bytes.findLastIndex(differs);
  if (first === last) return undefined;
  const cut = first + 1 + random(last - first);
  const [head, tail] = random(2) === 0 ? [next, previous] : [previous, next];
  return tail.with(head.bytes.subarray(0, cut), 0);
}

/** Mixes numbers of up to 53 bits into one of 53 bits; the order matters. */
export class Hash {
  #high = 0x9e3779b9;
  #low = 0x85ebca6b;

  add(value: number): this {
    this.#word(value >>> 0);
    this.#word(Math.floor(value / 2 ** 32));
    return this;
  }

  addText(text: string): this {
    for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i));
    this.#word(text.length);
    return this;
  }

  digest(): number {
    const high = scramble(this.#high ^ scramble(this.#low));
    const low = scramble(this.#low ^ high);
    return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
  }

  #word(word: number): void {
    this.#high = Math.imul(this.#high ^ word, 0x85ebca77);
    this.#low = Math.imul(this.#low ^ word, 0xc2b2ae3d);
    this.#high = (this.#high << 13) | (this.#high >>> 19);
    this.#low = (this.#low << 17) | (this.#low >>> 15);
  }
}

function hashWords(words: Uint32Array): number {
  const hash = new Hash();
  for (const word of words) hash.add(word);
  return hash.digest();
}

/** The last mixing step of murmur3, which spreads each bit over all. */
function scramble(word: number): number {
  let x = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
