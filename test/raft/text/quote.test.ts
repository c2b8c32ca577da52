import { quoteBytes } from '@raft-ts/raft';
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
