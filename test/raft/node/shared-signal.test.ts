import { getEventListeners } from 'node:events';
import process from 'node:process';

import { expect } from 'chai';
import { bytes } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';
import { NodeHarness } from './harness.js';

const CALLS = 1000;

/** Listeners that this signal has. */
function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}

describe('one signal that many calls share', () => {
  it('has one listener while they wait and none afterwards, and Node.js warns of nothing', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    try {
      const harness = NodeHarness.of();
      const { signal } = new AbortController();
      const waiting = Array.from({ length: CALLS }, () => harness.node.propose(bytes('x'), { signal }));
      expect(await isPending(Promise.race(waiting))).to.equal(true);
      expect(listeners(signal)).to.equal(1);
      await harness.lead();
      await Promise.all(waiting);
      expect(listeners(signal)).to.equal(0);
      for (let i = 0; i < CALLS; i++) await harness.node.propose(bytes('y'), { signal });
      expect(listeners(signal)).to.equal(0);
    } finally {
      process.removeListener('warning', warned);
    }
    expect(warnings).to.deep.equal([]);
  });

  it('ends the wait of all of them, on every node, and not of calls with another signal', async () => {
    const nodes = [NodeHarness.of(), NodeHarness.of()];
    const cancel = new AbortController();
    const { signal } = cancel;
    const waiting = nodes.flatMap(({ node }) => Array.from({ length: 20 }, () => node.propose(bytes('x'), { signal })));
    const other = nodes[0]?.node.propose(bytes('other'), { signal: new AbortController().signal });
    const rejections = Promise.all(waiting.map((call) => rejection(call)));
    cancel.abort(new Error('enough'));
    expect(new Set(await rejections)).to.deep.equal(new Set([signal.reason]));
    expect(listeners(signal)).to.equal(0);
    expect(await isPending(other as Promise<unknown>)).to.equal(true);
  });

  it('may be given again after every call that had it is answered', async () => {
    const harness = NodeHarness.of();
    const cancel = new AbortController();
    const { signal } = cancel;
    const first = harness.node.propose(bytes('a'), { signal });
    await harness.lead();
    await first;
    await harness.node.forgetLeader();
    const second = NodeHarness.of().node.propose(bytes('b'), { signal });
    cancel.abort();
    expect(await rejection(second)).to.equal(signal.reason);
  });
});
