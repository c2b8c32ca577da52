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

  /** Compares two sectors by their bytes. A loop: `every` calls a function for each, and a hash reads both anyhow. */
  equals(other: Sector): boolean {
    if (this === other) return true;
    const [own, others] = [this.bytes, other.bytes];
    for (let i = 0; i < SECTOR_SIZE; i++) if (own[i] !== others[i]) return false;
    return true;
  }

  /** Returns this sector with `from` written at `offset`: this one if that changes nothing, as zeros over zeros. */
  with(from: Uint8Array, offset: number): Sector {
    if (isAt(this.bytes, from, offset)) return this;
    const bytes = this.bytes.slice();
    bytes.set(from, offset);
    return new Sector(bytes);
  }

  /** Returns the first `length` bytes, then zeros. */
  head(length: number): Sector {
    let last = SECTOR_SIZE - 1;
    while (last >= length && this.bytes[last] === 0) last--;
    if (last < length) return this;
    const bytes = new Uint8Array(SECTOR_SIZE);
    bytes.set(this.bytes.subarray(0, length));
    return new Sector(bytes);
  }
}

/** Whether `bytes` has all of `part` at `offset`. */
function isAt(bytes: Uint8Array, part: Uint8Array, offset: number): boolean {
  for (let i = 0; i < part.length; i++) if (bytes[offset + i] !== part[i]) return false;
  return true;
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

  /** Adds a number of 32 bits: as `add`, without the division. */
  addWord(word: number): this {
    this.#word(word);
    this.#word(0);
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
  for (let i = 0; i < words.length; i++) hash.addWord(words[i] as number);
  return hash.digest();
}

/** The last mixing step of murmur3, which spreads each bit over all. */
function scramble(word: number): number {
  let x = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
