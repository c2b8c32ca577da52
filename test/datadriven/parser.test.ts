import { expect } from 'chai';
import { parseDirectiveLine, ScriptAbort, scanArgument } from './directive.js';
import { runScript } from './runner.js';
import { atoi, parseBool, parseInteger, parseUint } from './scan.js';
import { decodeText, encodeText, exceedsScanner, trimSpace } from './text.js';

/** Arguments in one line: `key` or `key=<value><value>`. */
function argumentsOf(line: string): string {
  const { args } = parseDirectiveLine(line);
  return args
    .map(({ key, values }) => key + (values.length > 0 ? `=${values.map((v) => `<${v}>`).join('')}` : ''))
    .join(' ');
}

/** The one directive of a script, as it was read. */
function readOne(text: string): { command: string; args: string; input: string; expected: string } {
  const seen: { command: string; args: string; input: string; expected: string }[] = [];
  const run = runScript('one.txt', text, (directive) => {
    const args = directive.args.map(({ key, values }) => [key, ...values].join(':')).join(' ');
    seen.push({ command: directive.command, args, input: directive.input, expected: directive.expected });
    return '';
  });
  expect(run.aborted).to.equal(undefined);
  expect(seen).to.have.length(1);
  return seen[0] as (typeof seen)[0];
}

describe('datadriven: arguments', () => {
  const cases: [line: string, args: string][] = [
    ['a', ''],
    ['a x', 'x'],
    ['a x y', 'x y'],
    ['a b=c=d', 'b=<c=d>'],
    ['a x=(p(q,r),s) t=(x)b', 'x=<p(q,r)><s> t=<x> b'],
    ['a u=(x)(y)', 'u=<x> (y)'],
    ['a v=() w=(,) z=( a , b)', 'v=<> w=<><> z=< a ><b>'],
    ['a k= l', 'k=<> l'],
    ['a k=', 'k=<>'],
    ['a (x,y)', '(x,y)'],
    ['a x)=y', 'x)=<y>'],
    ['a x=a,b', 'x=<a,b>'],
    ['a x=a(b,c)', 'x=<a(b,c)>'],
    ['a x=1)) y', 'x=<1))> y'],
    ['a x=(1,\tb,  c, \t d)', 'x=<1><\tb><c><\t d>'],
    ['a x\ty=1\tz', 'x\ty=<1\tz>'],
    ['a \t x', 'x'],
  ];
  for (const [line, args] of cases) {
    it(`reads ${JSON.stringify(line)}`, () => {
      expect(argumentsOf(line)).to.equal(args);
    });
  }

  it('separates a command from its arguments at a blank, not at a tab or =', () => {
    expect(parseDirectiveLine('a\tx y').command).to.equal('a\tx');
    expect(parseDirectiveLine('foo=bar baz').command).to.equal('foo=bar');
  });

  it('drops what Go takes for white space before an argument, and nothing else', () => {
    expect(argumentsOf('a \u0085x \u0085 \u2028y \vz\u00a0 \u00a0w=1 \ufeffq')).to.equal('x y z\u00a0 w=<1> \ufeffq');
    expect(argumentsOf('a x=\u00a0z\u00a0 y')).to.equal('x=<\u00a0z\u00a0> y');
    expect(argumentsOf('a x=(\u0085q\u0085,\u2028r)')).to.equal('x=<\u0085q\u0085><\u2028r>');
  });

  const malformed: [line: string, column: number][] = [
    ['a =b', 3],
    ['a x=(1,2', 5],
    ['a x=((1,2)', 5],
    ['a x=(1,2) =', 11],
    ['a x é=(1) y=é éy =b', 21],
  ];
  for (const [line, column] of malformed) {
    it(`complains about column ${column} of ${JSON.stringify(line)}`, () => {
      expect(() => parseDirectiveLine(line)).to.throw(
        ScriptAbort,
        `cannot parse directive at column ${column}: ${line}`,
      );
    });
  }

  it('joins continued lines with a blank and trims them', () => {
    expect(readOne('a \\\n  x=(1,\\\n 2) \\\n y\n----\n')).to.deep.include({ command: 'a', args: 'x:1:2 y' });
    expect(readOne('a  x \\   \n b\\\n----\n')).to.deep.include({ command: 'a', args: 'x b ----' });
    expect(readOne('a \\')).to.deep.include({ command: 'a', args: '\\' });
  });

  it('gives the column of the joined line', () => {
    const { aborted } = runScript('f', 'a \\\n  x=(1,\\\n 2) y=(3 \n----\n', () => '');
    expect(aborted).to.deep.include({ line: 1, reason: 'cannot parse directive at column 15: a  x=(1, 2) y=(3' });
  });

  it('asks for exactly one value where a command needs one', () => {
    const { args } = parseDirectiveLine('c none one=x two=(1,2)');
    const directive = { file: 'f', line: 1, command: 'c', args, input: '', expected: '' };
    expect(scanArgument(directive, 'one', (text) => text)).to.equal('x');
    expect(() => scanArgument(directive, 'other', parseUint)).to.throw(ScriptAbort, 'missing argument: other');
    expect(() => scanArgument(directive, 'none', parseUint)).to.throw('none: got 1 destinations, but 0 values');
    expect(() => scanArgument(directive, 'two', parseUint)).to.throw('two: got 1 destinations, but 2 values');
    expect(() => scanArgument(directive, 'one', parseUint)).to.throw(
      'one: failed to scan argument 0: strconv.ParseUint: parsing "x": invalid syntax',
    );
  });
});

describe('datadriven: input and expected output', () => {
  it('skips comments and blank lines between directives, also behind exotic white space', () => {
    expect(readOne('# one\n\n   \n\u00a0# two\n  # three\na x\n----\n')).to.deep.include({ command: 'a', args: 'x' });
  });

  it('keeps comments and blank lines inside the input and trims its ends', () => {
    expect(readOne('a\n\n\u0085in1\n# in2\n\nin3\u2028\n ----\n\n----\nout\n').input).to.equal(
      'in1\n# in2\n\nin3\u2028\n ----',
    );
  });

  it('ends the expected output at a blank line', () => {
    expect(readOne('a\n----\nx\n  y\n \u00a0\n# comment\n').expected).to.equal('x\n  y\n');
    expect(readOne('a\n----\n\n# comment\n').expected).to.equal('');
    expect(readOne('a\n----').expected).to.equal('');
  });

  it('takes everything without a separator for input', () => {
    expect(readOne('a\nx\n\ny')).to.deep.include({ input: 'x\n\ny', expected: '' });
    expect(readOne('a\n---- \n').input).to.equal('----');
  });

  it('reads blank lines between doubled separators', () => {
    expect(readOne('a\n----\n----\nx\n\n----\ny\n----\n----\n\n# after\n').expected).to.equal('x\n\n----\ny\n');
    expect(readOne('a\n----\n----\n----\n----').expected).to.equal('');
    expect(readOne('a\n----\n----\nx\n\ny').expected).to.equal('x\n\ny\n');
  });

  it('wants an empty line after doubled separators', () => {
    for (const after of ['bad', '  ']) {
      const { aborted } = runScript('f', `a\n----\n----\nx\n----\n----\n${after}\n`, () => '');
      expect(aborted?.reason).to.equal('non-blank line after end of double ---- separator section');
    }
  });

  it('drops one carriage return at the end of a line', () => {
    expect(readOne('a x\r\nin\r\n----\r\nold\r\r\n\r\n')).to.deep.equal({
      command: 'a',
      args: 'x',
      input: 'in',
      expected: 'old\r\n',
    });
  });

  it('stops at a line of 64 KiB, with a word about it', () => {
    const fits = `a ${'x'.repeat(65_533)}`;
    expect(runScript('f', `${fits}\n----\n\nb\n----\n`, () => '')).to.deep.include({
      directives: 2,
      aborted: undefined,
    });
    const run = runScript('f', `a\n----\n\nb\n----\n\n${fits}x\n----\n\nc\n----\n`, () => 'out');
    expect(run.directives).to.equal(2);
    expect(run.produced).to.equal('a\n----\nout\n\nb\n----\nout\n');
    expect(run.aborted?.line).to.equal(7);
    expect(run.aborted?.reason).to.match(/65536 bytes or more/);
  });

  it('counts the bytes of a line, not its characters', () => {
    expect(exceedsScanner('x'.repeat(65_535))).to.equal(false);
    expect(exceedsScanner('x'.repeat(65_536))).to.equal(true);
    expect(exceedsScanner('é'.repeat(32_768))).to.equal(true);
    expect(exceedsScanner('é'.repeat(32_767))).to.equal(false);
  });
});

describe('datadriven: text', () => {
  it('keeps bytes that are not UTF-8', () => {
    const bytes = Uint8Array.from([
      0x61, 0xff, 0xc3, 0xa9, 0xc3, 0x28, 0xe2, 0x82, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0x80, 0xf0,
    ]);
    const text = decodeText(bytes);
    expect([...encodeText(text)]).to.deep.equal([...bytes]);
    expect(text).to.equal('a\udcffé\udcc3(\udce2\udc82€\udced\udca0\udc80\udcf0');
  });

  it('keeps a byte order mark', () => {
    const bytes = Uint8Array.from([0xef, 0xbb, 0xbf, 0x61]);
    expect(decodeText(bytes)).to.equal('\ufeffa');
    expect([...encodeText('\ufeffa')]).to.deep.equal([...bytes]);
  });

  it("trims Go's white space", () => {
    expect(trimSpace('\u0085\u00a0\u2028 \t\v\f\rx\u3000\u1680\u2003')).to.equal('x');
    expect(trimSpace('\ufeffx\u200b')).to.equal('\ufeffx\u200b');
  });
});

describe('datadriven: numbers and truth values', () => {
  it('reads unsigned numbers of 64 bits', () => {
    expect(parseUint('18446744073709551615')).to.equal(2n ** 64n - 1n);
    expect(parseUint('007')).to.equal(7n);
    for (const text of ['', 'x', '-1', '+1', '1_0', '0x1', ' 1', '1.0']) {
      expect(() => parseUint(text), text).to.throw(`strconv.ParseUint: parsing "${text}": invalid syntax`);
    }
    expect(() => parseUint('18446744073709551616')).to.throw('parsing "18446744073709551616": value out of range');
  });

  it('reads signed numbers of 64 bits, under two names', () => {
    expect(atoi('+12')).to.equal(12);
    expect(parseInteger('-3')).to.equal(-3);
    expect(() => atoi('1.0')).to.throw('strconv.Atoi: parsing "1.0": invalid syntax');
    expect(() => parseInteger('9223372036854775808')).to.throw(
      'strconv.ParseInt: parsing "9223372036854775808": value out of range',
    );
    expect(parseInteger('-9223372036854775808')).to.equal(-(2 ** 63));
  });

  it('reads truth values as Go spells them', () => {
    for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True']) {
      expect(parseBool(text), text).to.equal(true);
    }
    for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False']) {
      expect(parseBool(text), text).to.equal(false);
    }
    for (const text of ['', 'yes', 'tRUE', 'maybe']) {
      expect(() => parseBool(text), text).to.throw(`strconv.ParseBool: parsing "${text}": invalid syntax`);
    }
  });

  it('quotes what it could not read as Go does', () => {
    expect(() => parseUint('2\nl3')).to.throw('parsing "2\\nl3": invalid syntax');
    expect(() => parseUint('\udcff')).to.throw('parsing "\\xff": invalid syntax');
  });
});
