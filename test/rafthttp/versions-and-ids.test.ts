import { isCompatible, parseId, supportsStreams } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';

describe('versions', () => {
  it('only major and minor count, and what cannot be read is not compatible', () => {
    const compatible: [string | undefined, string | undefined][] = [
      ['3.7.1', '3.0.0'],
      ['3.0.0', undefined],
      ['9.9.9', '3.7.99'],
      ['3.0.0-alpha.1+build.5', '3.0.0'],
    ];
    const not: [string | undefined, string | undefined][] = [
      [undefined, undefined],
      ['2.99.99', '3.0.0'],
      ['3.8.0', '3.8.0'],
      ['v3.7.1', '3.0.0'],
      ['3.7', '3.0.0'],
      ['03.7.1', '3.0.0'],
      ['3.7.1', 'abc'],
      ['3.7.1, 3.7.1', '3.0.0'],
      ['', '3.0.0'],
      ['9999999999.0.0', '3.0.0'],
    ];
    for (const [server, min] of compatible) expect(isCompatible(server, min), `${server} ${min}`).to.equal(true);
    for (const [server, min] of not) expect(isCompatible(server, min), `${server} ${min}`).to.equal(false);
  });

  it('streams came with 2.1', () => {
    expect(['2.1.0', '3.8.0', '9.0.0'].map(supportsStreams)).to.deep.equal([true, true, true]);
    expect([undefined, '2.0.9', 'abc'].map(supportsStreams)).to.deep.equal([false, false, false]);
  });
});

describe('ids in headers and paths', () => {
  it('are base 16, in either case, of 64 bits', () => {
    expect(parseId('dead')).to.equal(0xdeadn);
    expect(parseId('00DEAD')).to.equal(0xdeadn);
    expect(parseId('ffffffffffffffff')).to.equal(2n ** 64n - 1n);
    for (const text of [undefined, '', '0x1', '-1', '+1', 'g', ' 1', '10000000000000000', '1_0'])
      expect(parseId(text), String(text)).to.equal(undefined);
  });
});
