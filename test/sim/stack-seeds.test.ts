import { registers } from '@raft-ts/sim/internal';
import { simulate } from '@raft-ts/sim/stack';
import { expect } from 'chai';

// The same seeds each time, for whoever breaks a rule on purpose: see test/mutants.
describe('simulated replicas, of seeds that are always the same', () => {
  it('keep every rule, commit, elect and answer', async () => {
    const outcome = await simulate({ ...registers(), seed: 1, runs: 3, shorten: false });
    expect(outcome.ok ? undefined : outcome.finding).to.equal(undefined);
    expect(outcome).to.include({ runs: 3, seed: 1 });
    expect(outcome.answered).to.be.above(200);
    expect(outcome.virtualMs).to.be.above(60_000);
  });

  it('do the same for the same seed, to the last byte of messages and calls of files', async () => {
    const run = () => simulate({ ...registers(), seed: 11, runs: 1 });
    const [one, two] = [await run(), await run()];
    expect(one).to.deep.equal(two);
    const other = await simulate({ ...registers(), seed: 15, runs: 1 });
    expect(other.hash).to.not.equal(one.hash);
  });
});
