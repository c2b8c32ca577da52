import { expect } from 'chai';
import fc from 'fast-check';
import { describeDifference, diffLines } from './diff.js';
import { type Handler, listDirectives, runScript } from './runner.js';

/** Prints the input, or what a few names stand for. */
const echo: Handler = ({ command, input }) => (command === 'print' ? input.replaceAll('|', '\n') : 'ok');

function rewrite(text: string): string {
  const run = runScript('f', text, echo);
  expect(run.aborted).to.equal(undefined);
  return run.produced;
}

describe('datadriven: rewriting', () => {
  it('keeps comments, blank lines, commands and inputs, and replaces outputs', () => {
    const script =
      '# c1\n\n  # c2\n\n\nfoo a=b\n----\nold\nold\n\n\n\n# c\nfoo x=(1, 2,3 ) y\nin1\n# in2\n\nin3\n----\n----\nexp\n\nmore\n----\n----\n\n\nbar \\\n   baz \\\n  q=1\n----\n\nnext\n----\n';
    expect(rewrite(script)).to.equal(
      '# c1\n\n  # c2\n\n\nfoo a=b\n----\nok\n\n\n\n# c\nfoo x=(1, 2,3 ) y\nin1\n# in2\n\nin3\n----\nok\n\n\nbar \\\n   baz \\\n  q=1\n----\nok\n\nnext\n----\nok\n',
    );
  });

  it('doubles the separators around an output with a blank line', () => {
    expect(rewrite('print\na||b\n----\n')).to.equal('print\na||b\n----\n----\na\n\nb\n----\n----\n');
    expect(rewrite('print\na| \t|b\n----\n\nfoo\n----\n')).to.equal(
      'print\na| \t|b\n----\n----\na\n \t\nb\n----\n----\n\nfoo\n----\nok\n',
    );
    expect(rewrite('print\na|\u00a0|\v|\r|b\n----\n')).to.equal(
      'print\na|\u00a0|\v|\r|b\n----\na\n\u00a0\n\v\n\r\nb\n',
    );
  });

  it('adds a missing separator, final newline and output', () => {
    expect(rewrite('print\na|b')).to.equal('print\na|b\n----\na\nb\n');
    expect(rewrite('foo')).to.equal('foo\n----\nok\n');
  });

  it('writes an empty output as nothing', () => {
    expect(rewrite('print\n----\nold\n\nfoo\n----\n')).to.equal('print\n----\n\nfoo\n----\nok\n');
  });

  it('leaves out one blank line at the end', () => {
    expect(rewrite('foo\n----\nx\n\n# trailing\n\n\n\n')).to.equal('foo\n----\nok\n\n# trailing\n\n\n');
    expect(rewrite('\n\n')).to.equal('\n\n');
    expect(rewrite('\n\n\n')).to.equal('\n\n');
    expect(rewrite('')).to.equal('');
  });

  it('drops carriage returns', () => {
    expect(rewrite('foo\r\nIN\r\n----\r\nold\r\n\r\n# c\r\nfoo\r\n----\r\nz')).to.equal(
      'foo\nIN\n----\nok\n\n# c\nfoo\n----\nok\n',
    );
  });

  it('gives a script that it accepts and does not change again', () => {
    const word = fc.stringMatching(/^[a-z(),=:"\\#-]{0,6}$/);
    const output = fc
      .array(fc.oneof({ weight: 5, arbitrary: word }, fc.constantFrom('', ' ', '\t')), { maxLength: 5 })
      // Lines that are themselves separators can be printed but not read back, in Go too.
      .filter((lines) => lines.every((line) => line !== '----') && lines.join('') === lines.join('').trim());
    const noise = fc.array(fc.constantFrom('', '# a comment', '  # another', '   '), { maxLength: 3 });
    const block = fc.record({ noise, output });
    fc.assert(
      fc.property(fc.array(block, { maxLength: 6 }), (blocks) => {
        const script = blocks.map(({ noise: lines }) => [...lines, 'foo', '----', '', ''].join('\n')).join('');
        let next = 0;
        const handle: Handler = () => blocks[next++]?.output.join('\n') ?? '';
        const first = runScript('f', script, handle);
        next = 0;
        const second = runScript('f', first.produced, handle);
        expect(second.aborted).to.equal(undefined);
        expect(second.directives).to.equal(blocks.length);
        expect(second.differences).to.deep.equal([]);
        expect(second.produced).to.equal(first.produced);
      }),
    );
  });
});

describe('datadriven: running', () => {
  it('compares outputs and goes on after a difference', () => {
    const run = runScript('f', 'foo\n----\nok\n\nfoo\n----\nko\n\nfoo\n----\nok\nmore\n', echo);
    expect(run.directives).to.equal(3);
    expect(run.differences.map(({ directive }) => directive.line)).to.deep.equal([5, 9]);
  });

  it('ends where the handler throws, and keeps what was done before', () => {
    let calls = 0;
    const run = runScript('f', '# c\nfoo\n----\n\n# d\nfoo x\n----\nold\n\nfoo\n----\n', () => {
      if (calls++ === 1) {
        throw new Error('boom');
      }
      return 'out';
    });
    expect(run.directives).to.equal(1);
    expect(run.aborted).to.deep.include({ line: 6, reason: 'boom' });
    expect(run.produced).to.equal('# c\nfoo\n----\nout\n\n# d\nfoo x\n----\n');
  });

  it('keeps subtests and checks their names', () => {
    const nested =
      'subtest a\n\nfoo\n----\nok\n\nsubtest a/b\nfoo\n----\nok\n\nsubtest end a/b\n\nsubtest end\n\nfoo\n----\nok\n';
    expect(runScript('f', nested, echo)).to.deep.include({ produced: nested, directives: 3, aborted: undefined });
    const reasons: [script: string, line: number, reason: string][] = [
      ['subtest a\nfoo\n----\nok\n', 2, 'EOF encountered without subtest end directive of "a"'],
      ['subtest end\n', 1, 'subtest end without corresponding start'],
      ['subtest\n', 1, 'invalid syntax for subtest'],
      ['subtest a b\n', 1, 'invalid syntax for subtest'],
      ['subtest end a\n', 1, 'invalid syntax for subtest'],
      ['subtest a\nsubtest end a b\n', 2, 'invalid syntax for subtest end'],
      ['subtest a\nsubtest b\n', 2, 'name of nested subtest must begin with "a/"'],
      ['subtest a\nsubtest end b\n', 2, 'mismatched subtest end directive: expected "b", got "a"'],
    ];
    for (const [script, line, reason] of reasons) {
      expect(runScript('f', script, echo).aborted, script).to.deep.include({ line, reason });
    }
  });

  it('lists directives without running them, up to a malformed one', () => {
    const commands = [...listDirectives('f', 'a\n----\n\nsubtest s\nb x\n----\n\nc =\n----\n\nd\n----\n')].map(
      (d) => d.command,
    );
    expect(commands).to.deep.equal(['a', 'b']);
  });
});

describe('datadriven: differences for people', () => {
  it('marks lines', () => {
    expect(diffLines(['a', 'b', 'c', 'd'], ['a', 'c', 'x', 'd'])).to.deep.equal([' a', '-b', ' c', '+x', ' d']);
    expect(diffLines([], ['x'])).to.deep.equal(['+x']);
    expect(diffLines(['x'], [])).to.deep.equal(['-x']);
  });

  it('shows huge differences as two blocks', () => {
    const a = Array.from({ length: 3000 }, (_, i) => `a${i}`);
    const b = Array.from({ length: 3000 }, (_, i) => `b${i}`);
    expect(diffLines(a, b)).to.have.length(6000);
  });

  it('names the place and leaves out what agrees', () => {
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    const script = `# c\nfoo 1 x=2\n----\n${lines.join('\n')}\n`;
    const { differences } = runScript('s.txt', script, () => lines.with(10, 'other').join('\n'));
    expect(differences.map(describeDifference)).to.deep.equal([
      [
        's.txt:2: foo 1 x=2 (- expected, + got)',
        '      …',
        '     line 7',
        '     line 8',
        '     line 9',
        '    -line 10',
        '    +other',
        '     line 11',
        '     line 12',
        '     line 13',
        '      …',
      ].join('\n'),
    ]);
  });
});
