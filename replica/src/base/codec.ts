/** Turns commands, or results, into bytes and back. */
export interface Codec<T> {
  /** The bytes must not be changed afterwards. */
  encode(value: T): Uint8Array;
  /** The bytes belong to the log: copy what is kept of them. */
  decode(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JSON in UTF-8. `undefined`, which JSON does not have, takes no bytes. */
export function jsonCodec<T>(): Codec<T> {
  return {
    encode: (value) => encoder.encode(value === undefined ? '' : JSON.stringify(value)),
    decode: (bytes) => (bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes))) as T,
  };
}

/** For commands that are bytes already. */
export const bytesCodec: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
