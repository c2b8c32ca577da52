const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
/** Characters below this are escaped in JSON. */
const SPACE = 0x20;
const ZERO = 0x30;

/** Every number of so many digits is one that JavaScript holds exactly. */
const MOST_DIGITS = 15;
/** Shorter texts are looked at byte by byte: what is prepared for longer ones would take as long. */
const SHORT = 256;
const SPACES = 0x20202020;
const HIGH_BITS = 0x80808080;

/** A value that is known without a parser. */
export interface PlainItem {
  /** Of the bytes of its text: the first, and the one after the last. */
  readonly begin: number;
  readonly end: number;
  readonly index: number;
}

/**
 * Finds what these pieces make together, if that is `["TEXT",INDEX]`, without spaces, of a text in ASCII in which JSON
 * escapes nothing. To decode and parse it would be five times the work, and would find the same. Undefined says
 * nothing: somebody else may have written it in another way.
 */
export function plainItem(pieces: readonly Uint8Array[]): PlainItem | undefined {
  const [first] = pieces;
  const last = pieces.at(-1);
  if (first === undefined || last === undefined) return undefined;
  if (first[0] !== OPEN_BRACKET || first[1] !== QUOTE) return undefined;
  const quote = last.lastIndexOf(QUOTE);
  // Without the second one there is the quote that opens the text, or none in this piece.
  if (quote < (first === last ? 2 : 0)) return undefined;
  const index = indexIn(last, quote + 1);
  if (index === undefined) return undefined;
  let length = 0;
  for (const piece of pieces) {
    if (!isPlain(piece.subarray(piece === first ? 2 : 0, piece === last ? quote : undefined))) return undefined;
    length += piece.length;
  }
  return { begin: 2, end: length - (last.length - quote), index };
}

/** The number in `,INDEX]`, if that stands from there to the end. */
function indexIn(bytes: Uint8Array, from: number): number | undefined {
  const end = bytes.length - 1;
  const digits = end - from - 1;
  if (bytes[from] !== COMMA || bytes[end] !== CLOSE_BRACKET || digits < 1 || digits > MOST_DIGITS) return undefined;
  let index = 0;
  for (let at = from + 1; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    index = index * 10 + digit;
  }
  return bytes[from + 1] === ZERO ? undefined : index;
}

/** Are these bytes ASCII that stands in a text of JSON as it is? */
export function isPlain(bytes: Uint8Array): boolean {
  const { buffer, byteOffset, length } = bytes;
  if (length < SHORT) return areChars(bytes, 0, length);
  const text = Buffer.from(buffer, byteOffset, length);
  if (text.indexOf(QUOTE) >= 0 || text.indexOf(BACKSLASH) >= 0) return false;
  const aligned = -byteOffset & 3;
  const words = new Int32Array(buffer, byteOffset + aligned, (length - aligned) >> 2);
  if (!areChars(bytes, 0, aligned) || !areChars(bytes, aligned + 4 * words.length, length)) return false;
  let bits = 0;
  // Four bytes at a time: with a space taken from each, one below it has its high bit set, as one beyond ASCII had it.
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    bits |= word | (word - SPACES);
  }
  return (bits & HIGH_BITS) === 0;
}

function areChars(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte < SPACE || byte >= 0x80 || byte === QUOTE || byte === BACKSLASH) return false;
  }
  return true;
}
