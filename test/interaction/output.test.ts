import { expect } from 'chai';
import { OutputBuffer } from './output.js';

describe('interaction: the output buffer', () => {
  it('indents each line of a block and ends the last one', () => {
    const output = new OutputBuffer();
    output.write('before\n');
    output.indented(() => output.write('a\n\nb\r\nc'));
    output.write('after\n');
    expect(output.text).to.equal('before\n  a\n  \n  b\n  c\nafter\n');
  });

  it('indents what was printed before a block threw', () => {
    const output = new OutputBuffer();
    expect(() =>
      output.indented(() => {
        output.write('a\n');
        throw new Error('boom');
      }),
    ).to.throw('boom');
    expect(output.text).to.equal('  a\n');
  });

  it('ends a block at a line of 64 KiB', () => {
    const output = new OutputBuffer();
    output.indented(() => output.write(`a\n${'x'.repeat(65_536)}\nb\n`));
    expect(output.text).to.equal('  a\n');
  });

  it('prints log lines from its level on', () => {
    const output = new OutputBuffer();
    const say = (level: string): string => {
      output.clear();
      output.setLevel(level);
      output.debug('d');
      output.info('i');
      output.warn('w');
      output.error('e');
      output.write('own\n');
      return output.text;
    };
    expect(say('Debug')).to.equal('DEBUG d\nINFO i\nWARN w\nERROR e\nown\n');
    expect(say('INFO')).to.equal('INFO i\nWARN w\nERROR e\nown\n');
    expect(say('warn')).to.equal('WARN w\nERROR e\nown\n');
    expect(say('error')).to.equal('ERROR e\nown\n');
    expect(say('fatal')).to.equal('own\n');
    expect(say('none')).to.equal('');
    expect(output.debugEnabled).to.equal(false);
    output.setLevel('debug');
    expect(output.debugEnabled).to.equal(true);
  });
});
