/** Whole numbers in `size` bytes, little endian. */
export function writeNumber(bytes: Uint8Array, at: number, value: number, size: number): void {
  for (let i = 0, low = value; i < size; i++, low = Math.floor(low / 256)) bytes[at + i] = low % 256;
}

export function readNumber(bytes: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}
