/** Payloads and read contexts: a number in the first four bytes, and filling that follows from it. */

export function numbered(value: number, size = 4): Uint8Array {
  const bytes = new Uint8Array(Math.max(4, size));
  bytes[0] = value >>> 24;
  bytes[1] = value >>> 16;
  bytes[2] = value >>> 8;
  bytes[3] = value;
  for (let i = 4; i < bytes.length; i++) bytes[i] = value + i;
  return bytes;
}

/** Returns the number in the first four bytes; undefined if the bytes are not those that `numbered` makes of it. */
export function numberOf(bytes: Uint8Array): number | undefined {
  if (bytes.length < 4) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  const value = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
  for (let i = 4; i < bytes.length; i++) if (bytes[i] !== ((value + i) & 0xff)) return undefined;
  return value;
}

/** Returns four bytes as one number of 32 bits. */
export function wordAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
}
