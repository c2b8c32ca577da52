import { type Entry, type EntryType, entrySize } from '@raft-ts/proto';
import { countWithin, EntryList, SlidingList } from '@raft-ts/proto/internal';
import { expect } from 'chai';
import fc from 'fast-check';

describe('a sliding list', () => {
  type Step = { push: number } | { add: number; from: number } | { drop: number } | { keep: number } | 'clear';
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 200 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({ add: fc.integer({ min: 0, max: 60 }), from: fc.integer({ min: 0, max: 20 }) }),
    },
    { weight: 4, arbitrary: fc.record({ drop: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    { weight: 1, arbitrary: fc.record({ keep: fc.double({ min: 0, max: 1.2, noNaN: true }) }) },
    { weight: 1, arbitrary: fc.constant<Step>('clear') },
  );

  it('holds what an array holds that is shifted and pushed', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const list = new SlidingList<number>();
        let model: number[] = [];
        let next = 0;
        for (const s of steps) {
          if (s === 'clear') {
            list.clear();
            model = [];
          } else if ('push' in s) {
            for (let i = 0; i < s.push; i++, next++) {
              list.push(next);
              model.push(next);
            }
          } else if ('add' in s) {
            const items = Array.from({ length: s.from + s.add }, () => next++);
            list.pushAll(items, s.from);
            model.push(...items.slice(s.from));
            // The list of whoever added them stays theirs.
            items.fill(-1);
          } else if ('drop' in s) {
            const count = Math.floor(s.drop * model.length);
            list.dropFront(count);
            model = model.slice(count);
          } else {
            const length = Math.floor(s.keep * model.length);
            list.truncate(length);
            model = model.slice(0, length);
          }
          expect(list.length).to.equal(model.length);
          expect(list.slice()).to.deep.equal(model);
          for (const i of [0, model.length >> 1, model.length - 1, model.length]) {
            if (i >= 0) expect(list.at(i)).to.equal(model[i]);
          }
          const [from, to] = [model.length >> 2, model.length >> 1];
          expect(list.slice(from, to)).to.deep.equal(model.slice(from, to));
        }
      }),
    );
  });

  it('keeps nothing that was dropped, whether it is rebuilt or not', () => {
    for (const dropped of [1, 63, 64, 99, 100]) {
      const list = new SlidingList<object>();
      const items = Array.from({ length: 100 }, () => ({}));
      for (const item of items) list.push(item);
      list.dropFront(dropped);
      const kept = Object.values(list).flat();
      for (const [i, item] of items.entries()) expect(kept.includes(item), `${i} of ${dropped}`).to.equal(i >= dropped);
    }
  });
});

describe('a list of entries', () => {
  const entry = (index: number, bytes: number): Entry => ({
    type: undefined,
    term: 1,
    index,
    data: new Uint8Array(bytes),
  });

  it('cuts a range to what fits, with one entry at least', () => {
    const entries = [entry(1, 10), entry(2, 20), entry(3, 30), entry(4, 40)];
    const list = new EntryList();
    list.push(entry(0, 1));
    for (const e of entries) list.push(e);
    list.dropFront(1);
    const sizes = entries.map(entrySize);
    const sum = (from: number, to: number): number => sizes.slice(from, to).reduce((a, b) => a + b, 0);
    const indexes = (from: number, to: number, max: number): number[] => list.within(from, to, max).map((e) => e.index);
    expect(indexes(0, 4, Number.POSITIVE_INFINITY)).to.deep.equal([1, 2, 3, 4]);
    expect(indexes(0, 4, sum(0, 2))).to.deep.equal([1, 2]);
    expect(indexes(0, 4, sum(0, 2) - 1)).to.deep.equal([1]);
    expect(indexes(1, 4, sum(1, 3))).to.deep.equal([2, 3]);
    expect(indexes(1, 2, sum(0, 4))).to.deep.equal([2]);
    expect(indexes(2, 4, 0)).to.deep.equal([3]);
    expect(indexes(2, 2, 0)).to.deep.equal([]);
    expect(countWithin(entries, 0, 4, sum(0, 3))).to.equal(3);
  });

  it('counts entries whose numbers are as long as can be', () => {
    const largest = Number.MAX_SAFE_INTEGER;
    const entries = [0, 1, 300, 70_000].map((length) => ({
      type: -1 as EntryType,
      term: largest,
      index: largest,
      data: new Uint8Array(length),
    }));
    const sum = entries.reduce((size, e) => size + entrySize(e), 0);
    for (const most of [sum - 1, sum, sum + 1]) {
      expect(countWithin(entries, 0, 4, most), `within ${most - sum}`).to.equal(most < sum ? 3 : 4);
    }
  });
});
