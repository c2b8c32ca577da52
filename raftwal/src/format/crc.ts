import { crc32c } from '@node-rs/crc32';

/** The polynomial of CRC-32C, its bits reversed. */
const CASTAGNOLI = 0x82f63b78;

/** So many bytes are taken in at once, each by a table of its own. */
const SLICE = 16;

/** From so many bytes on, the library costs less. Below, most of its cost is the call. */
const LONG = 512;

/** For `added`. */
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
 * CRC-32C (Castagnoli) of [start, end) of `bytes`, continued from `chain`: `updateCrc(updateCrc(0, a), b)` is the sum of a and b in
 * a row. `chain` 0 begins.
 */
export function updateCrc(chain: number, bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  return end - start < LONG ? crcByTables(chain, bytes, start, end) : crc32c(bytes.subarray(start, end), chain);
}

/** "Slicing by 16", after Kounavis and Berry, "A Systematic Approach to Building High Performance Software-Based CRC Generators". */
function crcByTables(chain: number, bytes: Uint8Array, start: number, end: number): number {
  let sum = ~chain;
  let at = start;
  for (const last = end - SLICE; at <= last; at += SLICE) {
    sum =
      added(15, (bytes[at] as number) ^ (sum & 255)) ^
      added(14, (bytes[at + 1] as number) ^ ((sum >>> 8) & 255)) ^
      added(13, (bytes[at + 2] as number) ^ ((sum >>> 16) & 255)) ^
      added(12, (bytes[at + 3] as number) ^ (sum >>> 24)) ^
      added(11, bytes[at + 4] as number) ^
      added(10, bytes[at + 5] as number) ^
      added(9, bytes[at + 6] as number) ^
      added(8, bytes[at + 7] as number) ^
      added(7, bytes[at + 8] as number) ^
      added(6, bytes[at + 9] as number) ^
      added(5, bytes[at + 10] as number) ^
      added(4, bytes[at + 11] as number) ^
      added(3, bytes[at + 12] as number) ^
      added(2, bytes[at + 13] as number) ^
      added(1, bytes[at + 14] as number) ^
      added(0, bytes[at + 15] as number);
  }
  for (; at < end; at++) sum = (sum >>> 8) ^ added(0, (sum & 255) ^ (bytes[at] as number));
  return ~sum >>> 0;
}

/** What this byte adds to the sum where so many bytes follow it. */
function added(following: number, byte: number): number {
  return tables[256 * following + byte] as number;
}
