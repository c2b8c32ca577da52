import type { RawNode } from '@raft-ts/raft';

/** Functions, and what only names where a member lives or what it says, are no part of its state. */
const SKIPPED = new Set(['logger', 'storage', 'random']);

function write(value: unknown, out: string[]): void {
  if (value === null || typeof value !== 'object') {
    out.push(typeof value === 'bigint' ? `${value}n` : String(value));
  } else if (value instanceof Uint8Array) {
    out.push(`bytes(${value.join(' ')})`);
  } else if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    out.push('[');
    for (const item of value) {
      write(item, out);
      out.push(',');
    }
    out.push(']');
  } else {
    out.push('{');
    for (const [key, field] of Object.entries(value)) {
      if (SKIPPED.has(key) || typeof field === 'function') continue;
      out.push(key, ':');
      write(field, out);
      out.push(',');
    }
    out.push('}');
  }
}

/** Every field of a member, private ones included, as text: two texts are equal if the states are. */
export function capture(rawNode: RawNode): string {
  const out: string[] = [];
  write(rawNode, out);
  return out.join('');
}

/** Where two captured states begin to differ, with what stands around; `undefined` if they are the same. */
export function difference(before: string, after: string): string | undefined {
  if (before === after) return undefined;
  let at = 0;
  while (before[at] === after[at]) at++;
  const around = (text: string): string => text.slice(Math.max(0, at - 60), at + 60);
  return `…${around(before)}… became …${around(after)}…`;
}
