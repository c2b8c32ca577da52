import { RaftError } from '@raft-ts/raft';
import { describe, ERR_ENTRY_FORMAT } from './errors.js';

/** Turns commands, or results, into bytes and back. */
export interface Codec<T> {
  /**
   * Encodes a command. The bytes must not be changed afterwards. @throws what `propose` is to throw for a value that
   * has no bytes
   */
  encode(value: T): Uint8Array;
  /** Decodes a command. The bytes belong to the log: copy what is kept of them. */
  decode(bytes: Uint8Array): T;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Returns a codec for JSON in UTF-8. `undefined`, which JSON does not have, takes no bytes. A value that would be read
 * back as something else is refused, as far as that shows without a walk through it: functions, symbols, numbers that
 * are not finite, maps, sets, dates, buffers and promises, and anything that holds a bigint or itself. Inside an object
 * they are not looked for: there JSON leaves out functions and what is `undefined`, writes `null` for `NaN`, text for a
 * date, and `{}` for a map or a set.
 * @throws ERR_RAFT_ENTRY_FORMAT when such a value is encoded
 */
export function jsonCodec<T>(): Codec<T> {
  return { encode: encodeJson, decode: decodeJson };
}

/** As `jsonCodec`, for results, which only a retry reads back: what JSON cannot say of one is no reason to fail. */
export function jsonResults<T>(): Codec<T> {
  return { encode: (value) => encoder.encode(JSON.stringify(value) ?? ''), decode: decodeJson };
}

function encodeJson(value: unknown): Uint8Array {
  const lost = whatIsLost(value);
  if (lost !== undefined) throw refuse(`${lost} cannot be read back from it`);
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw refuse(describe(error), error);
  }
  if (text === undefined && value !== undefined) throw refuse('its toJSON gives undefined');
  return encoder.encode(text ?? '');
}

function decodeJson(bytes: Uint8Array): never {
  return (bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes))) as never;
}

/** Names what JSON would turn into something else. */
function whatIsLost(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'function':
    case 'symbol':
    case 'bigint':
      return `a ${typeof value}`;
    case 'object': {
      if (value === null || Array.isArray(value)) return undefined;
      const prototype: unknown = Object.getPrototypeOf(value);
      return prototype === Object.prototype || prototype === null ? undefined : lossyClass(value);
    }
    default:
      return undefined;
  }
}

/** Classes of which JSON writes nothing, or something else; of others it writes the fields. */
const lossy: ReadonlySet<string> = new Set(
  ['Map', 'Set', 'WeakMap', 'WeakSet', 'Date', 'RegExp', 'Error', 'Promise', 'ArrayBuffer'].map(tagOf),
);

function tagOf(name: string): string {
  return `[object ${name}]`;
}

function lossyClass(value: object): string | undefined {
  const tag = Object.prototype.toString.call(value);
  return lossy.has(tag) || ArrayBuffer.isView(value) ? withArticle(tag.slice(tagOf('').length - 1, -1)) : undefined;
}

/** The names that begin with a U, such as Uint8Array, do not begin with a vowel when they are spoken. */
function withArticle(name: string): string {
  return /^[AEIO]/u.test(name) ? `an ${name}` : `a ${name}`;
}

function refuse(why: string, cause?: unknown): RaftError {
  const text = `this value cannot be written as JSON: ${why}. Pass a codec of your own, or a value of another form`;
  return new RaftError(ERR_ENTRY_FORMAT, text, { reason: 'json', cause });
}

/** For commands that are bytes already. */
export const bytesCodec: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
