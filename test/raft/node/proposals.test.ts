import { MessageType } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, message } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';
import { addLearner, addVoter, changeV2, removeMember } from '../rawnode/changes.js';
import { NodeHarness, refusal } from './harness.js';

async function following(harness: NodeHarness): Promise<NodeHarness> {
  await harness.node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
  return harness;
}

/** Leads a cluster of voters 1 and 2 by the vote of 2. */
async function leading(harness: NodeHarness): Promise<NodeHarness> {
  await harness.node.campaign();
  await harness.cycle();
  await harness.node.step(message({ type: MessageType.MsgVoteResp, from: 2n, to: 1n, term: 1 }));
  expect(harness.rawNode.raft.state).to.equal('StateLeader');
  return harness;
}

describe('Node: proposals that are not taken', () => {
  it('no-leader: the call waits', async () => {
    const { node } = NodeHarness.of();
    const proposal = node.propose(bytes('x'));
    expect(await isPending(proposal)).to.equal(true);
    await node.stop();
    await rejection(proposal);
  });

  it('transferring: while leadership is handed over', async () => {
    const { node } = await leading(NodeHarness.of({}, [1n, 2n]));
    await node.transferLeadership(2n);
    const dropped = { code: 'ERR_RAFT_PROPOSAL_DROPPED', reason: 'transferring' };
    expect(await refusal(node.propose(bytes('x')))).to.deep.equal(dropped);
    expect(await refusal(node.proposeConfChange(addVoter(3n)))).to.deep.equal(dropped);
  });

  it('forwarding-disabled: on a follower that may not forward', async () => {
    const { node } = await following(NodeHarness.of({ disableProposalForwarding: true }, [1n, 2n]));
    const dropped = { code: 'ERR_RAFT_PROPOSAL_DROPPED', reason: 'forwarding-disabled' };
    expect(await refusal(node.propose(bytes('x')))).to.deep.equal(dropped);
  });

  it('quota: with as much uncommitted as there may be', async () => {
    const { node } = await leading(NodeHarness.of({ maxUncommittedEntriesSize: 10 }, [1n, 2n]));
    expect(await node.propose(bytes('0123456789'))).to.deep.equal({ forwarded: false });
    const dropped = { code: 'ERR_RAFT_PROPOSAL_DROPPED', reason: 'quota' };
    expect(await refusal(node.propose(bytes('x')))).to.deep.equal(dropped);
  });

  it('removed: a member that was removed takes none until it hears of another leader', async () => {
    const harness = await leading(NodeHarness.of({}, [1n, 2n]));
    harness.node.applyConfChange(removeMember(1n));
    const proposal = harness.node.propose(bytes('x'));
    expect(await isPending(proposal)).to.equal(true);
    await harness.node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 2 }));
    expect(await proposal).to.deep.equal({ forwarded: true });
  });

  it('a step of a forwarded proposal does not tell its sender', async () => {
    const { node } = await leading(NodeHarness.of({ maxUncommittedEntriesSize: 10 }, [1n, 2n]));
    await node.propose(bytes('0123456789'));
    const entries = [{ type: undefined, term: 0, index: 0, data: bytes('x') }];
    await node.step(message({ type: MessageType.MsgProp, from: 2n, to: 1n, entries }));
    expect(await refusal(node.step(message({ type: MessageType.MsgProp, from: 2n, to: 1n })))).to.deep.equal({
      code: 'ERR_RAFT_MESSAGE_INVALID',
      reason: 'empty-proposal',
    });
  });
});

describe('Node: membership changes', () => {
  it('are refused with the reason if they are not allowed now', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    await harness.node.proposeConfChange(addLearner(2n));
    expect(await refusal(harness.node.proposeConfChange(addLearner(3n)))).to.deep.equal({
      code: 'ERR_RAFT_CONF_CHANGE_REFUSED',
      reason: 'possible unapplied conf change at index 2 (applied to 1)',
    });
    expect(await refusal(harness.node.proposeConfChange(changeV2('')))).to.include({
      code: 'ERR_RAFT_CONF_CHANGE_REFUSED',
    });
  });

  it('are forwarded by a follower, which says so', async () => {
    const { node } = await following(NodeHarness.of({}, [1n, 2n]));
    expect(await node.proposeConfChange(addVoter(3n))).to.deep.equal({ forwarded: true });
  });

  it('are checked without being carried out', () => {
    const { node, rawNode } = NodeHarness.of();
    node.checkConfChange(addVoter(2n));
    expect(() => node.checkConfChange(removeMember(1n)))
      .to.throw()
      .that.includes({
        code: 'ERR_RAFT_CONF_CHANGE_INVALID',
      });
    expect(String(rawNode.raft.trk.config)).to.equal('voters=(1)');
  });

  it('that cannot be carried out are refused, and the node goes on', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    expect(() => harness.node.applyConfChange(removeMember(1n)))
      .to.throw()
      .that.includes({
        code: 'ERR_RAFT_CONF_CHANGE_INVALID',
      });
    expect(String(harness.node.status().config)).to.equal('voters=(1)');
    expect(await harness.node.propose(bytes('x'))).to.deep.equal({ forwarded: false });
    expect(harness.node.applyConfChange(addLearner(2n)).learners).to.deep.equal([2n]);
  });
});
