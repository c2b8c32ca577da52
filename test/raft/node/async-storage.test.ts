import {
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  messageName,
  type Ready,
} from '@raft-ts/raft';
import { expect } from 'chai';
import { bytes, entry, message } from '../../helpers/index.js';
import { isPending, rejection } from '../../helpers/waiting.js';
import { NodeHarness, textOf } from './harness.js';

/** A node with asynchronous storage writes, whose threads work when the test says so. */
class AsyncHarness {
  readonly harness = NodeHarness.of({ asyncStorageWrites: true }, [1n, 2n]);
  readonly node = this.harness.node;
  readonly appends: Message[] = [];
  readonly applies: Message[] = [];
  readonly sent: Message[] = [];
  readonly applied: string[] = [];

  /** Hands the messages of the next Ready to where they belong. */
  async ready(): Promise<Ready> {
    const rd = await this.harness.ready();
    for (const m of rd.messages) {
      if (m.to === LOCAL_APPEND_THREAD) this.appends.push(m);
      else if (m.to === LOCAL_APPLY_THREAD) this.applies.push(m);
      else this.sent.push(m);
    }
    return rd;
  }

  /** The append thread writes the oldest of what waits, and answers. */
  async append(): Promise<void> {
    const m = this.appends.shift() ?? expect.fail('nothing is to be written');
    this.harness.storage.append(m.entries);
    await this.deliver(m);
  }

  async apply(): Promise<void> {
    const m = this.applies.shift() ?? expect.fail('nothing is to be applied');
    this.applied.push(...m.entries.map(textOf));
    await this.deliver(m);
  }

  private async deliver({ responses }: Message): Promise<void> {
    for (const response of responses) {
      if (response.to === 1n) await this.node.step(response);
      else this.sent.push(response);
    }
  }

  sentTypes(): string[] {
    return this.sent.splice(0).map(({ type }) => messageName(type));
  }
}

describe('Node with asyncStorageWrites', () => {
  it('hands out Readys while earlier writes are under way, and answers only when they are done', async () => {
    const t = new AsyncHarness();
    const append = (index: number, text: string): Message =>
      message({
        type: MessageType.MsgApp,
        from: 2n,
        to: 1n,
        term: 1,
        index: index - 1,
        logTerm: index === 1 ? 0 : 1,
        entries: [entry(1, index, text)],
        commit: index - 1,
      });
    await t.node.step(append(1, 'a'));
    await t.ready();
    await t.node.step(append(2, 'b'));
    await t.ready();
    expect(t.appends.map((m) => m.entries.map(textOf))).to.deep.equal([['a'], ['b']]);
    expect(t.sentTypes()).to.deep.equal([]);
    // Committed, but not stable: a member must not apply what it could lose.
    expect(t.applies).to.deep.equal([]);
    await t.append();
    expect(t.sentTypes()).to.deep.equal(['MsgAppResp']);
    await t.ready();
    await t.apply();
    expect(t.applied).to.deep.equal(['a']);
    await t.append();
    expect(t.sentTypes()).to.deep.equal(['MsgAppResp']);
    expect(t.harness.rawNode.raft.raftLog.unstable.length).to.equal(0);
    await t.harness.expectNoReady();
  });

  it('counts its own vote, and its own log, only when they are written', async () => {
    const t = new AsyncHarness();
    await t.node.campaign();
    await t.ready();
    expect(t.sentTypes(), 'nobody is asked before the term and the vote are written').to.deep.equal([]);
    await t.node.step(message({ type: MessageType.MsgVoteResp, from: 2n, to: 1n, term: 1 }));
    expect(t.harness.rawNode.raft.state).to.equal('StateCandidate');
    await t.append();
    expect(t.sentTypes()).to.deep.equal(['MsgVote']);
    expect(t.harness.rawNode.raft.state).to.equal('StateLeader');
    await t.ready();
    await t.node.step(message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 1, index: 1 }));
    expect(t.harness.rawNode.raft.raftLog.committed).to.equal(0);
    await t.append();
    expect(t.harness.rawNode.raft.raftLog.committed).to.equal(1);
  });

  it('next() does not wait for advance(), and advance() is a mistake that ends the node', async () => {
    const t = new AsyncHarness();
    await t.node.campaign();
    await t.ready();
    const next = t.harness.ready();
    expect(await isPending(next)).to.equal(true);
    await t.node.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 2 }));
    expect((await next).hardState).to.deep.equal({ term: 2, vote: 0n, commit: 0 });
    expect(() => t.node.advance()).to.throw('Advance must not be called when using AsyncStorageWrites');
    expect(await rejection(t.node.propose(bytes('x')))).to.include({
      name: 'RaftPanic',
      rule: 'advance-in-async-mode',
    });
  });
});
