import { Reads, type Waiter, Waits } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { VirtualTime } from './virtual.js';

interface Named extends Waiter<Named> {
  readonly name: number;
}

const namesOf = (waits: Waits<Named>): number[] => {
  const names: number[] = [];
  waits.each(({ name }) => names.push(name));
  return names;
};

const named = (name: number): Named => ({ name, before: undefined, after: undefined });

describe('replica: what waits', () => {
  it('is kept in its order, whatever leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 40 }), (steps) => {
        const waits = new Waits<Named>();
        let expected: Named[] = [];
        for (const [name, step] of steps.entries()) {
          const leaving = expected[step];
          if (leaving === undefined) {
            const one = named(name);
            waits.add(one);
            expected.push(one);
          } else {
            waits.remove(leaving);
            expected = expected.filter((one) => one !== leaving);
          }
          expect(namesOf(waits)).to.deep.equal(expected.map((one) => one.name));
          expect(waits.length).to.equal(expected.length);
          expect(waits.oldest).to.equal(expected[0]);
        }
      }),
    );
  });

  it('may leave while each is looked at', () => {
    const waits = new Waits<Named>();
    for (let name = 0; name < 5; name++) waits.add(named(name));
    const seen: number[] = [];
    waits.each((one) => {
      seen.push(one.name);
      if (one.name !== 2) waits.remove(one);
    });
    expect(seen).to.deep.equal([0, 1, 2, 3, 4]);
    expect(namesOf(waits)).to.deep.equal([2]);
  });

  it('refers to nothing that has left, and is not referred to by it', () => {
    const waits = new Waits<Named>();
    const [first, second, third] = [named(1), named(2), named(3)];
    for (const one of [first, second, third]) waits.add(one);
    waits.remove(second);
    expect([second.before, second.after]).to.deep.equal([undefined, undefined]);
    expect(first.after).to.equal(third);
    expect(third.before).to.equal(first);
  });
});

interface Stub {
  readonly time: VirtualTime;
  readonly reads: Reads;
  readonly contexts: Uint8Array[];
  readonly served: [count: number, queuedMs: number][];
  /** What waits for an index. */
  readonly applied: (() => void)[];
  looks: number;
}

/** Reads in front of a raft that is only a list of what it was asked. */
function stub(): Stub {
  const time = new VirtualTime();
  const [contexts, served, applied]: [Uint8Array[], [number, number][], (() => void)[]] = [[], [], []];
  const reads = new Reads({
    target: {
      readIndex: (context: Uint8Array) => contexts.push(context),
      basicStatus: () => ({ softState: { lead: 1n } }),
    } as never,
    clock: {
      monotonic: () => {
        parts.looks++;
        return time.monotonic();
      },
      wall: () => 0,
      after: () => () => {},
      soon: () => {},
    },
    boot: 7,
    maxWaiting: 1000,
    retryMs: 500,
    wake: () => {},
    whenApplied: (_index, run) => applied.push(run),
    onRound: () => () => {},
    onServed: (count, { queuedMs }) => served.push([count, queuedMs]),
  });
  const parts = { time, reads, contexts, served, applied, looks: 0 };
  return parts;
}

describe('replica: the reads of a round', () => {
  it('are served by one look at the clock and at what is applied, and told of as one, with the slowest', async () => {
    const parts = stub();
    const { time, reads, contexts, served, applied } = parts;
    const aborted = new AbortController();
    const lost = reads.submit(() => 'lost', aborted.signal, 1000).catch(() => 'aborted');
    const answers = Array.from({ length: 100 }, (_, i) => reads.submit(() => i, undefined, 1000));
    aborted.abort();
    await time.advance(5);
    reads.flush();
    reads.confirmed({ index: 3, requestCtx: contexts[0] });
    expect(applied).to.have.lengthOf(1);
    for (const run of applied) run();
    expect(await Promise.all(answers)).to.deep.equal(Array.from({ length: 100 }, (_, i) => i));
    expect(await lost).to.equal('aborted');
    expect(served).to.deep.equal([[100, 5]]);
    // One for the turn in which they came, and one each as the round begins, is confirmed and is served.
    expect(parts.looks).to.equal(4);
  });

  it('are those that came while two rounds were under way', () => {
    const { reads, contexts, served, applied } = stub();
    for (let turn = 0; turn < 5; turn++) {
      void reads.submit(() => turn, undefined, 1000);
      reads.flush();
    }
    expect(contexts).to.have.lengthOf(2);
    reads.confirmed({ index: 3, requestCtx: contexts[1] });
    reads.flush();
    expect(contexts).to.have.lengthOf(3);
    reads.confirmed({ index: 3, requestCtx: contexts[2] });
    for (const run of applied) run();
    expect(served.map(([count]) => count)).to.deep.equal([1, 3]);
  });
});
