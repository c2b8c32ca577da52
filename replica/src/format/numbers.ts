/** Whole numbers in `size` bytes, little endian. */
export function writeNumber(bytes: Uint8Array, at: number, value: number, size: number): void {
  for (let i = 0, low = value; i < size; i++, low = Math.floor(low / 256)) bytes[at + i] = low % 256;
}

export function readNumber(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

const HALF = 2 ** 24;

/** As `writeNumber`, in six bytes: each member does it for each entry, and two halves of 24 bits need no loop. */
export function writeNumber48(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / HALF);
  const low = value - high * HALF;
  bytes[at] = low;
  bytes[at + 1] = low >>> 8;
  bytes[at + 2] = low >>> 16;
  bytes[at + 3] = high;
  bytes[at + 4] = high >>> 8;
  bytes[at + 5] = high >>> 16;
}

export function readNumber48(bytes: Uint8Array, at: number): number {
  return readHalf(bytes, at) + readHalf(bytes, at + 3) * HALF;
}

function readHalf(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}
