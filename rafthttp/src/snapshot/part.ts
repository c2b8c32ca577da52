import type { IncomingMessage } from 'node:http';
import { Header, headerOf } from '../base/headers.js';

/** Names the body of a streamed snapshot. */
export interface BodyName {
  readonly index: number;
  readonly term: number;
}

/** What a receiver has of a body: its beginning. */
export interface BodyPart {
  /** Its length, more than 0. */
  readonly bytes: number;
  /** Its SHA-256, in hexadecimal digits. */
  readonly sha256: string;
}

/** Formats the header that says which body it is about, and its length. */
export function formatBody({ index, term }: BodyName, size: number): string {
  return `${index}-${term}-${size}`;
}

/** Which body a request is about, and its length; undefined if it does not say, as Go members do not. */
export function bodyIn(message: IncomingMessage): (BodyName & { readonly size: number }) | undefined {
  const [, ...digits] = /^(\d{1,16})-(\d{1,16})-(\d{1,16})$/u.exec(headerOf(message, Header.snapshotBody) ?? '') ?? [];
  const [index = Number.NaN, term = Number.NaN, size = Number.NaN] = digits.map(Number);
  return [index, term, size].every(Number.isSafeInteger) ? { index, term, size } : undefined;
}

/** Formats the header that says what there is of a body. */
export function formatPart({ bytes, sha256 }: BodyPart): string {
  return `${bytes}-${sha256}`;
}

/** What a message says that there is of a body; undefined if it does not say, or is malformed. */
export function partIn(message: IncomingMessage): BodyPart | undefined {
  const [, digits, sha256] =
    /^([1-9]\d{0,15})-([0-9a-f]{64})$/u.exec(headerOf(message, Header.snapshotPart) ?? '') ?? [];
  const bytes = Number(digits);
  return Number.isSafeInteger(bytes) && sha256 !== undefined ? { bytes, sha256 } : undefined;
}
