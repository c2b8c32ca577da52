import { seededRandom } from '@raft-ts/raft/internal';
import { byKey, describeOperation, judgeByIndex, judgeBySearch, type Operation } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { indexPlants, legalHistory, type Plant, plants } from './planted.js';

/** Histories of each kind. */
const EACH = 32;

/** The verdicts of the search on the keys, the worst first. */
function search(history: readonly Operation[]): string[] {
  return [...byKey(history).values()].map((one) => judgeBySearch(one).verdict).sort();
}

const text = (history: readonly Operation[]): string => history.map(describeOperation).join('\n');

/** The first histories of all seeds that offer a place for the fault. */
function* planted(plant: Plant, count: number): Generator<[seed: number, history: Operation[]]> {
  for (let seed = 1, made = 0; made < count; seed++) {
    if (seed > 100 * count) throw new Error('no history offers a place for this fault');
    const random = seededRandom(seed);
    const history = plant(legalHistory(random), random);
    if (history === undefined) continue;
    made++;
    yield [seed, history];
  }
}

describe('chaos: the judges', () => {
  it('accept 500 histories that a store may have', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const history = legalHistory(seededRandom(seed));
      expect(judgeByIndex(history), `seed ${seed}\n${text(history)}`).to.deep.equal([]);
      expect(search(history), `seed ${seed}\n${text(history)}`).to.deep.equal([
        'linearizable',
        'linearizable',
        'linearizable',
      ]);
    }
  });

  for (const [name, plant] of Object.entries(plants)) {
    it(`refuse ${EACH} histories with ${name}`, () => {
      for (const [seed, history] of planted(plant, EACH)) {
        expect(judgeByIndex(history), `by index, seed ${seed}\n${text(history)}`).to.not.deep.equal([]);
        expect(search(history)[0], `by search, seed ${seed}\n${text(history)}`).to.equal('illegal');
      }
    });
  }

  for (const [name, plant] of Object.entries(indexPlants)) {
    it(`refuse ${EACH} histories with ${name}, by the index`, () => {
      for (const [seed, history] of planted(plant, EACH)) {
        expect(judgeByIndex(history), `seed ${seed}\n${text(history)}`).to.not.deep.equal([]);
      }
    });
  }

  it('accept a key that a lost delete had removed before it was last seen elsewhere', () => {
    // The delete is entry 6 or 7; entry 8 is acknowledged before anybody sees that the key is gone.
    const write = { member: 1, outcome: 'done', condition: undefined, seen: 0, current: 0, kind: 'put' } as const;
    const history: Operation[] = [
      { ...write, token: 1, key: 'a', began: 1, ended: 2, index: 5 },
      {
        ...write,
        token: 2,
        key: 'a',
        kind: 'delete',
        began: 3,
        ended: Number.POSITIVE_INFINITY,
        outcome: 'unknown',
        index: 0,
      },
      { ...write, token: 3, key: 'b', began: 4, ended: 5, index: 8 },
      { ...write, token: 4, key: 'a', kind: 'get', began: 6, ended: 7, index: 0 },
      { ...write, token: 5, key: 'b', began: 8, ended: 9, index: 9 },
    ];
    expect(judgeByIndex(history)).to.deep.equal([]);
    expect(search(history)).to.deep.equal(['linearizable', 'linearizable']);
    // Without a place for the delete between them, whoever saw the key gone saw entry 6 before it was asked for.
    const [first, lost, third, gone, last] = history as [Operation, Operation, Operation, Operation, Operation];
    const tight = [first, lost, { ...third, index: 6 }, gone, { ...last, index: 7 }];
    expect(judgeByIndex(tight)).to.have.length(1);
  });

  it('say that they do not know when a search is too long', () => {
    const history = legalHistory(seededRandom(1), 200).filter(({ key }) => key === 'a');
    expect(judgeBySearch(history, 1).verdict).to.equal('unknown');
  });

  it('agree: whatever a random change makes illegal for the search, the indexes show too', () => {
    let illegal = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const random = seededRandom(seed);
      const history = legalHistory(random).filter(({ kind, outcome }) => kind !== 'delete' || outcome !== 'unknown');
      const reads = history.filter(({ kind, outcome }) => kind === 'get' && outcome === 'done');
      const read = reads[random(reads.length)] as Operation;
      const writes = history.filter(
        ({ kind, key, outcome }) => kind === 'put' && key === read.key && outcome === 'done',
      );
      const write = writes[random(writes.length)];
      if (write === undefined) continue;
      [read.seen, read.index] = [write.token, write.index];
      const found = judgeByIndex(history);
      if (search(history)[0] !== 'illegal') continue;
      illegal++;
      expect(found, `seed ${seed}\n${text(history)}`).to.not.deep.equal([]);
    }
    expect(illegal).to.be.above(100);
  });
});
