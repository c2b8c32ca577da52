import type { ConfState, NodeId } from '@raft-ts/raft';
import { checkConfStatesEquivalent } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { expectRefusal } from '../log/fixtures.js';
import { confState } from './fixtures.js';

describe('PS-001 TestConfState_Equivalent: the order of a list says nothing, everything else counts', () => {
  const rows: [name: string, left: ConfState, right: ConfState, equivalent: boolean][] = [
    [
      'the same in another order',
      confState({
        voters: [1n, 2n, 3n],
        learners: [5n, 4n, 6n],
        votersOutgoing: [9n, 8n, 7n],
        learnersNext: [10n, 20n, 15n],
      }),
      confState({
        voters: [1n, 2n, 3n],
        learners: [4n, 5n, 6n],
        votersOutgoing: [7n, 9n, 8n],
        learnersNext: [20n, 10n, 15n],
      }),
      true,
    ],
    ['nobody', confState({ voters: [] }), confState({}), true],
    ['one voter more', confState({ voters: [1n, 2n, 3n, 4n] }), confState({ voters: [2n, 1n, 3n] }), false],
    ['another voter', confState({ voters: [1n, 4n, 3n] }), confState({ voters: [2n, 1n, 3n] }), false],
    [
      'one learner more',
      confState({ voters: [1n], learners: [2n, 3n] }),
      confState({ voters: [1n], learners: [2n] }),
      false,
    ],
    [
      'one outgoing voter more',
      confState({ voters: [1n], votersOutgoing: [1n, 2n] }),
      confState({ voters: [1n], votersOutgoing: [1n] }),
      false,
    ],
    [
      'another learner to be',
      confState({ voters: [1n], learnersNext: [2n] }),
      confState({ voters: [1n], learnersNext: [3n] }),
      false,
    ],
    ['leaving by itself', confState({ autoLeave: true }), confState({}), false],
  ];
  for (const [name, left, right, equivalent] of rows) {
    it(`${equivalent ? 'is equivalent' : 'differs'}: ${name}`, () => {
      for (const [a, b] of [
        [left, right],
        [right, left],
      ] as const) {
        if (equivalent) {
          expect(() => checkConfStatesEquivalent(a, b)).not.to.throw();
        } else {
          const refusal = expectRefusal(() => checkConfStatesEquivalent(a, b), 'ERR_RAFT_CONF_STATE');
          expect(refusal.message).to.match(/^ConfStates not equivalent after sorting:\n/);
        }
      }
    });
  }

  it('says in what they differ', () => {
    const left = confState({ voters: [3n, 1n], autoLeave: true });
    const right = confState({ voters: [1n], learners: [3n, 2n] });
    expect(expectRefusal(() => checkConfStatesEquivalent(left, right), 'ERR_RAFT_CONF_STATE').message).to.equal(
      'ConfStates not equivalent after sorting:\n' +
        'voters=[1 3] learners=[] votersOutgoing=[] learnersNext=[] autoLeave=true\n' +
        'voters=[1] learners=[2 3] votersOutgoing=[] learnersNext=[] autoLeave=false',
    );
  });

  it('compares nothing with one that is missing', () => {
    const texts: [left: ConfState | undefined, right: ConfState | undefined, which: string][] = [
      [undefined, undefined, 'left=true, right=true'],
      [confState({}), undefined, 'left=false, right=true'],
      [undefined, confState({}), 'left=true, right=false'],
    ];
    for (const [left, right, which] of texts) {
      const refusal = expectRefusal(() => checkConfStatesEquivalent(left, right), 'ERR_RAFT_CONF_STATE');
      expect(refusal.message).to.equal(`cannot compare ConfState: nil input (${which})`);
    }
  });
});

function written(cs: ConfState): string {
  return JSON.stringify(cs, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}

describe('conf state equivalence', () => {
  const lists = ['voters', 'learners', 'votersOutgoing', 'learnersNext'] as const;
  const ids = fc.array(fc.bigInt({ min: 1n, max: 2n ** 64n - 3n }), { maxLength: 6 });
  const states = fc.record({
    voters: ids,
    learners: ids,
    votersOutgoing: ids,
    learnersNext: ids,
    autoLeave: fc.boolean(),
  });

  it('is kept by every order, and broken by any change of content', () => {
    fc.assert(
      fc.property(
        states,
        fc.constantFrom(...lists),
        fc.nat(),
        fc.bigInt({ min: 1n, max: 9n }),
        (cs, list, turn, id) => {
          const turned = (all: readonly NodeId[]) => [...all.slice(turn % 7), ...all.slice(0, turn % 7).reverse()];
          const same = confState({ autoLeave: cs.autoLeave });
          const shuffled: ConfState = {
            ...same,
            ...Object.fromEntries(lists.map((name) => [name, turned(cs[name])])),
          };
          expect(() => checkConfStatesEquivalent(cs, shuffled)).not.to.throw();
          expect(() => checkConfStatesEquivalent(shuffled, cs)).not.to.throw();
          const before = written(cs);
          const others: ConfState[] = [
            { ...shuffled, autoLeave: !cs.autoLeave },
            { ...shuffled, [list]: [...shuffled[list], id] },
            { ...shuffled, [list]: shuffled[list].slice(1) },
            { ...shuffled, [list]: shuffled[list].map((one, i) => (i === 0 ? one + 1n : one)) },
          ];
          for (const [i, other] of others.entries()) {
            if (i >= 2 && shuffled[list].length === 0) continue;
            expectRefusal(() => checkConfStatesEquivalent(cs, other), 'ERR_RAFT_CONF_STATE');
            expectRefusal(() => checkConfStatesEquivalent(other, cs), 'ERR_RAFT_CONF_STATE');
          }
          expect(written(cs), 'neither is changed').to.equal(before);
        },
      ),
      { numRuns: 300 },
    );
  });
});
