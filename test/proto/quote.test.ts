import { printableLine, quoteBytes, quoteText, SHOWN_LENGTH } from '@raft-ts/proto';
import { expect } from 'chai';
import fc from 'fast-check';

const utf8 = new TextEncoder();

/** Reads a Go string literal back into its bytes. */
function unquoted(literal: string): number[] {
  expect(literal.startsWith('"') && literal.endsWith('"') && literal.length >= 2).to.equal(true);
  const short: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };
  const bytes: number[] = [];
  const token = /\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)|([^\\"])/gsuy;
  const inner = literal.slice(1, -1);
  while (token.lastIndex < inner.length) {
    const match = token.exec(inner);
    if (match === null) return expect.fail(`not a literal: ${literal}`);
    const [, byte, four, eight, escaped, plain] = match;
    if (byte !== undefined) bytes.push(Number.parseInt(byte, 16));
    else if (escaped !== undefined) bytes.push(short[escaped] ?? expect.fail(`no escape: ${escaped}`));
    else bytes.push(...utf8.encode(plain ?? String.fromCodePoint(Number.parseInt((four ?? eight) as string, 16))));
  }
  return bytes;
}

describe('quoting bytes as Go does', () => {
  // What fmt.Sprintf("%q", bytes) of Go 1.26 gives.
  const known: [bytes: string, literal: string][] = [
    ['', '""'],
    ['68656c6c6f00776f726c64', '"hello\\x00world"'],
    ['0708090a0b0c0d225c2760', '"\\a\\b\\t\\n\\v\\f\\r\\"\\\\\'`"'],
    ['1b7f1f', '"\\x1b\\x7f\\x1f"'],
    ['c3a9e697a5e69cacf09f9982', '"é日本🙂"'],
    ['e282ac', '"€"'],
    ['c2a9', '"©"'],
    ['efbfbd', '"\ufffd"'],
    ['ed9fbf', '"\\ud7ff"'],
    ['f48fbfbf', '"\\U0010ffff"'],
    ['c2a0c2adefbbbfe2808be280a8e38080', '"\\u00a0\\u00ad\\ufeff\\u200b\\u2028\\u3000"'],
    ['c280c29fcc81', '"\\u0080\\u009f\u0301"'],
    ['ee8080efbfbff3a08081f48fbfbff3b08080', '"\\ue000\\uffff\\U000e0001\\U0010ffff\\U000f0000"'],
    // Not UTF-8: alone, cut short, interrupted, overlong, surrogates, beyond U+10FFFF.
    ['80ffc328', '"\\x80\\xff\\xc3("'],
    ['c2', '"\\xc2"'],
    ['e282', '"\\xe2\\x82"'],
    ['f09f99', '"\\xf0\\x9f\\x99"'],
    ['c3a9c3', '"é\\xc3"'],
    ['e228a1', '"\\xe2(\\xa1"'],
    ['f0288cbc', '"\\xf0(\\x8c\\xbc"'],
    ['f09f998280', '"🙂\\x80"'],
    ['c080', '"\\xc0\\x80"'],
    ['c1bf', '"\\xc1\\xbf"'],
    ['e08080', '"\\xe0\\x80\\x80"'],
    ['e09fbf', '"\\xe0\\x9f\\xbf"'],
    ['f0808080', '"\\xf0\\x80\\x80\\x80"'],
    ['f08fbfbf', '"\\xf0\\x8f\\xbf\\xbf"'],
    ['eda080', '"\\xed\\xa0\\x80"'],
    ['edbfbf', '"\\xed\\xbf\\xbf"'],
    ['f4908080', '"\\xf4\\x90\\x80\\x80"'],
    ['f5808080', '"\\xf5\\x80\\x80\\x80"'],
    ['feff', '"\\xfe\\xff"'],
  ];
  for (const [bytes, literal] of known) {
    it(`${bytes} is ${literal}`, () => {
      expect(quoteBytes(Uint8Array.from(Buffer.from(bytes, 'hex')))).to.equal(literal);
    });
  }

  it('an absent byte string is an empty one', () => {
    expect(quoteBytes(undefined)).to.equal('""');
  });

  it('escapes every ASCII character that does not print, and no other', () => {
    for (let code = 0; code < 0x80; code++) {
      const char = String.fromCharCode(code);
      const plain = code >= 0x20 && code < 0x7f && char !== '"' && char !== '\\';
      const literal = quoteBytes(Uint8Array.of(code));
      if (plain) expect(literal).to.equal(`"${char}"`);
      else expect(literal).to.match(/^"\\(?:x[0-9a-f]{2}|[abtnvfr"\\])"$/);
      expect(unquoted(literal)).to.deep.equal([code]);
    }
  });

  it('loses nothing', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: 'binary', maxLength: 20 }).map((text) => utf8.encode(text)),
      fc
        .tuple(fc.string({ unit: 'binary', maxLength: 10 }), fc.nat(40))
        .map(([text, cut]) => utf8.encode(text).subarray(0, cut)),
    );
    fc.assert(
      fc.property(bytes, (data) => {
        const literal = quoteBytes(data);
        expect(unquoted(literal)).to.deep.equal([...data]);
        expect(literal).to.match(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u);
      }),
      { numRuns: 1000 },
    );
  });
});

/** What moves a terminal's cursor, or shows a line in another order. */
const dangerous = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i),
  ...[0x061c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e],
  ...[0x2066, 0x2067, 0x2068, 0x2069, 0xfeff, 0xd800, 0xdfff, 0xe0001],
];

describe('foreign bytes and strings in a log', () => {
  it('are cut after whole characters, and say how many bytes are missing', () => {
    expect(quoteBytes(utf8.encode('hello'), 5)).to.equal('"hello"');
    expect(quoteBytes(utf8.encode('hello'), 3)).to.equal('"hel" and 2 more bytes');
    expect(quoteBytes(utf8.encode('é日本'), 4)).to.equal('"é" and 6 more bytes');
    expect(quoteBytes(Uint8Array.of(0xff, 0xff, 0xff), 1)).to.equal('"\\xff" and 2 more bytes');
    expect(quoteText('hello', 3)).to.equal('"hel" and 2 more characters');
    expect(printableLine('hello', 3)).to.equal('hel… and 2 more characters');
  });

  it('cost no more than what is shown of them', () => {
    const bytes = new Uint8Array(20_971_520);
    expect(quoteBytes(bytes, SHOWN_LENGTH)).to.equal(`"${'\\x00'.repeat(256)}" and 20,971,264 more bytes`);
    expect(quoteText('\u0007'.repeat(1 << 20), 2)).to.equal('"\\a\\a" and 1,048,574 more characters');
    expect(printableLine('\u0007'.repeat(1 << 20), 2)).to.equal('\\a\\a… and 1,048,574 more characters');
  });

  it('hold no control, C1 or bidirectional character, however they came in', () => {
    for (const code of dangerous) {
      const char = String.fromCodePoint(code);
      for (const text of [quoteBytes(utf8.encode(char)), quoteText(`a${char}`), printableLine(`a${char}b`)]) {
        expect(text, `U+${code.toString(16)}`).to.match(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u);
      }
    }
    const texts = fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) });
    fc.assert(
      fc.property(texts, fc.nat(20), (text, limit) => {
        expect(printableLine(text, limit)).to.match(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u);
        expect(quoteText(text, limit)).to.match(/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u);
      }),
    );
  });

  it('leave a line alone that prints', () => {
    const line = '[1] committed index=4 text="\\x00 日本 🙂"';
    expect(printableLine(line, line.length)).to.equal(line);
  });
});
