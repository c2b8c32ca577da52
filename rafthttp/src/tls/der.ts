import { RaftError } from '@raft-ts/proto';
import { ERR_TLS } from '../base/errors.js';

/** A DER value: its tag, and the position of its content. */
export interface Der {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const INTEGER = 0x02;

/** Reads one value. Throws `ERR_RAFT_TLS` if its content does not end by `end`. */
export function readDer(bytes: Uint8Array, at: number, end: number): Der {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined || at + 2 > end) throw malformed('it ends too early');
  if ((tag & 0x1f) === 0x1f) throw malformed('a long tag');
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first - 0x80;
    if (count < 1 || count > 4) throw malformed('an unsupported form of length');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? Number.NaN);
    start += count;
  }
  if (!(length <= end - start)) throw malformed('a length beyond the end');
  return { tag, start, end: start + length };
}

/** Yields the values that this one consists of. */
export function* partsOf(bytes: Uint8Array, whole: Der): Generator<Der, void> {
  for (let at = whole.start; at < whole.end; ) {
    const part = readDer(bytes, at, whole.end);
    yield part;
    at = part.end;
  }
}

export function expectTag(value: Der | undefined, tag: number): Der {
  if (value === undefined) throw malformed(`it ends before tag ${tag}`);
  if (value.tag !== tag) throw malformed(`tag ${value.tag} instead of ${tag}`);
  return value;
}

export function contentOf(bytes: Uint8Array, value: Der): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + value.start, value.end - value.start);
}

/** Returns the integer in hexadecimal, without leading zeros. */
export function integerOf(bytes: Uint8Array, value: Der): string {
  return contentOf(bytes, expectTag(value, INTEGER))
    .toString('hex')
    .replace(/^0+(?=.)/u, '');
}

export function malformed(what: string): RaftError {
  return new RaftError(ERR_TLS, `a certificate or revocation list cannot be read: ${what}`, { reason: 'crl' });
}
