import {
  describeReady,
  emptyConfState,
  isEmptySnap,
  MemoryStorage,
  type Message,
  MessageType,
  type NodeId,
  type Ready,
  restartNode,
} from '@raft-ts/raft';
import { expect } from 'chai';
import {
  bytes,
  entry,
  message,
  newTestConfig,
  newTestMemoryStorage,
  snapshotOf,
  withPeers,
} from '../../helpers/index.js';
import { isPending, turns } from '../../helpers/waiting.js';
import { NodeHarness, RecordingLogger, refusal, replaceRole, textOf } from './harness.js';

function heartbeat(from: NodeId, term: number): Message {
  return message({ type: MessageType.MsgHeartbeat, from, to: 1n, term });
}

describe('Node.ready()', () => {
  describe('builds a Ready', () => {
    it('not before somebody waits for one', async () => {
      const harness = NodeHarness.of();
      let built = 0;
      const { ready } = harness.rawNode;
      harness.rawNode.ready = () => {
        built++;
        return ready.call(harness.rawNode);
      };
      await harness.node.campaign();
      await turns();
      expect(harness.rawNode.hasReady()).to.equal(true);
      expect(built).to.equal(0);
      await harness.ready();
      expect(built).to.equal(1);
    });

    it('after every input of the same turn', async () => {
      const harness = NodeHarness.of();
      await harness.lead();
      const waiting = harness.ready();
      await turns();
      for (const text of ['a', 'b', 'c']) void harness.node.propose(bytes(text));
      expect((await waiting).entries.map(textOf)).to.deep.equal(['a', 'b', 'c']);
    });

    it('with what has arrived since the consumer asked', async () => {
      const harness = NodeHarness.of({}, [1n, 2n]);
      const waiting = harness.ready();
      await harness.node.step(heartbeat(2n, 3));
      expect((await waiting).softState).to.deep.equal({ lead: 2n, raftState: 'StateFollower' });
    });
  });

  describe('without asyncStorageWrites', () => {
    it('makes next() wait for advance()', async () => {
      const harness = NodeHarness.of();
      await harness.lead();
      await harness.node.propose(bytes('a'));
      const first = await harness.ready();
      harness.save(first);
      await harness.node.propose(bytes('b'));
      const second = harness.ready();
      expect(await isPending(second)).to.equal(true);
      harness.node.advance();
      const rd = await second;
      expect(rd.entries.map(textOf)).to.deep.equal(['b']);
      expect(rd.committedEntries.map(textOf)).to.deep.equal(['a']);
    });

    it('warns once, after electionTick ticks of waiting', async () => {
      const logger = new RecordingLogger();
      const harness = NodeHarness.of({ logger, electionTick: 10 });
      await harness.node.campaign();
      const rd = await harness.ready();
      const warnings = (): string[] =>
        logger.lines.filter((line) => line.startsWith('warn') && line.includes('advance'));
      // The consumer is busy with the Ready: that is no reason to warn.
      for (let i = 0; i < 30; i++) harness.node.tick();
      expect(warnings()).to.deep.equal([]);
      const next = harness.ready();
      for (let i = 0; i < 9; i++) harness.node.tick();
      expect(warnings()).to.deep.equal([]);
      harness.node.tick();
      expect(warnings()).to.have.length(1);
      for (let i = 0; i < 50; i++) harness.node.tick();
      expect(warnings()).to.have.length(1);
      harness.save(rd);
      harness.node.advance();
      await next;
    });

    it('lets advance() do nothing if nothing is outstanding', async () => {
      const harness = NodeHarness.of();
      const before = structuredClone(harness.node.status().hardState);
      harness.node.advance();
      harness.node.advance();
      expect(harness.node.status().hardState).to.deep.equal(before);
      await harness.lead();
      await harness.node.propose(bytes('a'));
      const rd = await harness.ready();
      harness.save(rd);
      harness.node.advance();
      const { committed } = harness.rawNode.raft.raftLog;
      harness.node.advance();
      harness.node.advance();
      expect(harness.rawNode.raft.raftLog.committed).to.equal(committed);
      expect((await harness.cycle()).committedEntries.map(textOf)).to.deep.equal(['a']);
      await harness.expectNoReady();
    });
  });

  describe('has one consumer', () => {
    it('a second one is refused while the first is attached', async () => {
      const { node } = NodeHarness.of();
      const loop = async (): Promise<void> => {
        for await (const rd of node.ready()) expect(rd).to.equal(undefined);
      };
      expect((await refusal(loop())).code).to.equal('ERR_RAFT_READY_CONSUMER');
    });

    it('a second next() is refused while the first one waits', async () => {
      const node = restartNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n))));
      const readys = node.ready()[Symbol.asyncIterator]();
      const first = readys.next();
      expect((await refusal(readys.next())).code).to.equal('ERR_RAFT_READY_CONSUMER');
      await node.campaign();
      expect((await first).done).to.equal(false);
      await node.stop();
    });

    it('which may leave the loop, and come back, while the node goes on', async () => {
      const storage = newTestMemoryStorage(withPeers(1n));
      const node = restartNode(newTestConfig(1n, storage));
      await node.campaign();
      const seen: Ready[] = [];
      for await (const rd of node.ready()) {
        seen.push(rd);
        break;
      }
      // The Ready that was taken is still outstanding: another consumer can finish it.
      storage.setHardState(seen[0]?.hardState ?? expect.fail('no hard state'));
      node.tick();
      expect(node.status().hardState.term).to.equal(1);
      const readys = node.ready()[Symbol.asyncIterator]();
      const next = readys.next();
      expect(await isPending(next)).to.equal(true);
      node.advance();
      const rd = (await next).value as Ready;
      expect(rd.softState).to.deep.equal({ lead: 1n, raftState: 'StateLeader' });
      expect(rd.entries).to.deep.equal([entry(1, 1)]);
      await node.stop();
    });

    it('whom one that has left before cannot detach', async () => {
      const node = restartNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n))));
      const first = node.ready()[Symbol.asyncIterator]();
      await first.return?.();
      const second = node.ready()[Symbol.asyncIterator]();
      await first.return?.();
      expect(await first.next()).to.deep.equal({ done: true, value: undefined });
      expect(() => node.ready()[Symbol.asyncIterator]()).to.throw('ready() already has a consumer');
      await node.campaign();
      expect((await second.next()).done).to.equal(false);
      await node.stop();
    });

    it('whose exception leaves the loop too', async () => {
      const storage = newTestMemoryStorage(withPeers(1n));
      const node = restartNode(newTestConfig(1n, storage));
      await node.campaign();
      const consume = async (): Promise<void> => {
        for await (const rd of node.ready()) throw new Error(`cannot store term ${rd.hardState?.term}`);
      };
      let message = '';
      await consume().catch((error: Error) => {
        message = error.message;
      });
      expect(message).to.equal('cannot store term 1');
      node.advance();
      const readys = node.ready()[Symbol.asyncIterator]();
      expect((await readys.next()).done).to.equal(false);
      await node.stop();
    });
  });

  describe('ends with stop()', () => {
    it('while the consumer waits', async () => {
      const { node, done } = (() => {
        const harness = NodeHarness.of();
        return { node: harness.node, done: harness.drive().done };
      })();
      await turns();
      await node.stop();
      await done;
    });

    it('while the consumer works on a Ready', async () => {
      const node = restartNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n))));
      await node.campaign();
      let readys = 0;
      for await (const _ of node.ready()) {
        readys++;
        await node.stop();
        node.advance();
      }
      expect(readys).to.equal(1);
    });

    it('and a loop that begins afterwards ends at once', async () => {
      const node = restartNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n))));
      await node.campaign();
      await node.stop();
      for await (const rd of node.ready()) expect.fail(`a Ready came: ${describeReady(rd)}`);
    });
  });

  it('hands out a snapshot, and entries that follow it, that arrived before one Ready', async () => {
    const harness = new NodeHarness(newTestConfig(1n, new MemoryStorage()));
    const { node } = harness;
    const snapshot = { ...snapshotOf(11, 2, { voters: [1n, 2n] }), data: bytes('state') };
    const to = { from: 2n, to: 1n, term: 2 };
    await node.step(message({ ...to, type: MessageType.MsgSnap, snapshot }));
    await node.step(
      message({
        ...to,
        type: MessageType.MsgApp,
        index: 11,
        logTerm: 2,
        commit: 12,
        entries: [entry(2, 12, 'x'), entry(2, 13)],
      }),
    );
    const rd = await harness.ready();
    expect(isEmptySnap(rd.snapshot)).to.equal(false);
    expect(rd.snapshot).to.deep.equal(snapshot);
    expect(rd.entries).to.deep.equal([entry(2, 12, 'x'), entry(2, 13)]);
    expect(rd.hardState).to.deep.equal({ term: 2, vote: 0n, commit: 12 });
    // The application's state is not the snapshot's yet: nothing is applied on top of it.
    expect(rd.committedEntries).to.deep.equal([]);
    expect(rd.messages.map(({ type, index }) => ({ type, index }))).to.deep.equal([
      { type: MessageType.MsgAppResp, index: 11 },
      { type: MessageType.MsgAppResp, index: 13 },
    ]);
    harness.save(rd);
    node.advance();
    expect(harness.storage.firstIndex()).to.equal(12);
    expect(harness.storage.lastIndex()).to.equal(13);
    expect(harness.storage.initialState().confState).to.deep.equal({ ...emptyConfState(), voters: [1n, 2n] });
    expect((await harness.cycle()).committedEntries).to.deep.equal([entry(2, 12, 'x')]);
    expect(harness.rawNode.raft.raftLog.applied).to.equal(12);
    await harness.expectNoReady();
  });

  it('tells the loop of a RaftPanic that building a Ready met', async () => {
    const harness = NodeHarness.of();
    await harness.lead();
    const waiting = harness.ready();
    const { storage } = harness;
    storage.entries = () => {
      throw new Error('disk on fire');
    };
    replaceRole(harness.rawNode, () => {
      // The entry is only in storage now, which cannot be read.
      harness.rawNode.raft.raftLog.committed = 1;
      harness.rawNode.raft.raftLog.applying = 0;
      harness.rawNode.raft.raftLog.applied = 0;
      return { kind: 'done' };
    });
    await harness.node.propose(undefined);
    let panic: unknown;
    await waiting.catch((error: unknown) => {
      panic = error;
    });
    expect(panic).to.include({ name: 'RaftPanic', rule: 'storage-failed', message: 'disk on fire' });
    let later: unknown;
    await harness.node.campaign().catch((error: unknown) => {
      later = error;
    });
    expect(later).to.equal(panic);
  });
});
