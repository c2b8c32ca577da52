import { type MemoryStorage, type Message, MessageType, newMessage, type RawNode } from '@raft-ts/raft';
import { MAX_BACKLOG, MAX_UNCOMMITTED_ENTRIES, MAX_WAITING_READ_BYTES, resolveConfig } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { message, newTestConfig, newTestMemoryStorage } from '../../helpers/index.js';
import { NodeHarness, refusal } from '../node/harness.js';
import { memberOf } from './member-in-state.js';

function proposal(payloads: readonly (Uint8Array | undefined)[]): Message {
  const m = newMessage(MessageType.MsgProp, 1n);
  m.from = 2n;
  m.entries = payloads.map((data) => ({ type: undefined, term: 0, index: 0, data }));
  return m;
}

function read(size: number): Message {
  const m = newMessage(MessageType.MsgReadIndex, 1n);
  m.from = 2n;
  m.entries = [{ type: undefined, term: 0, index: 0, data: new Uint8Array(size) }];
  return m;
}

const MiB = 2 ** 20;

/** Takes the next Ready and stores what it says; nothing is sent. */
function save(rawNode: RawNode): void {
  const storage = rawNode.raft.raftLog.storage as MemoryStorage;
  storage.append(rawNode.ready().entries);
  rawNode.advance();
}

describe('what others send is bounded in bytes while it waits', () => {
  it('reads at a leader that no quorum confirms', async () => {
    const { rawNode } = memberOf('leader');
    const { raft } = rawNode;
    const waiting = (): number => raft.readOnly.waiting + raft.pendingReadIndexMessages.length;
    for (let i = 0; i < 20; i++) rawNode.step(read(MiB));
    expect(waiting()).to.equal(MAX_WAITING_READ_BYTES / MiB);
    rawNode.step(read(0));
    expect(waiting()).to.equal(MAX_WAITING_READ_BYTES / MiB + 1);
    // Served in this term, they wait for the quorum, and count on.
    raft.raftLog.committed = 4;
    for (const pending of raft.pendingReadIndexMessages.splice(0)) raft.readOnly.addRequest(4, pending);
    raft.pendingReadBytes = 0;
    rawNode.step(read(1));
    expect(waiting()).to.equal(MAX_WAITING_READ_BYTES / MiB + 1);
    raft.readOnly.recvAck(1n, raft.readOnly.heartbeatCtx());
    raft.readOnly.recvAck(2n, raft.readOnly.heartbeatCtx());
    expect(raft.readOnly.maybeAdvance(raft.trk.config.voters)).to.have.lengthOf(17);
    rawNode.step(read(1));
    expect(raft.readOnly.waitingBytes).to.equal(1);
    raft.readOnly.reset();
    expect(raft.readOnly.waitingBytes).to.equal(0);
  });

  it('reads of the program itself, which is told', async () => {
    const harness = NodeHarness.of({}, [1n, 2n]);
    harness.rawNode.raft.becomeCandidate();
    harness.rawNode.raft.becomeLeader();
    await harness.node.readIndex(new Uint8Array(MAX_WAITING_READ_BYTES));
    expect(await refusal(harness.node.readIndex(Uint8Array.of(1)))).to.deep.equal({
      code: 'ERR_RAFT_TOO_MANY_WAITERS',
      reason: 'bytes',
    });
  });

  it('empty entries at a leader that commits nothing', () => {
    const { rawNode } = memberOf('leader');
    const { raftLog } = rawNode.raft;
    const uncommitted = (): number => raftLog.lastIndex() - raftLog.committed;
    for (let i = 0; i < 10; i++) {
      rawNode.step(proposal(Array.from({ length: 65_536 }, () => undefined)));
      save(rawNode);
    }
    expect(uncommitted()).to.be.within(MAX_UNCOMMITTED_ENTRIES - 65_536, MAX_UNCOMMITTED_ENTRIES);
    const before = uncommitted();
    rawNode.propose(Uint8Array.of(1));
    expect(uncommitted()).to.equal(before + 1);
  });

  it('payloads at a leader that commits nothing, without a setting', () => {
    const of = (maxUncommittedEntriesSize?: number): number =>
      resolveConfig({
        ...newTestConfig(1n, newTestMemoryStorage()),
        ...(maxUncommittedEntriesSize === undefined ? {} : { maxUncommittedEntriesSize }),
      }).maxUncommittedEntriesSize;
    expect(of()).to.equal(256 * MiB);
    expect(of(7)).to.equal(7);
    expect(of(0)).to.equal(Number.POSITIVE_INFINITY);
  });

  it('everything that arrives while the program writes: what a Ready cannot hold is lost, and told of once', () => {
    const { rawNode, logger } = memberOf('follower');
    const { raft } = rawNode;
    const eight = new Uint8Array(8 * MiB);
    rawNode.ready();
    for (let i = 0; i < 20; i++) rawNode.step(proposal([eight]));
    const held = (): number => raft.msgs.reduce((sum, m) => sum + (m.entries[0]?.data?.length ?? 0), 0);
    expect(held()).to.equal(MAX_BACKLOG - 8 * MiB);
    expect(logger.lines.filter((line) => /dropped messages from other members/.test(line))).to.have.lengthOf(1);
    rawNode.advance();
    rawNode.ready();
    rawNode.step(proposal([eight]));
    expect(held()).to.equal(8 * MiB);
  });

  it('a message larger than that is taken when nothing else waits', () => {
    const { rawNode } = memberOf('follower');
    rawNode.ready();
    rawNode.step(proposal([new Uint8Array(MAX_BACKLOG)]));
    rawNode.step(proposal([new Uint8Array(1)]));
    expect(rawNode.raft.msgs.map((m) => m.entries[0]?.data?.length)).to.deep.equal([MAX_BACKLOG]);
  });

  it('messages that leave nothing to do do not count', () => {
    const { rawNode } = memberOf('leader');
    while (rawNode.hasReady()) save(rawNode);
    const unknown = message({ type: MessageType.MsgUnreachable, from: 3n, to: 1n });
    const lower = message({ type: MessageType.MsgVoteResp, from: 2n, to: 1n, term: 1, context: new Uint8Array(MiB) });
    for (let i = 0; i < 200; i++) rawNode.step({ ...lower });
    expect(() => rawNode.step(unknown)).to.throw('local message');
    rawNode.step(proposal([new Uint8Array(2 * MiB)]));
    expect(rawNode.raft.raftLog.lastIndex()).to.equal(5);
  });
});
