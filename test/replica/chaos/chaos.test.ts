import { expect } from 'chai';
import { check, type Operation } from './history.js';
import { ChaosWorld } from './world.js';

describe('replica: chaos', () => {
  // The least that each must do: a little less than it does. A seed repeats everything.
  for (const [seed, members, length] of [
    [1, 3, 450],
    [2, 5, 850],
    [7, 3, 95],
  ] as const) {
    it(`holds everything that must hold, ${members} members, seed ${seed}`, async () => {
      const world = new ChaosWorld({ seed, members, disturbMs: 1000 });
      await world.start();
      for (let round = 0; round < 2; round++) await world.round();
      const again = `npm run chaos:replica -- --seed ${seed} --members ${members}`;
      expect(world.verdict(), `${world.summary()}; longer: ${again}`).to.deep.equal([]);
      expect(world.list.length).to.be.at.least(length);
      expect(world.leaseReads).to.be.at.least(10);
    });
  }
});

describe('replica: the judge of chaos', () => {
  const append = (id: number, began: number, ended: number, seen: number): Operation => ({
    kind: 'append',
    id,
    began,
    ended,
    outcome: 'applied',
    seen,
    reason: '',
  });
  const read = (seen: number, began: number, ended: number): Operation => ({
    ...append(0, began, ended, seen),
    kind: 'read',
  });
  const failed = (id: number, outcome: 'dropped' | 'unknown', began: number): Operation => ({
    ...append(id, began, began + 1, -1),
    outcome,
    reason: 'for the test',
  });

  it('accepts what one order explains', () => {
    const history = [append(7, 1, 4, 1), append(8, 2, 3, 0), read(1, 2, 5), read(2, 6, 7), failed(9, 'unknown', 8)];
    expect(check(history, [8, 7])).to.deep.equal([]);
    expect(check(history, [8, 7, 9])).to.deep.equal([]);
  });

  const illegal: Record<string, [Operation[], number[]]> = {
    'an answer that is not true': [[append(1, 1, 2, 0)], [2, 1]],
    'an acknowledged append that is missing': [[append(1, 1, 2, 0)], []],
    'a dropped append that was applied': [[failed(1, 'dropped', 1)], [1]],
    'an append that was applied twice': [[append(1, 1, 2, 1)], [1, 1]],
    'a read that misses what was acknowledged before it began': [[append(1, 1, 2, 0), read(0, 3, 4)], [1]],
    'a read that sees what was not asked for yet': [[read(1, 1, 2), append(1, 3, 4, 0)], [1]],
    'reads that go back': [[append(1, 1, 9, 0), read(1, 2, 3), read(0, 4, 5)], [1]],
    'appends against the order of their calls': [
      [append(1, 1, 2, 1), append(2, 3, 4, 0)],
      [2, 1],
    ],
    'an unknown append that is there before it was asked for': [
      [append(1, 1, 2, 1), failed(2, 'unknown', 3)],
      [2, 1],
    ],
  };
  for (const [name, [history, list]] of Object.entries(illegal)) {
    it(`rejects ${name}`, () => expect(check(history, list)).to.have.length(1));
  }
});
