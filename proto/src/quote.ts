/**
 * Makes bytes and strings that a stranger may have chosen fit for logs and terminals: without control characters, which
 * move the cursor, or bidirectional ones, which reorder a line, and no longer than a reader can use.
 */

/** Most bytes or characters of one foreign value that belong in a log line. */
export const SHOWN_LENGTH = 256;

/**
 * Everything that Go's `%q` escapes except quotes and backslashes: control, format and unassigned characters,
 * separators.
 */
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;
const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;
const escapes = new Map<number, string>([
  [0x07, '\\a'],
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0b, '\\v'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
]);

/** Length in bytes of the well-formed UTF-8 sequence at `at`; 0 if there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number;
  if (lead < 0x80) return 1;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || at + length > bytes.length) return 0;
  for (let i = 1; i < length; i++) {
    if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1] as number;
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if ((lead === 0xe0 && second < 0xa0) || (lead === 0xed && second > 0x9f)) return 0;
  if ((lead === 0xf0 && second < 0x90) || (lead === 0xf4 && second > 0x8f)) return 0;
  return length;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Formats bytes as a double-quoted Go string literal (the `%q` of etcd's texts): printable UTF-8 as it is, the rest
 * escaped. Beyond `limit` bytes, only whole characters up to the limit are shown, followed by the number of bytes left
 * out: `"hel" and 2 more bytes`.
 */
export function quoteBytes(bytes: Uint8Array | undefined, limit: number = Number.POSITIVE_INFINITY): string {
  if (bytes === undefined) return '""';
  let text = '"';
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    const next = at + Math.max(length, 1);
    if (next > limit) break;
    if (length === 0) text += `\\x${hex(bytes[at] as number, 2)}`;
    else text += quoteChar(decoder.decode(bytes.subarray(at, next)));
    at = next;
  }
  return `${text}"${at < bytes.length ? ` and ${count(bytes.length - at)} more bytes` : ''}`;
}

/**
 * Formats a string as `quoteBytes` does its UTF-8. Only the first `limit` characters are shown, followed by the number
 * of those left out.
 */
export function quoteText(text: string, limit: number = Number.POSITIVE_INFINITY): string {
  const shown = text.slice(0, limit);
  const more = text.length - shown.length;
  return `${quoteBytes(encoder.encode(shown))}${more === 0 ? '' : ` and ${count(more)} more characters`}`;
}

/**
 * Makes a line fit for a terminal: what does not print is escaped as in `quoteBytes`, but nothing is quoted. Only the
 * first `limit` characters are shown, followed by the number of those left out.
 */
export function printableLine(text: string, limit: number = Number.POSITIVE_INFINITY): string {
  const shown = text.slice(0, limit);
  const more = text.length - shown.length;
  return `${shown.replace(unprintable, quoteChar)}${more === 0 ? '' : `… and ${count(more)} more characters`}`;
}

function quoteChar(char: string): string {
  const code = char.codePointAt(0) as number;
  const escape = escapes.get(code);
  if (escape !== undefined) return escape;
  if (printable.test(char)) return char;
  if (code < 0x80) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
