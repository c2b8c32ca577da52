import { type Change, History } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import fc from 'fast-check';

const change = (size: number): Change => ({ op: 'put', key: 'k', value: 'x'.repeat(size) });

describe('the store: the history that watches read', () => {
  it('is bounded in entries and in size, and holds everything after its floor', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ step: fc.integer({ min: 1, max: 3 }), size: fc.nat(500) }), { maxLength: 80 }),
        fc.integer({ min: 1, max: 10 }),
        (entries, maxEntries) => {
          const history = new History({ maxEntries, maxSize: 2000 });
          const all: number[] = [];
          let index = 0;
          for (const { step, size } of entries) {
            index += step;
            all.push(index);
            history.record(index, [change(size)]);
            const kept: number[] = [];
            for (let place = history.begin; place < history.end; place++) kept.push(history.at(place)?.index as number);
            expect(kept).to.deep.equal(all.filter((one) => one > history.floor));
            expect(kept.length).to.be.within(1, maxEntries);
            const sizes = all.slice(-kept.length).map((_, i) => entries[all.length - kept.length + i]?.size as number);
            const total = sizes.reduce((sum, one) => sum + one + 101, 0);
            expect(total <= 2000 || kept.length === 1).to.equal(true);
            for (const after of [0, history.floor, index - 1, index]) {
              expect(history.at(history.placeAfter(after))?.index).to.equal(kept.find((one) => one > after));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives back each entry as it came, however long ago, of any text and length', () => {
    const history = new History({ maxEntries: 700, maxSize: 1_500_000 });
    const values = ['', 'put 1 plain', '\ud800 alone', 'ä€😀\u0000', 'x'.repeat(30_000), '€'.repeat(70_000)];
    const all: (readonly Change[])[] = [];
    for (let round = 0; round < 400; round++) {
      const value = round % 97 === 0 ? (values.at(-1) as string) : (values[round % 5] as string);
      const put: Change = { op: 'put', key: round % 7 === 0 ? ` 1 😀${round}` : `k${round}`, value };
      const deleted: Change = { op: 'delete', key: round % 2 === 0 ? 'é' : '\udc00', value: '' };
      const changes = [[put, deleted], [put], [deleted]][round % 3] as Change[];
      all.push(changes);
      history.record(all.length, changes);
      if (round % 20 !== 0) continue;
      for (let place = history.begin; place < history.end; place++) {
        const index = history.floor + 1 + place - history.begin;
        expect(history.at(place)).to.deep.equal({ index, changes: all[index - 1] });
      }
    }
    expect(history.begin).to.be.greaterThan(0);
    for (let round = 0; round < 1000; round++) history.record(1000 + round, [change(1)]);
    expect(history.end - history.begin).to.equal(700);
    expect(history.at(history.begin)).to.deep.equal({ index: 1300, changes: [change(1)] });
  });

  it('gives back texts whose characters take several bytes, at the end of a page too', () => {
    const history = new History({ maxEntries: 600 });
    const changes = (i: number): Change[] => [{ op: 'put', key: 'k', value: '€'.repeat(700 + ((i * 37) % 400)) }];
    for (let i = 0; i < 600; i++) history.record(i + 1, changes(i));
    for (let i = 0; i < 600; i++) expect(history.at(i)).to.deep.equal({ index: i + 1, changes: changes(i) });
  });

  it('gives back long entries too, and holds none that it has dropped', () => {
    const history = new History({ maxEntries: 600, maxSize: 1e8 });
    const held = (): number => (Reflect.get(history, 'long') as ReadonlyMap<number, unknown>).size;
    const all = Array.from({ length: 1000 }, (_, i): Change[] => [
      { op: 'put', key: `k${i}`, value: 'x'.repeat(i % 2 === 0 ? 9000 : 9) },
    ]);
    for (const [i, changes] of all.entries()) history.record(i + 1, changes);
    expect(history.end - history.begin).to.equal(600);
    for (let place = history.begin; place < history.end; place++)
      expect(history.at(place)).to.deep.equal({ index: place + 1, changes: all[place] });
    expect(held()).to.equal(300);
    history.restart(2000);
    expect(held()).to.equal(0);
    // Their lengths count: two are too much.
    const small = new History({ maxEntries: 600, maxSize: 15_000 });
    for (const index of [1, 2]) small.record(index, [change(9000)]);
    expect([small.begin, small.end]).to.deep.equal([1, 2]);
  });

  it('begins anew at a snapshot', () => {
    const history = new History();
    history.record(5, [change(1)]);
    const place = history.end;
    history.restart(40);
    expect([history.floor, history.last, history.begin, history.end]).to.deep.equal([40, 40, place + 1, place + 1]);
    expect(history.at(place)).to.equal(undefined);
    history.record(41, [change(1)]);
    expect(history.at(place + 1)?.index).to.equal(41);
  });
});
