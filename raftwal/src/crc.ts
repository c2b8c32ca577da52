import { crc32c } from '@node-rs/crc32';

/**
 * CRC-32C (Castagnoli) of `bytes`, continued from `chain`: `updateCrc(updateCrc(0, a), b)` is the sum of a and b in a row.
 * `chain` 0 begins.
 */
export function updateCrc(chain: number, bytes: Uint8Array): number {
  return bytes.length === 0 ? chain : crc32c(bytes, chain);
}
