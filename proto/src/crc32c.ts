/** The polynomial of CRC-32C, its bits reversed. */
const CASTAGNOLI = 0x82f63b78;

/** Number of bytes processed at once, each through its own table. */
const SLICE = 16;

/** The tables of `added`. */
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(256 * SLICE);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ CASTAGNOLI;
    made[byte] = sum;
  }
  for (let at = 256; at < made.length; at++) {
    const shorter = made[at - 256] as number;
    made[at] = (shorter >>> 8) ^ (made[shorter & 255] as number);
  }
  return made;
}

/**
 * Returns the CRC-32C (Castagnoli) of [start, end) of `bytes`, continued from `chain`; a chain of 0 starts a new sum.
 * "Slicing by 16", after Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC
 * Generators". Four loads of four bytes take a tenth less time than sixteen of one.
 */
export function crc32cByTables(chain: number, bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let sum = ~chain;
  let at = start;
  if (end - start >= SLICE) {
    const words = wordsOf(bytes);
    for (const last = end - SLICE; at <= last; at += SLICE) {
      sum =
        added(12, words.getInt32(at, true) ^ sum) ^
        added(8, words.getInt32(at + 4, true)) ^
        added(4, words.getInt32(at + 8, true)) ^
        added(0, words.getInt32(at + 12, true));
    }
  }
  for (; at < end; at++) sum = (sum >>> 8) ^ (tables[(sum ^ (bytes[at] as number)) & 255] as number);
  return ~sum >>> 0;
}

/** Returns what four bytes, the first in the lowest bits, add to the sum if this many bytes follow them. */
function added(following: number, word: number): number {
  return (
    (tables[256 * (following + 3) + (word & 255)] as number) ^
    (tables[256 * (following + 2) + ((word >>> 8) & 255)] as number) ^
    (tables[256 * (following + 1) + ((word >>> 16) & 255)] as number) ^
    (tables[256 * following + (word >>> 24)] as number)
  );
}

let lastBytes: Uint8Array = new Uint8Array(0);
let lastWords = new DataView(lastBytes.buffer);

/**
 * Returns a view that reads four bytes at once at any offset. The view is kept for the next call, because one array
 * holds many records and making a view takes as long as a short sum. So the last array stays in memory until another
 * one is summed.
 */
function wordsOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastWords = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastWords;
}
