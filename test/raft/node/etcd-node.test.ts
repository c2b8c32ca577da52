import {
  EntryType,
  emptyConfState,
  isEmptyHardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  type RawNode,
  type Ready,
  restartNode,
  startNode,
} from '@raft-ts/raft';
import { marshalConfChange } from '@raft-ts/raft/internal';
import { expect } from 'chai';

import {
  bytes,
  entry,
  message,
  newTestConfig,
  newTestMemoryStorage,
  newTestRawNode,
  prop,
  withPeers,
} from '../../helpers/index.js';
import { isPending, rejection, turns } from '../../helpers/waiting.js';
import { addLearner, addVoter } from '../rawnode/changes.js';
import { generousStorage } from '../rawnode/generous-storage.js';
import { NodeHarness, recordMessages, refusal, replaceRole, textOf } from './harness.js';

const emptyReady: Ready = {
  softState: undefined,
  hardState: undefined,
  readStates: [],
  entries: [],
  snapshot: undefined,
  committedEntries: [],
  messages: [],
  mustSync: false,
};

describe("etcd's tests of Node", () => {
  it('ND-001 TestNodeStep: a proposal waits for a leader, local kinds are ignored, every other kind reaches the core', async () => {
    const harness = NodeHarness.of({}, [1n, 2n]);
    const stepped: number[] = [];
    const { raft } = harness.rawNode;
    raft.step = (m) => {
      stepped.push(m.type);
      return { kind: 'done' };
    };
    const local = new Set<number>([
      MessageType.MsgHup,
      MessageType.MsgBeat,
      MessageType.MsgUnreachable,
      MessageType.MsgSnapStatus,
      MessageType.MsgCheckQuorum,
      MessageType.MsgStorageAppend,
      MessageType.MsgStorageAppendResp,
      MessageType.MsgStorageApply,
      MessageType.MsgStorageApplyResp,
    ]);
    expect(Object.keys(MessageType)).to.have.length(24);
    for (const type of Object.values(MessageType)) {
      const done = harness.node.step(message({ type, from: 2n, to: 1n, term: 1, entries: [entry(1, 1, 'x')] }));
      if (type === MessageType.MsgProp) {
        expect(await isPending(done)).to.equal(true);
        done.catch(() => {});
      } else {
        await done;
      }
      expect(stepped.splice(0), `type ${type}`).to.deep.equal(
        local.has(type) || type === MessageType.MsgProp ? [] : [type],
      );
    }
    await harness.node.stop();
  });

  describe('ND-002 TestNodeStepUnblock: a step that waits is released', () => {
    const forwarded = (): Message => prop(1n, 'x');

    it('by stop', async () => {
      const { node } = NodeHarness.of();
      const step = node.step(forwarded());
      expect(await isPending(step)).to.equal(true);
      await node.stop();
      expect(await isPending(step)).to.equal(false);
      expect(await refusal(step)).to.deep.equal({ code: 'ERR_RAFT_STOPPED', reason: undefined });
    });

    it("by the caller's signal", async () => {
      const { node } = NodeHarness.of();
      const cancel = new AbortController();
      const step = node.step(forwarded(), { signal: cancel.signal });
      expect(await isPending(step)).to.equal(true);
      cancel.abort();
      expect(await isPending(step)).to.equal(false);
      expect(await rejection(step)).to.equal(cancel.signal.reason);
    });
  });

  it('ND-003 TestNodePropose: a proposal reaches the core as MsgProp', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const recorded = recordMessages(harness.rawNode, MessageType.MsgAppResp);
    await harness.node.propose(bytes('somedata'));
    await harness.node.stop();
    expect(recorded.map(({ type }) => type)).to.deep.equal([MessageType.MsgProp]);
    expect(recorded[0]?.entries).to.have.length(1);
    expect(textOf(recorded[0]?.entries[0])).to.equal('somedata');
  });

  it('ND-006 TestNodeProposeConfig: a membership change reaches the core as MsgProp with the encoded change', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const recorded = recordMessages(harness.rawNode, MessageType.MsgAppResp);
    await harness.node.proposeConfChange(addVoter(1n));
    await harness.node.stop();
    expect(recorded.map(({ type }) => type)).to.deep.equal([MessageType.MsgProp]);
    expect(recorded[0]?.entries).to.deep.equal([
      { type: EntryType.EntryConfChange, term: 0, index: 0, data: marshalConfChange(addVoter(1n)).data },
    ]);
  });

  it('ND-007 TestNodeProposeAddDuplicateNode: adding a voter again does not stand in the way of the next change', async () => {
    const harness = NodeHarness.of();
    await harness.node.campaign();
    await harness.cycle();
    const { committed, done } = harness.drive();
    for (const [nodeId, length] of [
      [1n, 2],
      [1n, 3],
      [2n, 4],
    ] as const) {
      await harness.node.proposeConfChange(addVoter(nodeId));
      // With voter 2, which is not there, nothing more would commit: this one commits by the old configuration.
      while (committed.length < length) {
        harness.node.tick();
        await turns(1);
      }
    }
    await harness.node.stop();
    await done;
    expect(committed.map(({ type }) => type)).to.deep.equal([
      undefined,
      EntryType.EntryConfChange,
      EntryType.EntryConfChange,
      EntryType.EntryConfChange,
    ]);
    expect(committed.map(({ data }) => data)).to.deep.equal([
      undefined,
      marshalConfChange(addVoter(1n)).data,
      marshalConfChange(addVoter(1n)).data,
      marshalConfChange(addVoter(2n)).data,
    ]);
  });

  it('ND-008 TestBlockProposal: a proposal waits while no leader is known, and is taken when one is', async () => {
    const harness = NodeHarness.of();
    const proposal = harness.node.propose(bytes('somedata'));
    expect(await isPending(proposal)).to.equal(true);
    await harness.node.campaign();
    await harness.cycle();
    expect(await proposal).to.deep.equal({ forwarded: false });
    expect(textOf(harness.rawNode.raft.raftLog.allEntries().at(-1))).to.equal('somedata');
  });

  it('ND-009 TestNodeProposeWaitDropped: a proposal that the core drops is reported as dropped', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const recorded: Message[] = [];
    replaceRole(harness.rawNode, (m) => {
      if (m.type === MessageType.MsgProp && textOf(m.entries[0]) === 'test_dropping') {
        return { kind: 'dropped', reason: 'quota' };
      }
      if (m.type !== MessageType.MsgAppResp) recorded.push(m);
      return { kind: 'done' };
    });
    const dropped = harness.node.propose(bytes('test_dropping'));
    expect(await refusal(dropped)).to.deep.equal({ code: 'ERR_RAFT_PROPOSAL_DROPPED', reason: 'quota' });
    expect(((await rejection(dropped)) as Error).message).to.equal('raft proposal dropped');
    expect(recorded).to.deep.equal([]);
  });

  it('ND-010 TestNodeTick: a tick moves the election timer by one', () => {
    const { node, rawNode } = NodeHarness.of();
    const before = rawNode.raft.electionElapsed;
    node.tick();
    expect(rawNode.raft.electionElapsed).to.equal(before + 1);
  });

  it('ND-011 TestNodeStop: stop ends the loop, and again does nothing', async () => {
    const harness = NodeHarness.of();
    const { done } = harness.drive();
    expect(harness.node.status().id).to.equal(1n);
    await harness.node.stop();
    await done;
    // Where etcd's answer is empty after a stop, ours is the state that the node ended with.
    expect(harness.node.status()).to.deep.equal(harness.rawNode.status());
    await harness.node.stop();
    await harness.node[Symbol.asyncDispose]();
    expect((await refusal(harness.node.campaign())).code).to.equal('ERR_RAFT_STOPPED');
  });

  it('ND-012 TestNodeStart: a new cluster begins with its membership at term 1, and hands out exactly these Readys', async () => {
    const storage = new MemoryStorage();
    const node = startNode(newTestConfig(1n, storage), [{ id: 1n }]);
    const readys = node.ready()[Symbol.asyncIterator]();
    const next = async (): Promise<Ready> => {
      const { value } = (await readys.next()) as IteratorYieldResult<Ready>;
      storage.append(value.entries);
      return value;
    };
    const added = {
      type: EntryType.EntryConfChange,
      term: 1,
      index: 1,
      data: marshalConfChange(addVoter(1n)).data,
    };
    expect(await next()).to.deep.equal({
      ...emptyReady,
      hardState: { term: 1, vote: 0n, commit: 1 },
      entries: [added],
      committedEntries: [added],
      mustSync: true,
    });
    node.advance();

    await node.campaign();
    const vote = await next();
    expect(vote.hardState).to.deep.equal({ term: 2, vote: 1n, commit: 1 });
    node.advance();
    const noop = await next();
    expect(noop.entries).to.deep.equal([entry(2, 2)]);
    node.advance();

    await node.propose(bytes('foo'));
    expect(await next()).to.deep.equal({
      ...emptyReady,
      hardState: { term: 2, vote: 1n, commit: 2 },
      entries: [entry(2, 3, 'foo')],
      committedEntries: [entry(2, 2)],
      mustSync: true,
    });
    node.advance();
    expect(await next()).to.deep.equal({
      ...emptyReady,
      hardState: { term: 2, vote: 1n, commit: 3 },
      committedEntries: [entry(2, 3, 'foo')],
    });
    node.advance();
    expect(await isPending(readys.next())).to.equal(true);
    await node.stop();
  });

  it('ND-013 TestNodeRestart: a member that restarts applies what it had committed, and nothing else is to be done', async () => {
    const storage = new MemoryStorage();
    storage.setHardState({ term: 1, vote: 0n, commit: 1 });
    storage.append([entry(1, 1), entry(1, 2, 'foo')]);
    const node = restartNode(newTestConfig(1n, storage));
    const readys = node.ready()[Symbol.asyncIterator]();
    expect((await readys.next()).value).to.deep.equal({ ...emptyReady, committedEntries: [entry(1, 1)] });
    node.advance();
    expect(await isPending(readys.next())).to.equal(true);
    await node.stop();
  });

  it('ND-014 TestNodeRestartFromSnapshot: what the snapshot covers is not applied again', async () => {
    const storage = new MemoryStorage();
    storage.setHardState({ term: 1, vote: 0n, commit: 3 });
    const confState = { ...emptyConfState(), voters: [1n, 2n] };
    storage.applySnapshot({ data: undefined, metadata: { confState, index: 2, term: 1 } });
    storage.append([entry(1, 3, 'foo')]);
    const node = restartNode(newTestConfig(1n, storage));
    const readys = node.ready()[Symbol.asyncIterator]();
    expect((await readys.next()).value).to.deep.equal({ ...emptyReady, committedEntries: [entry(1, 3, 'foo')] });
    node.advance();
    expect(await isPending(readys.next())).to.equal(true);
    await node.stop();
  });

  it('ND-015 TestNodeAdvance: after advance the next Ready comes', async () => {
    const harness = NodeHarness.of();
    await harness.node.campaign();
    await harness.cycle();
    await harness.cycle();
    await harness.node.propose(bytes('foo'));
    const rd = await harness.ready();
    harness.save(rd);
    harness.node.advance();
    const next = await harness.ready();
    expect(next.committedEntries.map(textOf)).to.deep.equal(['foo']);
  });

  it('ND-016 TestSoftStateEqual: a Ready tells leader and role exactly if one of them has changed', () => {
    const ready = (change: (raft: RawNode['raft']) => void): Ready => {
      const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n)));
      change(rawNode.raft);
      return rawNode.readyWithoutAccept();
    };
    expect(ready(() => {}).softState).to.equal(undefined);
    const led = ready((raft) => raft.becomeFollower(raft.term, 2n));
    expect(led.softState).to.deep.equal({ lead: 2n, raftState: 'StateFollower' });
    const campaigns = ready((raft) => raft.becomePreCandidate());
    expect(campaigns.softState).to.deep.equal({ lead: 0n, raftState: 'StatePreCandidate' });
  });

  it('ND-017 TestIsHardStateEqual: a hard state is empty only if term, vote and commit all are', () => {
    expect(isEmptyHardState(undefined)).to.equal(true);
    expect(isEmptyHardState({ term: 0, vote: 0n, commit: 0 })).to.equal(true);
    expect(isEmptyHardState({ term: 0, vote: 1n, commit: 0 })).to.equal(false);
    expect(isEmptyHardState({ term: 0, vote: 0n, commit: 1 })).to.equal(false);
    expect(isEmptyHardState({ term: 1, vote: 0n, commit: 0 })).to.equal(false);
  });

  it('ND-018 TestNodeProposeAddLearnerNode: applying the change makes the member a learner beside the one voter', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    await harness.node.proposeConfChange(addLearner(2n));
    const rd = await harness.ready();
    harness.save(rd);
    expect(rd.entries.map(({ type }) => type)).to.deep.equal([EntryType.EntryConfChange]);
    const confState = harness.node.applyConfChange(addLearner(2n));
    expect(confState).to.deep.equal({ ...emptyConfState(), voters: [1n], learners: [2n] });
    harness.node.advance();
    await harness.node.stop();
  });

  it('ND-020 TestCommitPagination: maxCommittedSizePerReady bounds what one Ready hands to the application', async () => {
    const harness = NodeHarness.of({ maxCommittedSizePerReady: 2048 });
    await harness.node.campaign();
    await harness.cycle();
    await harness.cycle();
    expect((await harness.cycle()).committedEntries).to.have.length(1);
    const payload = new Uint8Array(1000).fill(97);
    for (let i = 0; i < 3; i++) await harness.node.propose(payload);
    expect((await harness.cycle()).entries).to.have.length(3);
    expect((await harness.cycle()).committedEntries).to.have.length(2);
    expect((await harness.cycle()).committedEntries).to.have.length(1);
    await harness.expectNoReady();
  });

  it('ND-021 TestCommitPaginationWithAsyncStorageWrites: the limit holds for everything that was not confirmed', async () => {
    const harness = NodeHarness.of({ maxCommittedSizePerReady: 2048, asyncStorageWrites: true });
    const { node, storage } = harness;
    const deliver = async (m: Message): Promise<void> => {
      for (const response of m.responses) await node.step(response);
    };
    const append = async (m: Message | undefined): Promise<void> => {
      expect(m?.type).to.equal(MessageType.MsgStorageAppend);
      expect(m?.to).to.equal(LOCAL_APPEND_THREAD);
      storage.append((m as Message).entries);
      await deliver(m as Message);
    };
    const oneEntryToApply = (m: Message | undefined): Message => {
      expect(m?.type).to.equal(MessageType.MsgStorageApply);
      expect(m?.to).to.equal(LOCAL_APPLY_THREAD);
      expect(m?.entries).to.have.length(1);
      expect(m?.responses).to.have.length(1);
      return m as Message;
    };
    const messages = async (count: number): Promise<readonly Message[]> => {
      const rd = await harness.ready();
      expect(rd.messages).to.have.length(count);
      return rd.messages;
    };

    await node.campaign();
    await append((await messages(1))[0]);
    await append((await messages(1))[0]);
    let both = await messages(2);
    await append(both[0]);
    await deliver(oneEntryToApply(both[1]));

    const payload = new Uint8Array(1024).fill(97);
    await node.propose(payload);
    const first = await messages(1);
    expect(first[0]?.entries).to.have.length(1);
    await append(first[0]);

    await node.propose(payload);
    both = await messages(2);
    await append(both[0]);
    const held1 = oneEntryToApply(both[1]);

    await node.propose(payload);
    both = await messages(2);
    await append(both[0]);
    const held2 = oneEntryToApply(both[1]);

    // Two times 1031 bytes are out: more than 2048, so the third entry waits for one of them.
    for (;;) {
      const early = harness.ready();
      if (await isPending(early)) {
        await deliver(held1);
        const rd = await early;
        expect(rd.messages).to.have.length(1);
        const held3 = oneEntryToApply(rd.messages[0]);
        await deliver(held2);
        await deliver(held3);
        break;
      }
      for (const m of (await early).messages) {
        expect(m.type).to.not.equal(MessageType.MsgStorageApply);
        await append(m);
      }
    }
    await harness.expectNoReady();
    expect(harness.rawNode.raft.raftLog.applied).to.equal(4);
  });

  it('ND-022 TestNodeCommitPaginationAfterRestart: the commit index that is handed out never goes back', async () => {
    const storage = generousStorage();
    storage.setHardState({ term: 1, vote: 1n, commit: 10 });
    const node = restartNode(newTestConfig(1n, storage, { maxSizePerMsg: 10 * 9 - 9 - 1 }));
    const { value } = await node.ready()[Symbol.asyncIterator]().next();
    const { hardState, committedEntries } = value as Ready;
    expect(hardState).to.equal(undefined);
    expect(committedEntries.map(({ index }) => index)).to.deep.equal([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await node.stop();
  });
});
