import { RunHash } from './hash.js';

const encoder = new TextEncoder();

/** Returns a short text that is the same for equal values: commands, results and states, whatever they are made of. */
export function digestOf(value: unknown): string {
  const hash = new RunHash();
  add(hash, value);
  return hash.toString();
}

function text(hash: RunHash, of: string): void {
  const bytes = encoder.encode(of);
  hash.number(bytes.length);
  hash.bytes(bytes, 0, bytes.length);
}

function add(hash: RunHash, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    text(hash, `${typeof value} ${Object.is(value, -0) ? '-0' : String(value)}`);
    return;
  }
  if (value instanceof Uint8Array) {
    text(hash, 'bytes');
    hash.number(value.length);
    hash.bytes(value, 0, value.length);
  } else if (Array.isArray(value)) {
    text(hash, `array ${value.length}`);
    for (const item of value) add(hash, item);
  } else if (value instanceof Map || value instanceof Set) {
    // Their order can be seen, so it is a part of what they are.
    text(hash, `${value instanceof Map ? 'map' : 'set'} ${value.size}`);
    for (const item of value as Iterable<unknown>) add(hash, item);
  } else {
    const fields = Object.entries(value).filter(([, field]) => typeof field !== 'function');
    // That of fields is not: it differs between an object that was made here and one that was read back.
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    text(hash, `object ${fields.length}`);
    for (const [name, field] of fields) {
      text(hash, name);
      add(hash, field);
    }
  }
}
