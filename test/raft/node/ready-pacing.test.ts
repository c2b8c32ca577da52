import { MAX_DEFERRALS, ReadyPacing } from '@raft-ts/raft/internal';
import { expect } from 'chai';

/** Lets this many rounds of microtasks pass. */
async function rounds(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

describe('the pacing of Readys', () => {
  let deliveries: number;
  let pacing: ReadyPacing;
  beforeEach(() => {
    deliveries = 0;
    pacing = new ReadyPacing(() => deliveries++);
  });

  it('delivers after the turn in which it was planned, and once for all that asked', async () => {
    pacing.plan();
    pacing.input();
    pacing.plan();
    expect(deliveries).to.equal(0);
    await rounds(10);
    expect(deliveries).to.equal(1);
  });

  it('does not deliver what nobody planned', async () => {
    pacing.input();
    await rounds(10);
    expect(deliveries).to.equal(0);
  });

  it('waits for callers that each await the one before', async () => {
    pacing.plan();
    for (let i = 0; i < 20; i++) {
      pacing.input();
      expect(deliveries).to.equal(0);
      await Promise.resolve();
    }
    await rounds(10);
    expect(deliveries).to.equal(1);
  });

  it('does not wait for ever while inputs keep coming', async () => {
    pacing.plan();
    let inputs = 0;
    for (; deliveries === 0 && inputs < 10 * MAX_DEFERRALS; inputs++) {
      pacing.input();
      await Promise.resolve();
    }
    expect(deliveries).to.equal(1);
    expect(inputs).to.be.within(MAX_DEFERRALS, MAX_DEFERRALS + 4);
  });

  it('can be planned again by what is delivered', async () => {
    let left = 3;
    const again = new ReadyPacing(() => {
      deliveries++;
      if (--left > 0) again.plan();
    });
    again.plan();
    await rounds(30);
    expect(deliveries).to.equal(3);
  });
});
