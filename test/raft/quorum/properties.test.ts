import type { NodeId } from '@raft-ts/raft';
import {
  Inflights,
  JointConfig,
  MajorityConfig,
  Progress,
  ProgressTracker,
  seededRandom,
  TrackerConfig,
} from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Acks, acked, committedByCounting, voteByTrying } from './brute-force.js';

type Draw = (n: number) => number;

/** `n` different ids below 2n, in any order. */
function drawIds(draw: Draw): NodeId[] {
  const n = draw(10);
  const ids = Array.from({ length: 2 * n }, (_, i) => BigInt(i));
  for (let i = 0; i < n; i++) {
    const other = i + draw(ids.length - i);
    [ids[i], ids[other]] = [ids[other] as NodeId, ids[i] as NodeId];
  }
  return ids.slice(0, n);
}

function drawAcks(draw: Draw): Acks {
  const ids = drawIds(draw);
  return new Map(ids.map((id) => [id, draw(ids.length)]));
}

function described(halves: NodeId[][], acks: Acks): string {
  return `${halves.map((ids) => `(${ids.join(' ')})`).join('&&')} with ${[...acks].map((ack) => ack.join(':')).join(' ')}`;
}

// Enough cases for the numbers of etcd's own test: 50 000.
const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const runs = 500;
const casesPerRun = 100;

describe('QQ-001 TestQuick: the committed index is the highest that a majority of the ids has', () => {
  it('agrees with counting in 50 000 random cases', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const draw = seededRandom(seed);
        for (let i = 0; i < casesPerRun; i++) {
          const ids = drawIds(draw);
          const acks = drawAcks(draw);
          const index = new MajorityConfig(ids).committedIndex(acked(acks));
          if (index !== committedByCounting([ids], acks)) {
            expect.fail(`${index} for ${described([ids], acks)}`);
          }
        }
        expect(casesPerRun).to.be.greaterThan(0);
      }),
      { numRuns: runs },
    );
  });
});

const ids = fc.uniqueArray(fc.bigInt({ min: 1n, max: 9n }), { maxLength: 7 });
const acks = fc
  .uniqueArray(fc.tuple(fc.bigInt({ min: 1n, max: 9n }), fc.nat(6)), { maxLength: 9, selector: ([id]) => id })
  .map((pairs) => new Map(pairs));
const votes = fc
  .uniqueArray(fc.tuple(fc.bigInt({ min: 1n, max: 9n }), fc.boolean()), { maxLength: 9, selector: ([id]) => id })
  .map((pairs) => new Map(pairs));

describe('quorums against brute force', () => {
  it('commit jointly what is on a majority of both halves', () => {
    fc.assert(
      fc.property(ids, ids, acks, (incoming, outgoing, known) => {
        const config = new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));
        const index = config.committedIndex(acked(known));
        expect(index, described([incoming, outgoing], known)).to.equal(
          committedByCounting([incoming, outgoing], known),
        );
        const swapped = new JointConfig(config.outgoing, config.incoming);
        expect(swapped.committedIndex(acked(known))).to.equal(index);
      }),
      { numRuns: 500 },
    );
  });

  it('hold no index back for a member that is ahead or behind anyway', () => {
    fc.assert(
      fc.property(ids, ids, acks, (incoming, outgoing, known) => {
        const config = new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));
        const index = config.committedIndex(acked(known));
        for (const [id, has] of known) {
          if (has >= index || has === 0) continue;
          for (const less of [has - 1, 0]) {
            expect(config.committedIndex(acked(new Map(known).set(id, less)))).to.equal(index);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('decide a vote when, and only when, no missing vote can change it', () => {
    fc.assert(
      fc.property(ids, votes, (voters, cast) => {
        expect(new MajorityConfig(voters).voteResult(cast)).to.equal(voteByTrying([voters], cast));
      }),
      { numRuns: 300 },
    );
  });

  it('decide a joint vote alike', () => {
    fc.assert(
      fc.property(ids, ids, votes, (incoming, outgoing, cast) => {
        const config = new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));
        expect(config.voteResult(cast)).to.equal(voteByTrying([incoming, outgoing], cast));
        expect(new JointConfig(config.outgoing, config.incoming).voteResult(cast)).to.equal(config.voteResult(cast));
      }),
      { numRuns: 300 },
    );
  });

  it('give a leader the same index by its progress', () => {
    fc.assert(
      fc.property(ids, ids, acks, (incoming, outgoing, known) => {
        const tracker = new ProgressTracker(1, 0);
        const members = new Map<NodeId, Progress>();
        for (const id of new Set([...incoming, ...outgoing])) {
          const match = known.get(id) ?? 0;
          const inflights = new Inflights(1);
          members.set(
            id,
            new Progress({ id, match, next: match + 1, inflights, isLearner: false, recentActive: true }),
          );
        }
        const voters = new JointConfig(new MajorityConfig(incoming), new MajorityConfig(outgoing));
        tracker.install(new TrackerConfig({ voters }), members);
        const committed = committedByCounting([incoming, outgoing], known);
        expect(tracker.committed()).to.equal(committed);
        for (const index of [0, ...known.values()]) expect(tracker.quorumBeyond(index)).to.equal(committed > index);
        for (const pr of tracker.ordered) pr.maybeUpdate(7);
        expect(tracker.committed()).to.equal(voters.ids().length === 0 ? Number.POSITIVE_INFINITY : 7);
      }),
      { numRuns: 300 },
    );
  });
});
