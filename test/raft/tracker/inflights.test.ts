import { Inflights } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { expectPanic } from '../log/fixtures.js';

function addRange(inflights: Inflights, from: number, to: number): void {
  for (let i = from; i < to; i++) inflights.add(i, 100 + i);
}

function indexes(inflights: Inflights): number[] {
  return [...inflights].map(({ index }) => index);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe('TI-001 TestInflightsAdd: messages queue up in order, wherever the queue begins', () => {
  it('from an empty window', () => {
    const inflights = new Inflights(10);
    addRange(inflights, 0, 5);
    expect([inflights.count, inflights.totalBytes]).to.deep.equal([5, 510]);
    expect(indexes(inflights)).to.deep.equal(range(0, 5));
    addRange(inflights, 5, 10);
    expect([inflights.count, inflights.totalBytes]).to.deep.equal([10, 1045]);
    expect([...inflights]).to.deep.equal(range(0, 10).map((i) => ({ index: i, bytes: 100 + i })));
  });

  it('from a window whose front has moved', () => {
    const inflights = new Inflights(10);
    for (let i = 0; i < 5; i++) inflights.add(i, 0);
    inflights.freeLE(4);
    addRange(inflights, 0, 5);
    expect([inflights.count, inflights.totalBytes]).to.deep.equal([5, 510]);
    expect(indexes(inflights)).to.deep.equal(range(0, 5));
    addRange(inflights, 5, 10);
    expect([inflights.count, inflights.totalBytes]).to.deep.equal([10, 1045]);
    expect(indexes(inflights)).to.deep.equal(range(0, 10));
  });
});

describe('TI-002 TestInflightFreeTo: an acknowledgement frees its message and all before it', () => {
  it('frees from the front, and what is freed makes room', () => {
    const inflights = new Inflights(10);
    addRange(inflights, 0, 10);
    const expectLeft = (left: number[], bytes: number) => {
      expect(indexes(inflights)).to.deep.equal(left);
      expect([inflights.count, inflights.totalBytes]).to.deep.equal([left.length, bytes]);
    };
    inflights.freeLE(0);
    expectLeft(range(1, 10), 945);
    inflights.freeLE(4);
    expectLeft(range(5, 10), 535);
    inflights.freeLE(8);
    expectLeft([9], 109);
    inflights.freeLE(8);
    expectLeft([9], 109);
    addRange(inflights, 10, 15);
    inflights.freeLE(12);
    expectLeft([13, 14], 227);
    inflights.freeLE(14);
    expectLeft([], 0);
    inflights.freeLE(20);
    expectLeft([], 0);
  });
});

describe('TI-003 TestInflightsFull: the window is full by number or by bytes, the last message going over', () => {
  const rows: [name: string, size: number, maxBytes: number, fullAt: number, freeLE: number, againAt: number][] = [
    ['always-full', 0, 0, 0, 0, 0],
    ['single-entry', 1, 0, 1, 1, 2],
    ['single-entry-overflow', 1, 10, 1, 1, 2],
    ['multi-entry', 15, 0, 15, 6, 22],
    ['slight-overflow', 8, 400, 4, 2, 7],
    ['exact-max-bytes', 8, 406, 4, 3, 8],
    ['larger-overflow', 15, 408, 5, 1, 6],
  ];
  for (const [name, size, maxBytes, fullAt, freeLE, againAt] of rows) {
    it(name, () => {
      const inflights = new Inflights(size, maxBytes);
      const fill = (from: number, to: number) => {
        for (let i = from; i < to; i++) {
          expect(inflights.full(), `before ${i}`).to.equal(false);
          inflights.add(i, 100 + i);
        }
        expect(inflights.full(), `at ${to}`).to.equal(true);
      };
      fill(0, fullAt);
      inflights.freeLE(freeLE);
      fill(fullAt, againAt);
      const { count } = inflights;
      expectPanic(() => inflights.add(100, 1024), 'cannot add into a Full inflights');
      expect(inflights.count).to.equal(count);
    });
  }
});

describe('TI-004 TestInflightsReset: a reset forgets the bytes too', () => {
  it('in every one of a hundred epochs', () => {
    const inflights = new Inflights(10, 1000);
    let index = 0;
    for (let epoch = 0; epoch < 100; epoch++) {
      inflights.reset();
      for (let i = 0; i < 5; i++) {
        expect(inflights.full()).to.equal(false);
        inflights.add(++index, 16);
      }
      inflights.freeLE(index - 2);
      expect(inflights.full()).to.equal(false);
      expect([inflights.count, inflights.totalBytes]).to.deep.equal([2, 32]);
    }
    inflights.freeLE(index);
    expect([inflights.count, inflights.totalBytes]).to.deep.equal([0, 0]);
  });
});

describe('inflights against a list', () => {
  it('agree after every operation, and so do copies', () => {
    const step = fc.tuple(fc.constantFrom('add', 'add', 'add', 'free', 'reset', 'clone'), fc.nat(40));
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 3, 5, 20, Number.POSITIVE_INFINITY),
        fc.constantFrom(0, 1, 60, 200, Number.POSITIVE_INFINITY),
        fc.array(step, { maxLength: 80, size: 'max' }),
        (size, maxBytes, steps) => {
          let inflights = new Inflights(size, maxBytes);
          let list: { index: number; bytes: number }[] = [];
          const left: { inflights: Inflights; list: { index: number; bytes: number }[] }[] = [];
          let index = 0;
          const sum = () => list.reduce((bytes, message) => bytes + message.bytes, 0);
          const full = () => list.length === size || (maxBytes !== 0 && sum() >= maxBytes);
          for (const [operation, n] of steps) {
            switch (operation) {
              case 'add':
                index += 1 + (n % 3);
                if (full()) {
                  expectPanic(() => inflights.add(index, n), 'cannot add into a Full inflights');
                } else {
                  inflights.add(index, n);
                  list.push({ index, bytes: n });
                }
                break;
              case 'free': {
                const to = index - n + 3;
                inflights.freeLE(to);
                list = list.filter((message) => message.index > to);
                break;
              }
              case 'reset':
                inflights.reset();
                list = [];
                break;
              case 'clone':
                // Going on with the copy must leave the original alone.
                left.push({ inflights, list });
                inflights = inflights.clone();
                list = [...list];
                break;
            }
            expect([...inflights]).to.deep.equal(list);
            expect([inflights.count, inflights.totalBytes]).to.deep.equal([list.length, sum()]);
            expect(inflights.full()).to.equal(full());
          }
          for (const original of left) expect([...original.inflights]).to.deep.equal(original.list);
        },
      ),
      { numRuns: 300 },
    );
  });
});
