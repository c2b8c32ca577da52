/**
 * Varints: seven bits to a byte, the lowest first; the highest bit of a byte says that another one follows. The codecs
 * of messages and of the log both build on this file; `wire-reader.ts` alone reads the short ones of messages inline.
 *
 * Integers of 64 bits are handled as two halves of 32, because a bigint would be allocated for each.
 */

/** Length of the varint of a number below 2^56. */
export function numberSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  if (value < 0x10000000) return 4;
  if (value < 0x800000000) return 5;
  if (value < 0x40000000000) return 6;
  return value < 0x2000000000000 ? 7 : 8;
}

/** Writes the varint of an unsigned integer of at most 53 bits at `pos`; returns the position after it. */
export function writeNumber(buf: Uint8Array, pos: number, value: number): number {
  if (value > 127) return writeLongNumber(buf, pos, value);
  buf[pos] = value;
  return pos + 1;
}

function writeLongNumber(buf: Uint8Array, pos: number, value: number): number {
  let at = pos;
  let rest = value;
  if (rest > 0x7fffffff) {
    // Four groups of seven bits; what is left has 25 at most.
    const low = rest % 0x10000000;
    rest = (rest - low) / 0x10000000;
    buf[at++] = (low & 127) | 128;
    buf[at++] = ((low >>> 7) & 127) | 128;
    buf[at++] = ((low >>> 14) & 127) | 128;
    buf[at++] = (low >>> 21) | 128;
  }
  while (rest > 127) {
    buf[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  buf[at++] = rest;
  return at;
}

/** Writes the varint of an unsigned integer of 64 bits, given as two halves; returns the position after it. */
export function writeHalves(buf: Uint8Array, pos: number, low: number, high: number): number {
  let at = pos;
  let lo = low;
  let hi = high;
  while (hi !== 0 || lo >>> 0 > 127) {
    buf[at++] = (lo & 127) | 128;
    lo = (lo >>> 7) | (hi << 25);
    hi >>>= 7;
  }
  buf[at++] = lo;
  return at;
}

/** What `readVarint` returns if the bytes end within the varint. */
export const TRUNCATED = -1;
/** What `readVarint` returns for a number of more than 64 bits. */
export const TOO_LONG = -2;

/** The low 32 bits, signed, of the varint read last. */
export let low = 0;
/** Its high 32 bits, signed. */
export let high = 0;

/**
 * Reads the varint at `pos` into `low` and `high`; returns the position after it, which is at most `end`, or one of the
 * two errors above.
 */
export function readVarint(buf: Uint8Array, pos: number, end: number): number {
  let at = pos;
  let lo = 0;
  let hi = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= end) return TRUNCATED;
    const byte = buf[at++] as number;
    const bits = byte & 127;
    if (shift < 28) lo |= bits << shift;
    else if (shift === 28) {
      lo |= bits << 28;
      hi = bits >>> 4;
    } else hi |= bits << (shift - 32);
    if (byte < 128) {
      // The tenth byte holds one bit.
      if (shift === 63 && byte > 1) break;
      low = lo;
      high = hi;
      return at;
    }
  }
  return TOO_LONG;
}
