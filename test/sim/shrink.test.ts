import { shrink } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import fc from 'fast-check';

describe('shrinking', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i);

  it('leaves nothing but what is needed, in its order', async () => {
    const needed = [3, 50, 51, 99];
    const shortest = await shrink(hundred, (items) => needed.every((item) => items.includes(item)));
    expect(shortest).to.deep.equal(needed);
  });

  it('ends at a list from which no single item can be left out', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9), { maxLength: 40 }), fc.nat(60), async (items, sum) => {
        const total = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
        fc.pre(total(items) >= sum);
        const shortest = await shrink(items, (candidate) => total(candidate) >= sum);
        expect(total(shortest)).to.be.at.least(sum);
        for (const [i] of shortest.entries()) expect(total(shortest.toSpliced(i, 1))).to.be.below(sum);
      }),
    );
  });

  it('waits for an answer that takes its time', async () => {
    const shortest = await shrink(hundred, async (items) => {
      await Promise.resolve();
      return items.includes(42);
    });
    expect(shortest).to.deep.equal([42]);
  });

  it('gives up after so many tries, with the best that it has', async () => {
    let tries = 0;
    const shortest = await shrink(
      hundred,
      (items) => {
        tries++;
        return items.includes(0) && items.includes(99);
      },
      10,
    );
    expect(tries).to.equal(10);
    expect(shortest).to.include.members([0, 99]);
  });

  it('keeps a list whose every item is needed', async () => {
    expect(await shrink(hundred, (items) => items.length === 100)).to.equal(hundred);
  });
});
