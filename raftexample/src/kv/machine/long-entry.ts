import { LongPut, LongText } from './long-text.js';
import { isPlain } from './plain-item.js';

const QUOTE = 0x22;
const start = Buffer.from('{"op":"put","key":"');
const middle = Buffer.from('","value":"');
/** What follows the value. A number of 15 digits is one that JavaScript holds exactly. */
const rest = /^"(?:,"ifIndex":(0|[1-9]\d{0,14}))?(?:,"id":"([\w-]*)")?\}$/u;
const LONGEST_REST = 100;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Finds a write of a long value in an entry, if it stands there as members write it, of ours and in Go, and JSON
 * escapes nothing in the value: its bytes are then the value, and need not be decoded and parsed, which would find the
 * same.
 * Undefined says nothing: `JSON.parse` decides.
 */
export function longPutIn(data: Uint8Array): { readonly command: LongPut; readonly id: string } | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  if (!isAt(start, bytes, 0)) return undefined;
  const keyEnd = bytes.indexOf(QUOTE, start.length);
  if (keyEnd < 0 || !isAt(middle, bytes, keyEnd)) return undefined;
  const begin = keyEnd + middle.length;
  const end = bytes.indexOf(QUOTE, begin);
  if (end < 0 || bytes.length - end > LONGEST_REST) return undefined;
  const [all, ifIndex, id = ''] = rest.exec(bytes.toString('latin1', end)) ?? [];
  const value = bytes.subarray(begin, end);
  if (all === undefined || !isPlain(value)) return undefined;
  const key = keyIn(bytes.subarray(start.length - 1, keyEnd + 1));
  if (key === undefined) return undefined;
  const condition = ifIndex === undefined ? undefined : Number(ifIndex);
  return { command: new LongPut(key, LongText.of(value), condition), id };
}

function isAt(wanted: Buffer, bytes: Buffer, at: number): boolean {
  return bytes.length >= at + wanted.length && bytes.compare(wanted, 0, wanted.length, at, at + wanted.length) === 0;
}

/** A text between quotes; a backslash before the last one makes it none, or another one. */
function keyIn(json: Buffer): string | undefined {
  try {
    return JSON.parse(decoder.decode(json)) as string;
  } catch {
    return undefined;
  }
}
