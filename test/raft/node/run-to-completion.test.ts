import { describeReady, RaftPanic } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';
import { NodeHarness, RecordingLogger, replaceRole, textOf } from './harness.js';

/** What the next input of this node meets. */
function breakNext(harness: NodeHarness, whileBroken: () => void = () => {}): RaftPanic {
  const panic = new RaftPanic('invariant', 'broken on purpose');
  replaceRole(harness.rawNode, () => {
    whileBroken();
    throw panic;
  });
  return panic;
}

/** Lets go of the thread of control until this promise is settled, however that ends. */
async function reason(promise: Promise<unknown>): Promise<unknown> {
  expect(await isPending(promise), 'still waiting').to.equal(false);
  return rejection(promise);
}

describe('the inputs of Node', () => {
  it('run to completion: a call from a logger is carried out after the one that it interrupts', async () => {
    const logger = new RecordingLogger();
    const harness = NodeHarness.of({ logger });
    const { node, rawNode } = harness;
    let inner: Promise<unknown> | undefined;
    logger.onLine = (line) => {
      if (inner !== undefined || !line.includes('became candidate')) return;
      // In the middle of the campaign: the term is new, but the member has not voted for itself yet.
      node.tick();
      inner = node.propose(bytes('from the logger'));
      void node.campaign();
      expect(rawNode.raft.electionElapsed).to.equal(0);
      logger.lines.push('-- the logger is done');
    };
    await node.campaign();
    const done = logger.lines.indexOf('-- the logger is done');
    const campaigns = logger.lines.flatMap((line, i) => (line.includes('is starting a new election') ? [i] : []));
    // The campaign from within the logger began when the first one was over, and met a candidate of term 1.
    expect(campaigns).to.have.length(2);
    expect(campaigns[1]).to.be.greaterThan(done);
    expect(rawNode.raft.term).to.equal(2);
    logger.onLine = () => {};
    await harness.lead();
    await inner;
    expect(textOf(rawNode.raft.raftLog.allEntries().at(-1))).to.equal('from the logger');
  });

  it('keep their order: calls from within one input follow each other as they were made', async () => {
    const logger = new RecordingLogger();
    const harness = NodeHarness.of({ logger });
    await harness.lead();
    const calls: Promise<unknown>[] = [];
    logger.onLine = (line) => {
      if (!line.includes('is being unreachable for the test')) return;
      for (const text of ['b', 'c', 'd']) calls.push(harness.node.propose(bytes(text)));
    };
    const { propose } = harness.rawNode;
    harness.rawNode.propose = (data) => {
      const receipt = propose.call(harness.rawNode, data);
      if (new TextDecoder().decode(data) === 'a') logger.info('is being unreachable for the test');
      return receipt;
    };
    await harness.node.propose(bytes('a'));
    await Promise.all(calls);
    expect(harness.rawNode.raft.raftLog.allEntries().map(textOf)).to.deep.equal(['', 'a', 'b', 'c', 'd']);
  });

  describe('that meet a RaftPanic end the node', () => {
    it('the call that met it rejects with it, and so do the loop and later calls', async () => {
      const harness = NodeHarness.of();
      await harness.lead();
      const loop = harness.ready();
      loop.catch(() => {});
      const panic = breakNext(harness);
      expect(await reason(harness.node.propose(bytes('a')))).to.equal(panic);
      expect(await reason(loop)).to.equal(panic);
      expect(await reason(harness.node.propose(bytes('b')))).to.equal(panic);
      expect(await reason(harness.node.campaign())).to.equal(panic);
      expect(() => harness.node.applyConfChange({ id: 0n, type: 0, nodeId: 0n, context: undefined })).to.throw(
        'broken on purpose',
      );
      const again = (async () => {
        for await (const rd of harness.node.ready()) expect.fail(describeReady(rd));
      })();
      expect(await reason(again)).to.equal(panic);
      await harness.node.stop();
    });

    it('a call that returns nothing to wait for throws it', async () => {
      const harness = NodeHarness.of();
      await harness.lead();
      const loop = harness.ready();
      loop.catch(() => {});
      const panic = breakNext(harness);
      expect(() => harness.node.reportUnreachable(1n)).to.throw('broken on purpose');
      expect(await reason(loop)).to.equal(panic);
    });

    it('proposals that wait for a leader are rejected with it', async () => {
      const harness = NodeHarness.of();
      const waiting = harness.node.propose(bytes('a'));
      waiting.catch(() => {});
      const panic = breakNext(harness);
      expect(await reason(harness.node.forgetLeader())).to.equal(panic);
      expect(await reason(waiting)).to.equal(panic);
    });

    it('calls that were made in the middle of it are rejected with it too', async () => {
      const harness = NodeHarness.of();
      await harness.lead();
      const inner: Promise<unknown>[] = [];
      const panic = breakNext(harness, () => {
        if (inner.length === 0) inner.push(harness.node.campaign(), harness.node.propose(bytes('inner')));
        for (const call of inner) call.catch(() => {});
      });
      expect(await reason(harness.node.propose(bytes('outer')))).to.equal(panic);
      for (const call of inner) expect(await reason(call)).to.equal(panic);
    });

    it('a waiting proposal that meets it when a leader is known rejects with it', async () => {
      const harness = NodeHarness.of();
      const waiting = harness.node.propose(bytes('a'));
      waiting.catch(() => {});
      await harness.node.campaign();
      const rd = await harness.ready();
      harness.save(rd);
      const panic = new RaftPanic('invariant', 'broken on purpose');
      harness.rawNode.propose = () => {
        throw panic;
      };
      expect(() => harness.node.advance()).to.throw('broken on purpose');
      expect(await reason(waiting)).to.equal(panic);
    });
  });

  it('let timers and sockets run: a loop of awaited proposals does not hold up the event loop', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const proposals = 20_000;
    let timersFired = 0;
    let immediatesRan = 0;
    let running = true;
    const onTimer = (): void => {
      timersFired++;
      if (running) setTimeout(onTimer, 0);
    };
    const onImmediate = (): void => {
      immediatesRan++;
      if (running) setImmediate(onImmediate);
    };
    setTimeout(onTimer, 0);
    setImmediate(onImmediate);
    for (let i = 0; i < proposals; i++) await harness.node.propose(bytes('x'));
    running = false;
    // Once in a thousand proposals is the least; a timer needs a millisecond to pass, too.
    expect(immediatesRan, 'turns of the event loop').to.be.at.least(proposals / 1000);
    expect(timersFired, 'timers').to.be.at.least(1);
  });
});
