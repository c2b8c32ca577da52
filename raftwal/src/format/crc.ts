import { crc32c } from '@node-rs/crc32';
import { crc32cByTables } from '@raft-ts/proto/internal';

/** From this length on, the library is faster. Below it, most of its cost is the call. */
const LONG = 512;

/**
 * Returns the CRC-32C (Castagnoli) of [start, end) of `bytes`, continued from `chain`: `updateCrc(updateCrc(0, a), b)`
 * is the sum of a followed by b. A chain of 0 starts a new sum.
 */
export function updateCrc(chain: number, bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  return end - start < LONG ? crc32cByTables(chain, bytes, start, end) : crc32c(bytes.subarray(start, end), chain);
}
