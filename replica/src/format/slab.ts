/**
 * Small entries share their memory: an allocation of its own costs more than all else that is done for an entry. The
 * log drops them in the order in which they were made, so little is kept for the sake of a neighbour.
 */
const SLAB = 64 * 2 ** 10;
const SMALL = 4 * 2 ** 10;

let slab = new ArrayBuffer(0);
let used = 0;

/** Bytes that are 0, and nobody else's. */
export function allocate(length: number): Uint8Array {
  if (length > SMALL) return new Uint8Array(length);
  if (used + length > slab.byteLength) {
    slab = new ArrayBuffer(SLAB);
    used = 0;
  }
  used += length;
  return new Uint8Array(slab, used - length, length);
}
