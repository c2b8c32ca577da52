import { type ConfChangeSingle, ConfChangeType, type ConfState } from '@raft-ts/raft';
import { checkConfStatesEquivalent, restoreConfig, seededRandom } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { expectRefusal } from '../log/fixtures.js';
import { confState, describeResult, Membership, sorted } from './fixtures.js';

const limits = { lastIndex: 10, maxInflight: 20, maxInflightBytes: 0 };

function expectRestored(cs: ConfState): void {
  const { config } = restoreConfig(cs, limits);
  expect(config.confState()).to.deep.equal(sorted(cs));
  expect(() => checkConfStatesEquivalent(cs, config.confState())).not.to.throw();
  expect(() => checkConfStatesEquivalent(config.confState(), cs)).not.to.throw();
}

/** A membership that changes can lead to: voters, learners, and voters that are being removed or become learners. */
function drawConfState(draw: (n: number) => number): ConfState {
  const [voters, learners, removed] = [1 + draw(5), draw(5), draw(3)];
  const ids = Array.from({ length: 2 * (voters + learners + removed) }, (_, i) => BigInt(i + 1));
  for (let i = ids.length - 1; i > 0; i--) {
    const other = draw(i + 1);
    [ids[i], ids[other]] = [ids[other] as bigint, ids[i] as bigint];
  }
  const voterIds = ids.splice(0, voters);
  const learnerIds = ids.splice(0, learners);
  const removedIds = ids.splice(0, removed);
  const votersOutgoing = [...voterIds.slice(0, draw(voters + 1)), ...removedIds];
  return {
    voters: voterIds,
    learners: learnerIds,
    votersOutgoing,
    learnersNext: removedIds.slice(0, draw(removed + 1)),
    autoLeave: votersOutgoing.length > 0 && draw(2) === 1,
  };
}

describe('CR-001 TestRestore: a membership that was stored is restored as it was', () => {
  const fixed: [name: string, cs: ConfState][] = [
    ['nobody', confState({})],
    ['voters', confState({ voters: [1n, 2n, 3n] })],
    ['voters and learners', confState({ voters: [1n, 2n, 3n], learners: [4n, 5n, 6n] })],
    [
      'a joint change in progress',
      confState({
        voters: [1n, 2n, 3n],
        learners: [5n],
        votersOutgoing: [1n, 2n, 4n, 6n],
        learnersNext: [4n],
      }),
    ],
  ];
  for (const [name, cs] of fixed) {
    it(name, () => {
      expectRestored(cs);
    });
  }

  it('and 1000 random ones', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
        expectRestored(drawConfState(seededRandom(seed)));
      }),
      { numRuns: 1000 },
    );
  });
});

/** The membership that is reached by one change after the other, each installed before the next: as etcd does. */
function restoreStepByStep(cs: ConfState): string {
  const steps = (type: ConfChangeType, ids: readonly bigint[]): ConfChangeSingle[] =>
    ids.map((nodeId) => ({ type, nodeId }));
  const { ConfChangeAddNode, ConfChangeAddLearnerNode, ConfChangeRemoveNode } = ConfChangeType;
  const incoming = [
    ...steps(ConfChangeRemoveNode, cs.votersOutgoing),
    ...steps(ConfChangeAddNode, cs.voters),
    ...steps(ConfChangeAddLearnerNode, [...cs.learners, ...cs.learnersNext]),
  ];
  const membership = new Membership(limits.lastIndex, limits.maxInflight, limits.maxInflightBytes);
  if (cs.votersOutgoing.length === 0) {
    for (const change of incoming) membership.simple([change]);
  } else {
    for (const change of steps(ConfChangeAddNode, cs.votersOutgoing)) membership.simple([change]);
    membership.enterJoint(incoming, cs.autoLeave);
  }
  return String(membership);
}

function outcome(restore: () => string): string {
  try {
    return restore();
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  }
}

describe('restoring a membership', () => {
  it('ends where one change after the other ends, also for lists that no change leads to', () => {
    // Few ids, zero among them: repetitions, and members of several lists, are frequent.
    const ids = fc.array(fc.bigInt({ min: 0n, max: 6n }), { maxLength: 5 });
    const lists = fc.record({
      voters: ids,
      learners: ids,
      votersOutgoing: fc.oneof(fc.constant([]), ids),
      learnersNext: ids,
      autoLeave: fc.boolean(),
    });
    fc.assert(
      fc.property(lists, (cs) => {
        expect(outcome(() => describeResult(restoreConfig(cs, limits)))).to.equal(outcome(() => restoreStepByStep(cs)));
      }),
      { numRuns: 3000 },
    );
  });

  it('gives every member new progress', () => {
    const cs = confState({ voters: [1n], learners: [3n], votersOutgoing: [2n], learnersNext: [2n], autoLeave: true });
    const restored = restoreConfig(cs, { ...limits, maxInflightBytes: 99 });
    expect(describeResult(restored)).to.equal(
      'voters=(1)&&(2) learners=(3) learners_next=(2) autoleave\n' +
        '1: StateProbe match=0 next=10\n2: StateProbe match=0 next=10\n3: StateProbe match=0 next=10 learner\n',
    );
    for (const { inflights } of restored.progress.values()) {
      expect([inflights.size, inflights.maxBytes]).to.deep.equal([20, 99]);
    }
  });

  it('is refused where no change leads there', () => {
    const { message } = expectRefusal(
      () => restoreConfig(confState({ learners: [1n] }), limits),
      'ERR_RAFT_CONF_CHANGE_INVALID',
    );
    expect(message).to.equal('removed all voters');
  });

  it('shows that no change leaves an automatic leave behind', () => {
    const cs = confState({ voters: [1n], autoLeave: true });
    const { config } = restoreConfig(cs, limits);
    expect(config.autoLeave).to.equal(false);
    expectRefusal(() => checkConfStatesEquivalent(cs, config.confState()), 'ERR_RAFT_CONF_STATE');
  });
});
