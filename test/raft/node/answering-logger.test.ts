import { type Message, MessageType, RaftPanic } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, message, newTestConfig, newTestMemoryStorage, type Overrides, withPeers } from '../../helpers/index.js';
import { isPending, rejection, turns } from '../../helpers/waiting.js';
import { addVoter } from '../rawnode/changes.js';
import { NodeHarness, RecordingLogger, refusal } from './harness.js';

/** One of three, and what it says. */
function follower(overrides: Overrides = {}): { harness: NodeHarness; logger: RecordingLogger } {
  const logger = new RecordingLogger();
  const config = { ...newTestConfig(1n, newTestMemoryStorage(withPeers(1n, 2n, 3n)), overrides), logger };
  return { harness: new NodeHarness(config), logger };
}

const heartbeat = (from: bigint, term: number): Message =>
  message({ type: MessageType.MsgHeartbeat, from, to: 1n, term });

describe('a Node whose logger answers back', () => {
  it('lets proposals wait on if the leader is forgotten as soon as it is known', async () => {
    const { harness, logger } = follower();
    const { node } = harness;
    const waits = node.propose(bytes('patient'));
    logger.onLine = (line) => {
      if (line.includes('became follower at term 1')) {
        logger.onLine = () => {};
        void node.forgetLeader();
      }
    };
    await node.step(heartbeat(2n, 1));
    expect(logger.lines).to.include('info raft.node: 1 elected leader 2 at term 1');
    expect(logger.lines).to.include('info raft.node: 1 lost leader 2 at term 1');
    expect(await isPending(waits)).to.equal(true);

    await node.step(heartbeat(3n, 2));
    expect(await waits).to.deep.equal({ forwarded: true });
    await node.stop();
  });

  it('does not make a proposal whose caller gives up while another one is made', async () => {
    const { harness, logger } = follower({ disableProposalForwarding: true });
    const { node } = harness;
    const cancel = new AbortController();
    const reason = new Error('given up');
    const refused = refusal(node.propose(bytes('first')));
    const second = rejection(node.propose(bytes('second'), { signal: cancel.signal }));
    logger.onLine = (line) => {
      if (line.includes('not forwarding')) cancel.abort(reason);
    };
    await node.step(heartbeat(2n, 1));
    expect(await refused).to.deep.equal({ code: 'ERR_RAFT_PROPOSAL_DROPPED', reason: 'forwarding-disabled' });
    expect(await second).to.equal(reason);
    expect(logger.lines.filter((line) => line.includes('not forwarding'))).to.have.lengthOf(1);
    await node.stop();
  });

  it('refuses a change of membership from within raft, which could be in the middle of counting', async () => {
    const { harness, logger } = follower();
    let thrown: unknown;
    logger.onLine = () => {
      logger.onLine = () => {};
      try {
        harness.node.applyConfChange(addVoter(4n));
      } catch (error) {
        thrown = error;
      }
    };
    await harness.node.campaign();
    expect(thrown).to.be.instanceOf(RaftPanic);
    expect((thrown as Error).message).to.equal('applyConfChange was called from within raft');
    expect([...harness.rawNode.raft.trk.progress.keys()]).to.deep.equal([1n, 2n, 3n]);
    await harness.node.stop();
  });

  it('ends with an Error even if what was thrown is not one', async () => {
    const { harness, logger } = follower();
    logger.onLine = () => {
      throw 'out of paper' as unknown as Error;
    };
    expect(await rejection(harness.node.campaign())).to.equal('out of paper');
    expect(await rejection(harness.node.propose(bytes('later')))).to.be.instanceOf(Error);
    expect(String(await rejection(harness.node.campaign()))).to.equal('Error: out of paper');
  });
});

describe('a Node that was stopped', () => {
  it('takes reports and ticks without a word, and refuses every call that has an answer', async () => {
    const { harness, logger } = follower();
    const { node } = harness;
    await node.stop();
    const lines = logger.lines.length;
    node.tick();
    node.reportUnreachable(2n);
    node.reportSnapshot(2n, 'failure');
    await turns();
    expect(logger.lines).to.have.lengthOf(lines);
    const stopped = { code: 'ERR_RAFT_STOPPED', reason: undefined };
    expect(await refusal(node.campaign())).to.deep.equal(stopped);
    expect(await refusal(node.propose(bytes('a')))).to.deep.equal(stopped);
    expect(() => node.applyConfChange(addVoter(2n)))
      .to.throw()
      .that.includes({ code: 'ERR_RAFT_STOPPED' });
  });
});
