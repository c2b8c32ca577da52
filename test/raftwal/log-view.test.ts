/** The entries that a log keeps in memory: the newest as they came, older ones packed. Both read alike. */
import type { Entry } from '@raft-ts/proto';
import { entrySize } from '@raft-ts/proto';
import { LogView } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { entries, entry, oneVoter } from './logs.js';

const snapshotAt = (index: number, term: number) => ({
  data: undefined,
  metadata: { confState: oneVoter, index, term },
});

function viewOf(list: readonly Entry[]): LogView {
  const view = new LogView();
  view.reset(snapshotAt(0, 0), list);
  return view;
}

/** The longest prefix that fits, but at least one entry. */
function fitting(list: readonly Entry[], maxSize: number): Entry[] {
  let size = 0;
  const end = list.findIndex((each, i) => {
    size += entrySize(each);
    return size > maxSize && i > 0;
  });
  return list.slice(0, end < 0 ? undefined : end);
}

type Step =
  | { readonly kind: 'append'; readonly back: number; readonly count: number; readonly length: number }
  | { readonly kind: 'compact'; readonly share: number }
  | { readonly kind: 'reset'; readonly ahead: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      // Most follow the log; some replace its end, down to what is packed.
      back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(20), fc.nat(3000)),
      count: fc.oneof(fc.nat(5), fc.nat(700)),
      length: fc.oneof(fc.nat(3), fc.nat(500), fc.nat(20_000)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('compact' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset' as const), ahead: fc.integer({ min: 1, max: 50 }) }) },
);

/** An entry whose bytes tell which it is, of any kind: without a type, without data, or with none of either. */
function anyEntry(index: number, term: number, length: number): Entry {
  const data = index % 7 === 0 ? undefined : new Uint8Array(index % 11 === 0 ? 0 : length).fill(index + term);
  return { type: index % 5 === 0 ? undefined : index % 3 === 0 ? 1 : 0, term, index, data };
}

describe('what a log keeps in memory', () => {
  it('reads as a plain list does, whatever was added, replaced and dropped', () => {
    const parts = [
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
    ] as const;
    fc.assert(
      fc.property(...parts, (steps, chances) => {
        const view = viewOf([]);
        let list: Entry[] = [];
        let below = { index: 0, term: 0 };
        let term = 1;
        const chance = (most: number): number => Math.floor((chances.next().value as number) * (most + 1));
        for (const each of steps) {
          if (each.kind === 'append') {
            const kept = Math.max(list.length - each.back, 0);
            if (kept < list.length) term++;
            const first = below.index + kept + 1;
            const added = Array.from({ length: each.count }, (_, i) => anyEntry(first + i, term, each.length));
            expect(view.joins(added)).to.equal(true);
            view.append(added);
            if (added.length > 0) list = [...list.slice(0, kept), ...added];
          } else if (each.kind === 'compact') {
            const count = Math.ceil(each.share * list.length);
            if (count === 0) continue;
            const { index, term: at } = list[count - 1] as Entry;
            view.compact(index);
            below = { index, term: at };
            list = list.slice(count);
          } else {
            below = { index: below.index + list.length + each.ahead, term };
            list = [];
            view.reset(snapshotAt(below.index, below.term));
          }
          expect([view.firstIndex, view.lastIndex]).to.deep.equal([below.index + 1, below.index + list.length]);
          expect(view.term(below.index)).to.equal(below.term);
          if (list.length === 0) continue;
          for (let look = 0; look < 4; look++) {
            const from = chance(list.length - 1);
            const to = from + 1 + chance(list.length - 1 - from);
            const maxSize = chance(1) === 0 ? Number.POSITIVE_INFINITY : chance(5000);
            const found = view.entries(below.index + 1 + from, below.index + 1 + to, maxSize);
            expect(found).to.deep.equal(fitting(list.slice(from, to), maxSize));
            expect(view.entry(below.index + 1 + from)).to.deep.equal(list[from]);
            expect(view.term(below.index + 1 + from)).to.equal((list[from] as Entry).term);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it('hands out older entries that stay as they are when the memory they were in is used again', () => {
    const view = viewOf(entries(1, 5000));
    const older = view.entries(1, 4001, Number.POSITIVE_INFINITY);
    view.compact(4500);
    view.append(entries(5001, 10_000, 2));
    expect(older).to.deep.equal(entries(1, 4000));
    expect(view.entries(4501, 10_001, Number.POSITIVE_INFINITY)).to.deep.equal([
      ...entries(4501, 5000),
      ...entries(5001, 10_000, 2),
    ]);
  });

  it('keeps none of the older entries as objects, nor the memory from which their data were cut', () => {
    const list = entries(1, 3000);
    const view = viewOf(list);
    expect(view.entry(3000)).to.equal(list[2999]);
    const [older, given] = [view.entry(1) as Entry, list[0] as Entry];
    expect(older).to.deep.equal(given);
    given.data?.fill(0);
    expect(view.entry(1)).to.deep.equal(entry(1));
  });

  it('replaces the end of the log down to any entry, packed or not', () => {
    const some = (from: number, to: number, term: number): Entry[] =>
      entries(from, to, term).map((each) => ({ ...each, data: new Uint8Array(300).fill(each.index * term) }));
    let list = some(1, 5000, 1);
    const view = viewOf(list);
    let term = 1;
    for (const first of [4400, 4900, 4300, 3999, 2500, 2501, 1200, 2, 1]) {
      term++;
      list = [...list.slice(0, first - 1), ...some(first, first + 1500, term)];
      view.append(list.slice(first - 1));
      expect(view.entries(1, view.lastIndex + 1, Number.POSITIVE_INFINITY)).to.deep.equal(list);
    }
    view.compact(700);
    view.append(some(701, 701, 20));
    view.append(some(702, 3000, 20));
    expect(view.entries(701, 3001, Number.POSITIVE_INFINITY)).to.deep.equal(some(701, 3000, 20));
  });

  it('leaves long data where they are', () => {
    const long = { ...entry(1), data: new Uint8Array(100_000).fill(7) };
    const view = viewOf([long, ...entries(2, 3000)]);
    expect(view.entry(1)?.data).to.equal(long.data);
    expect(view.entry(2)).to.deep.equal(entry(2));
  });

  it('puts entries into the memory of dropped ones', () => {
    const view = viewOf([]);
    const memory = (): Uint8Array[] =>
      (view as unknown as { packed: { pages: { slice: () => { bytes: Uint8Array }[] } } }).packed.pages
        .slice()
        .map(({ bytes }) => bytes);
    const many = (from: number): Entry[] =>
      Array.from({ length: 10_000 }, (_, i) => ({ ...entry(from + i), data: new Uint8Array(300) }));
    view.append(many(1));
    const before = new Set(memory());
    expect(before.size).to.be.within(40, 50);
    for (let from = 10_001; from < 100_000; from += 10_000) {
      view.compact(from - 1);
      view.append(many(from));
    }
    expect(memory().filter((bytes) => !before.has(bytes))).to.deep.equal([]);
  });

  it('lets entries without data go as well as others', () => {
    const view = viewOf([]);
    const { packed } = view as unknown as { packed: { pages: { slice: () => { indexes: readonly number[] }[] } } };
    for (let from = 1; from < 200_000; from += 10_000) {
      view.append(Array.from({ length: 10_000 }, (_, i) => ({ ...entry(from + i), data: new Uint8Array(0) })));
      view.compact(from + 8999);
      // A thousand are left; 4,095 before them may stand on the same page.
      expect(packed.pages.slice().reduce((sum, { indexes }) => sum + indexes.length, 0)).to.be.below(1000 + 4096);
    }
  });

  it('keeps no more than 4 MiB of memory for later', () => {
    const view = viewOf(Array.from({ length: 50_000 }, (_, i) => ({ ...entry(1 + i), data: new Uint8Array(300) })));
    view.compact(50_000);
    const { spare, pages } = (
      view as unknown as { packed: { spare: readonly Uint8Array[]; pages: { length: number } } }
    ).packed;
    expect([pages.length, spare.reduce((sum, { length }) => sum + length, 0)]).to.deep.equal([0, 4 * 2 ** 20]);
  });
});
