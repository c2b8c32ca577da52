import { type Message, MessageType } from '@raft-ts/raft';
import { payloadsSize } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  beat,
  hup,
  message,
  Network,
  newVoter,
  prop,
  propEntries,
  proposed,
  read,
  readMessages,
  step,
} from '../../helpers/index.js';

const voters = [1n, 2n, 3n];

describe("etcd's tests of Node that need a network", () => {
  it('ND-004 TestDisableProposalForwarding: a follower drops proposals if forwarding is switched off', () => {
    const r1 = newVoter(1n, voters);
    const r2 = newVoter(2n, voters);
    const r3 = newVoter(3n, voters, { disableProposalForwarding: true });
    const network = new Network([r1, r2, r3]);
    network.send(hup(1n));

    expect(step(r2, prop(2n, 'testdata'))).to.deep.equal({ kind: 'forwarded' });
    expect(r2.msgs.map(({ type, to }) => ({ type, to }))).to.deep.equal([{ type: MessageType.MsgProp, to: 1n }]);
    expect(step(r3, prop(3n, 'testdata'))).to.deep.equal({ kind: 'dropped', reason: 'forwarding-disabled' });
    expect(r3.msgs).to.deep.equal([]);
  });

  it('ND-005 TestNodeReadIndexToOldLeader: a deposed leader forwards reads to the new one, without a term', () => {
    const r1 = newVoter(1n, voters);
    const r2 = newVoter(2n, voters);
    const r3 = newVoter(3n, voters);
    const network = new Network([r1, r2, r3]);
    network.send(hup(1n));
    const entries = read(2n, 'testdata').entries;
    const forwarded = (from: bigint, to: bigint): Message =>
      message({ type: MessageType.MsgReadIndex, from, to, entries });

    step(r2, read(2n, 'testdata'));
    expect(r2.msgs).to.deep.equal([forwarded(2n, 1n)]);
    step(r3, read(3n, 'testdata'));
    expect(r3.msgs).to.deep.equal([forwarded(3n, 1n)]);
    const [first, second] = [r2.msgs[0] as Message, r3.msgs[0] as Message];

    // The new leader is found by an election; what r2 and r3 wanted to send is not delivered.
    readMessages(r2);
    readMessages(r3);
    network.send(hup(3n));
    expect(r1.lead).to.equal(3n);
    step(r1, first);
    step(r1, second);
    expect(r1.msgs).to.deep.equal([forwarded(2n, 3n), forwarded(3n, 3n)]);
  });

  it('ND-019 TestAppendPagination: maxSizePerMsg bounds every append, and appends are filled up to it', () => {
    const network = new Network(['fresh', 'fresh', 'fresh'], { maxSizePerMsg: 2048 });
    const sizes: number[] = [];
    network.msgHook = (m) => {
      if (m.type === MessageType.MsgApp) sizes.push(payloadsSize(m.entries));
      return true;
    };
    network.send(hup(1n));
    network.isolate(1n);
    for (let i = 0; i < 5; i++) network.send(propEntries(1n, [proposed('a'.repeat(1000))]));
    network.recover();
    network.send(beat(1n));
    // Two entries of a thousand bytes fit, and the empty one of the new leader before.
    expect(Math.max(...sizes)).to.equal(2000);
    const delivered = [2n, 3n].map((id) => payloadsSize(network.member(id).raftLog.allEntries()));
    expect(delivered).to.deep.equal([5000, 5000]);
  });
});
