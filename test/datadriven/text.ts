/**
 * Text of script files. Go treats it as bytes that are usually UTF-8; here a byte that is not part of valid UTF-8
 * becomes the lone surrogate U+DC00 + byte, which valid text cannot contain, so that every file survives a round trip.
 */

const ESCAPE = 0xdc00;
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function tryDecode(bytes: Uint8Array): string | undefined {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** How many bytes the character that begins with this byte claims to have. */
function claimedLength(lead: number): number {
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/** Bytes as text; the inverse of `encodeText`. */
export function decodeText(bytes: Uint8Array): string {
  const whole = tryDecode(bytes);
  if (whole !== undefined) {
    return whole;
  }
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] as number;
    if (lead < 0x80) {
      text += String.fromCharCode(lead);
      at++;
      continue;
    }
    const length = claimedLength(lead);
    const character = at + length <= bytes.length ? tryDecode(bytes.subarray(at, at + length)) : undefined;
    if (character !== undefined) {
      text += character;
      at += length;
    } else {
      text += String.fromCharCode(ESCAPE + lead);
      at++;
    }
  }
  return text;
}

/** Text as the bytes that it was read from. */
export function encodeText(text: string): Uint8Array {
  if (!/\p{Surrogate}/u.test(text)) {
    return new TextEncoder().encode(text);
  }
  const parts: number[] = [];
  const encoder = new TextEncoder();
  for (const character of text) {
    const unit = character.charCodeAt(0);
    if (character.length === 1 && unit >= ESCAPE + 0x80 && unit <= ESCAPE + 0xff) {
      parts.push(unit - ESCAPE);
    } else {
      parts.push(...encoder.encode(character));
    }
  }
  return Uint8Array.from(parts);
}

/** How many bytes this text takes in its file. */
export function byteLength(text: string): number {
  return encodeText(text).length;
}

/**
 * Unicode's White_Space as Go knows it: with U+0085, without U+FEFF, where JavaScript's `trim` has it the other way.
 */
const space = '\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const leadingSpace = new RegExp(`^[${space}]+`);
const trailingSpace = new RegExp(`[${space}]+$`);

/** Go's `strings.TrimSpace`. */
export function trimSpace(text: string): string {
  return text.replace(leadingSpace, '').replace(trailingSpace, '');
}

/** Lines that Go's line scanner cannot take: it gives up, silently, at a line of this many bytes or more. */
export const SCANNER_LIMIT = 64 * 1024;

/** Does Go's line scanner give up at this line (before its carriage return is dropped)? */
export function exceedsScanner(line: string): boolean {
  return line.length * 3 >= SCANNER_LIMIT && byteLength(line) >= SCANNER_LIMIT;
}

/** The line without one carriage return at its end. */
export function dropCarriageReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** Text cut into lines as Go's scanner does it: at `\n` only, and a last line exists only if it is not empty. */
export function splitLines(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') {
    lines.pop();
  }
  return lines;
}
