import { MAX_WAITING_BYTES, MAX_WAITING_PROPOSALS, type Message, MessageType, newMessage } from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, message, prop } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';
import { addVoter, changeV2 } from '../rawnode/changes.js';
import { NodeHarness, refusal, textOf } from './harness.js';

/** A proposal from member 1 with these payloads. */
function proposalOf(payloads: readonly (Uint8Array | undefined)[]): Message {
  const m = newMessage(MessageType.MsgProp, 1n);
  m.from = 1n;
  m.entries = payloads.map((data) => ({ type: undefined, term: 0, index: 0, data }));
  return m;
}

describe('calls of Node that wait', () => {
  describe('with a signal', () => {
    it('reject at once if it was aborted before the call, and nothing is proposed', async () => {
      const harness = NodeHarness.of();
      await harness.lead();
      const last = harness.rawNode.raft.raftLog.lastIndex();
      const signal = AbortSignal.abort(new Error('never mind'));
      expect(await rejection(harness.node.propose(bytes('a'), { signal }))).to.equal(signal.reason);
      expect(await rejection(harness.node.proposeConfChange(addVoter(2n), { signal }))).to.equal(signal.reason);
      expect(await rejection(harness.node.step(prop(1n, 'a'), { signal }))).to.equal(signal.reason);
      expect(await rejection(harness.node.campaign({ signal }))).to.equal(signal.reason);
      expect(await rejection(harness.node.readIndex(bytes('r'), { signal }))).to.equal(signal.reason);
      expect(await rejection(harness.node.transferLeadership(1n, { signal }))).to.equal(signal.reason);
      expect(await rejection(harness.node.forgetLeader({ signal }))).to.equal(signal.reason);
      expect(harness.rawNode.raft.raftLog.lastIndex()).to.equal(last);
      expect(harness.rawNode.raft.readStates).to.deep.equal([]);
    });

    it('reject at once if it was aborted before the call and no leader is known', async () => {
      const { node } = NodeHarness.of();
      const signal = AbortSignal.abort();
      expect(await rejection(node.propose(bytes('a'), { signal }))).to.equal(signal.reason);
    });

    it('stop waiting when it aborts, and the proposal is not made later', async () => {
      const harness = NodeHarness.of();
      const cancel = new AbortController();
      const given = harness.node.propose(bytes('given up'), { signal: cancel.signal });
      const kept = harness.node.propose(bytes('kept'));
      expect(await isPending(given)).to.equal(true);
      cancel.abort(new Error('too long'));
      expect(await rejection(given)).to.equal(cancel.signal.reason);
      await harness.lead();
      await kept;
      expect(harness.rawNode.raft.raftLog.allEntries().map(textOf)).to.deep.equal(['', 'kept']);
    });

    it('are not changed by an abort after they have resolved', async () => {
      const harness = NodeHarness.of();
      const cancel = new AbortController();
      const waited = harness.node.propose(bytes('a'), { signal: cancel.signal });
      await harness.lead();
      expect(await waited).to.deep.equal({ forwarded: false });
      const direct = harness.node.propose(bytes('b'), { signal: cancel.signal });
      expect(await direct).to.deep.equal({ forwarded: false });
      cancel.abort();
      expect(await waited).to.deep.equal({ forwarded: false });
      expect(harness.rawNode.raft.raftLog.allEntries().map(textOf)).to.deep.equal(['', 'a', 'b']);
    });
  });

  it('are made in the order of the calls when a leader is known', async () => {
    const harness = NodeHarness.of();
    const texts = Array.from({ length: 50 }, (_, i) => `waited ${i}`);
    const waiting = texts.map((text) => harness.node.propose(bytes(text)));
    await harness.lead();
    await Promise.all(waiting);
    expect(harness.rawNode.raft.raftLog.allEntries().map(textOf)).to.deep.equal(['', ...texts]);
  });

  it('keep the order of the calls even if many are made in one turn', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const texts = Array.from({ length: 1000 }, (_, i) => `proposal ${i}`);
    await Promise.all(texts.map((text) => harness.node.propose(bytes(text))));
    expect(harness.rawNode.raft.raftLog.allEntries().slice(1).map(textOf)).to.deep.equal(texts);
  });

  it('go to the leader that was heard of, and say so', async () => {
    const harness = NodeHarness.of({}, [1n, 2n]);
    const waiting = harness.node.propose(bytes('a'));
    await harness.node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
    expect(await waiting).to.deep.equal({ forwarded: true });
    const rd = await harness.ready();
    expect(rd.messages.map(({ type, to }) => ({ type, to }))).to.deep.include({ type: MessageType.MsgProp, to: 2n });
  });

  it('wait again when the leader is lost', async () => {
    const harness = NodeHarness.of({}, [1n, 2n]);
    const { node } = harness;
    await node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
    expect(await node.propose(bytes('a'))).to.deep.equal({ forwarded: true });
    await node.forgetLeader();
    const waiting = node.propose(bytes('b'));
    expect(await isPending(waiting)).to.equal(true);
    await node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 2 }));
    expect(await waiting).to.deep.equal({ forwarded: true });
  });

  it('are bounded: one more than the limit is refused, and one that gives up makes room', async () => {
    const { node } = NodeHarness.of();
    const cancel = new AbortController();
    const first = node.propose(bytes('first'), { signal: cancel.signal });
    const others = Array.from({ length: MAX_WAITING_PROPOSALS - 1 }, () => node.propose(bytes('x')));
    // Each of these, refused or not, is settled in the end.
    for (const proposal of others) proposal.catch(() => {});
    expect(await isPending(Promise.race(others))).to.equal(true);
    const more = node.propose(bytes('one more'));
    expect(await isPending(more)).to.equal(false);
    expect((await refusal(more)).code).to.equal('ERR_RAFT_TOO_MANY_WAITERS');
    expect((await refusal(node.step(prop(1n, 'x')))).code).to.equal('ERR_RAFT_TOO_MANY_WAITERS');
    cancel.abort();
    await rejection(first);
    const room = node.propose(bytes('room'));
    expect(await isPending(room)).to.equal(true);
    await node.stop();
    expect((await refusal(room)).code).to.equal('ERR_RAFT_STOPPED');
  });

  describe('are bounded in bytes', () => {
    const quarter = new Uint8Array(MAX_WAITING_BYTES / 4 - 160);
    const tooMany = { code: 'ERR_RAFT_TOO_MANY_WAITERS', reason: 'bytes' };

    it("whether they are the application's own or came in messages; what gives up makes room at once", async () => {
      const harness = NodeHarness.of();
      const { node } = harness;
      const closed = new AbortController();
      const own = node.propose(quarter);
      const stepped = [0, 1, 2].map(() => node.step(proposalOf([quarter]), { signal: closed.signal }));
      expect(await isPending(Promise.race([own, ...stepped]))).to.equal(true);
      expect(await refusal(node.propose(bytes('x')))).to.deep.equal(tooMany);
      expect(await refusal(node.step(prop(1n, 'x')))).to.deep.equal(tooMany);
      expect(await refusal(node.proposeConfChange(addVoter(2n)))).to.deep.equal(tooMany);
      closed.abort(new Error('the request was closed'));
      for (const given of stepped) expect(await rejection(given)).to.equal(closed.signal.reason);
      const room = [0, 1, 2].map(() => node.propose(quarter));
      for (const proposal of room) proposal.catch(() => {});
      expect(await refusal(node.propose(undefined))).to.deep.equal(tooMany);
      await harness.lead();
      await Promise.all([own, ...room]);
      expect(harness.rawNode.raft.raftLog.lastIndex()).to.equal(5);
    });

    it('also those of many entries without a byte', async () => {
      const { node } = NodeHarness.of();
      const empty = Array.from({ length: 65_536 }, () => undefined);
      const held = Math.floor(MAX_WAITING_BYTES / (160 * empty.length));
      for (let i = 0; i < held; i++) node.step(proposalOf(empty)).catch(() => {});
      expect(await refusal(node.step(proposalOf(empty)))).to.deep.equal(tooMany);
      await node.stop();
    });

    it('and one that alone exceeds the bound is taken while there is a leader', async () => {
      const harness = NodeHarness.of();
      const large = new Uint8Array(MAX_WAITING_BYTES);
      expect(await refusal(harness.node.propose(large))).to.deep.equal(tooMany);
      await harness.lead();
      expect(await harness.node.propose(large)).to.deep.equal({ forwarded: false });
    });
  });

  it('are all rejected by stop(), and so is every later call', async () => {
    const harness = NodeHarness.of();
    const { node } = harness;
    const waiting = [
      node.propose(bytes('a')),
      node.proposeConfChange(addVoter(2n)),
      node.step(prop(1n, 'b')),
      node.propose(bytes('c'), { signal: new AbortController().signal }),
    ];
    for (const call of waiting) call.catch(() => {});
    await node.stop();
    await node.stop();
    for (const call of waiting)
      expect(await refusal(call)).to.deep.equal({ code: 'ERR_RAFT_STOPPED', reason: undefined });
    const later = [
      node.propose(bytes('a')),
      node.proposeConfChange(addVoter(2n)),
      node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 5 })),
      node.campaign(),
      node.readIndex(bytes('r')),
      node.transferLeadership(1n),
      node.forgetLeader(),
    ];
    for (const call of later) expect((await refusal(call)).code).to.equal('ERR_RAFT_STOPPED');
    expect(() => node.applyConfChange(changeV2('l2'))).to.throw('raft: stopped');
    const before = harness.rawNode.raft.electionElapsed;
    node.tick();
    node.reportUnreachable(2n);
    node.reportSnapshot(2n, 'finish');
    node.advance();
    expect(harness.rawNode.raft.electionElapsed).to.equal(before);
    expect(harness.rawNode.raft.term).to.equal(0);
  });
});
