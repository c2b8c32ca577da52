import { ERR_ARGUMENT, ERR_PROPOSAL_DROPPED, MessageType, type RaftError, type RawNode } from '@raft-ts/raft';
import { expect } from 'chai';
import {
  bytes,
  message,
  newTestMemoryStorage,
  newTestRawNode,
  type Overrides,
  withPeers,
} from '../../helpers/index.js';

/** Leader 1 of three members, with an inflight window that is not full. */
function leader(overrides: Overrides = {}): RawNode {
  const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
  const rawNode = newTestRawNode(1n, storage, { maxSizePerMsg: 1 << 20, ...overrides });
  rawNode.raft.becomeCandidate();
  rawNode.raft.becomeLeader();
  storage.append(rawNode.ready().entries);
  rawNode.advance();
  for (const from of [2n, 3n]) {
    const index = rawNode.raft.raftLog.lastIndex();
    rawNode.step(message({ type: MessageType.MsgAppResp, from, to: 1n, term: rawNode.raft.term, index }));
  }
  rawNode.ready();
  rawNode.advance();
  return rawNode;
}

function refusalOf(call: () => unknown): RaftError {
  try {
    call();
  } catch (error) {
    return error as RaftError;
  }
  throw new Error('it was not refused');
}

describe('RawNode.proposeBatch', () => {
  it('appends all payloads in order, and says where', () => {
    const rawNode = leader();
    const last = rawNode.raft.raftLog.lastIndex();
    const receipt = rawNode.proposeBatch([bytes('a'), undefined, bytes('c')]);
    expect(receipt).to.deep.equal({ forwarded: false, index: last + 1, term: rawNode.raft.term });
    const entries = rawNode.ready().entries.map(({ index, data }) => [index, data?.length]);
    expect(entries).to.deep.equal([
      [last + 1, 1],
      [last + 2, undefined],
      [last + 3, 1],
    ]);
  });

  it('sends them to each follower in one append', () => {
    const rawNode = leader();
    rawNode.proposeBatch(Array.from({ length: 64 }, () => bytes('x')));
    const appends = rawNode.ready().messages.filter(({ type }) => type === MessageType.MsgApp);
    expect(appends.map(({ to, entries }) => [to, entries.length])).to.deep.equal([
      [2n, 64],
      [3n, 64],
    ]);
  });

  it('takes all or none', () => {
    const rawNode = leader({ maxUncommittedEntriesSize: 10 });
    rawNode.proposeBatch([bytes('01')]);
    const last = rawNode.raft.raftLog.lastIndex();
    const refusal = refusalOf(() => rawNode.proposeBatch([bytes('0'), bytes('0123456789')]));
    expect([refusal.code, refusal.reason]).to.deep.equal([ERR_PROPOSAL_DROPPED, 'quota']);
    expect(rawNode.raft.raftLog.lastIndex()).to.equal(last);
  });

  it('is forwarded by a follower as one message', () => {
    const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n, 3n)));
    rawNode.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1 }));
    expect(rawNode.proposeBatch([bytes('a'), bytes('b')])).to.deep.equal({ forwarded: true, index: 0, term: 0 });
    const proposals = rawNode.ready().messages.filter(({ type }) => type === MessageType.MsgProp);
    expect(proposals.map(({ entries }) => entries.length)).to.deep.equal([2]);
  });

  it('shares no entry with a proposal that comes twice', () => {
    const rawNode = leader();
    const { term, raftLog } = rawNode.raft;
    const last = raftLog.lastIndex();
    // Its entry claims the place that it gets the first time.
    const entry = { type: undefined, term, index: last + 1, data: bytes('x') };
    const proposal = message({ type: MessageType.MsgProp, from: 2n, to: 1n, entries: [entry] });
    rawNode.step(proposal);
    rawNode.step(proposal);
    const places = rawNode.ready().entries.map((e) => [e.term, e.index]);
    expect(places).to.deep.equal([
      [term, last + 1],
      [term, last + 2],
    ]);
    expect(entry.index).to.equal(last + 1);
  });

  it('refuses what is no list of bytes, and names it', () => {
    const rawNode = leader();
    for (const [payloads, reason] of [
      [[], 'payloads'],
      [undefined, 'payloads'],
      [[bytes('a'), 'b'], 'payloads[1]'],
    ] as const) {
      const refusal = refusalOf(() => rawNode.proposeBatch(payloads as never));
      expect([refusal.code, refusal.reason]).to.deep.equal([ERR_ARGUMENT, reason]);
    }
  });
});
