import { drawStackCase, nodeHost, registers, runOn } from '@raft-ts/sim/internal';
import { simulate as simulateInMemory } from '@raft-ts/sim/replica';
import { SharedSubjectError, type Simulated, simulate } from '@raft-ts/sim/stack';
import { expect } from 'chai';
import { Counter, counters } from './counter.js';
import { SHORT_HASTY_SEED, SHORT_MS, withHastyLogs } from './stack-planted.js';

const short = { safetyMs: SHORT_MS, runs: 1, shorten: false } as const;

type Run = (seed: number) => Promise<{ readonly hash: string }>;

const onFiles: Run = (seed) => simulate({ ...registers(), ...short, seed });
const inMemory: Run = (seed) => simulateInMemory({ ...registers(), ...short, seed });

describe('simulations side by side in one process', function () {
  // Many times what it takes alone: one that ends in the middle goes on beside the tests that follow.
  this.timeout(300_000);

  it('do what each does alone', async () => {
    const runs: readonly (() => Promise<{ readonly hash: string }>)[] = [
      () => onFiles(21),
      () => onFiles(22),
      () => inMemory(21),
      () => onFiles(23),
    ];
    const alone: string[] = [];
    for (const run of runs) alone.push((await run()).hash);
    expect(new Set(alone).size).to.equal(runs.length);
    const beside = await Promise.all(runs.map((run) => run()));
    expect(beside.map(({ hash }) => hash)).to.deep.equal(alone);
  });

  it('do what each does alone, also when one begins in the middle of another that nobody waits for', async () => {
    const alone = [(await onFiles(24)).hash, (await onFiles(25)).hash];
    let later: Promise<{ readonly hash: string }> | undefined;
    let events = 0;
    const abandoned = runOn(nodeHost, drawStackCase(24, { safetyMs: SHORT_MS }), registers(), {
      acted: () => {},
      sent: () => {},
      arrived: () => {},
      look: ({ time }) => {
        events = time.events;
        if (events === 500) later = onFiles(25);
      },
    });
    while (later === undefined) await new Promise((resolve) => setImmediate(resolve));
    expect((await later).hash).to.equal(alone[1]);
    expect((await abandoned).hash).to.equal(alone[0]);
    expect(events).to.be.above(500);
  });

  it('hear of their own rejections alone', async () => {
    const careless = (): Counter =>
      new (class extends Counter {
        override apply(...args: Parameters<Counter['apply']>): ReturnType<Counter['apply']> {
          void Promise.reject(new Error('lost'));
          return super.apply(...args);
        }
      })();
    const counted = (stateMachine: () => Counter): Promise<Simulated<number, number>> =>
      simulate({ ...counters, ...short, seed: 1, stateMachine });
    const [other, careful] = await Promise.all([counted(careless), counted(counters.stateMachine)]);
    expect(careful.ok).to.equal(true);
    expect(other.ok ? undefined : other.finding.rule).to.equal('no-rejection');
  });

  it('find no mistake that is planted in another', async () => {
    const alone = (await onFiles(26)).hash;
    const [planted, beside] = await Promise.all([
      withHastyLogs(() => simulate({ ...registers(), ...short, seed: SHORT_HASTY_SEED })),
      onFiles(26),
    ]);
    expect(planted.ok).to.equal(false);
    expect(beside.hash).to.equal(alone);
  });

  it('are refused if what one sets back is counted by the other', async () => {
    const subject = registers();
    const first = simulate({ ...subject, ...short, seed: 27 });
    const error: unknown = await simulate({ ...subject, ...short, seed: 28 }).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(SharedSubjectError).and.to.include({ code: 'ERR_RAFT_SIM_SHARED' });
    expect((await first).hash).to.equal((await onFiles(27)).hash);
    expect((await simulate({ ...subject, ...short, seed: 28 })).hash).to.equal((await onFiles(28)).hash);
  });
});
