import { LOCAL_APPEND_THREAD, type Message, MessageType, messageName, NONE, RaftError } from '@raft-ts/proto';
import { type MemoryStorage, RawNode, type Ready } from '@raft-ts/raft';
import { expect } from 'chai';
import {
  checkMember,
  index,
  message,
  newTestConfig,
  newTestMemoryStorage,
  type Overrides,
  snapshotOf,
  three,
  typesOf,
  withPeers,
} from '../../helpers/index.js';
import { save } from './cycle.js';

function memberOf(storage: MemoryStorage, overrides: Overrides = {}): RawNode {
  return new RawNode(newTestConfig(1n, storage, overrides));
}

function voteRequest(term: number): Message {
  return message({ type: MessageType.MsgVote, from: 2n, to: 1n, term });
}

/** What this Ready orders to be written, and what is to be said once it is. */
function write(rd: Ready): Message | undefined {
  return rd.messages.find((m) => m.type === MessageType.MsgStorageAppend);
}

describe('what is to be written', () => {
  it('must be synced for a vote alone: the term may have been written before', () => {
    const storage = newTestMemoryStorage(withPeers(...three));
    storage.setHardState({ term: 1, vote: NONE, commit: 0 });
    const rawNode = memberOf(storage);
    rawNode.step(voteRequest(1));
    const rd = rawNode.ready();
    expect(rd.hardState).to.deep.equal({ term: 1, vote: 2n, commit: 0 });
    expect(rd.mustSync).to.equal(true);
  });

  it('is nothing for a vote that was given before, and its answer goes by way of the storage thread all the same', () => {
    const storage = newTestMemoryStorage(withPeers(...three));
    storage.setHardState({ term: 1, vote: 2n, commit: 0 });
    const rawNode = memberOf(storage, { asyncStorageWrites: true });
    rawNode.step(voteRequest(1));
    const m = write(rawNode.ready());
    expect(m).to.include({ term: 0, vote: NONE, commit: 0, snapshot: undefined });
    expect(m?.entries).to.deep.equal([]);
    expect(typesOf(m?.responses ?? [])).to.deep.equal(['MsgVoteResp']);
  });

  it('counts as written after the own vote that was given with it: the term may change before', () => {
    // The only voter, with an entry of a leader that was, asks itself whether it could win.
    const storage = newTestMemoryStorage(withPeers(1n));
    const rawNode = memberOf(storage, { preVote: true });
    rawNode.step(message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 1, entries: index(1).terms(1) }));
    rawNode.campaign();
    save(rawNode.ready(), storage);
    rawNode.advance();
    checkMember(rawNode.raft);
    expect(rawNode.raft).to.include({ state: 'StateCandidate', term: 2 });
    expect(rawNode.raft.raftLog.unstable.length, 'acknowledged in term 1, which is over').to.equal(1);
    save(rawNode.ready(), storage);
    rawNode.advance();
    expect(rawNode.raft.raftLog.unstable.offset).to.equal(2);
  });
});

describe('a snapshot', () => {
  it('is applied although the term changed while it was written', () => {
    const storage = newTestMemoryStorage(withPeers(...three));
    const rawNode = memberOf(storage, { asyncStorageWrites: true });
    const snapshot = snapshotOf(5, 1, withPeers(...three));
    rawNode.step(message({ type: MessageType.MsgSnap, from: 2n, to: 1n, term: 1, snapshot }));
    const rd = rawNode.ready();
    save(rd, storage);
    rawNode.step(message({ type: MessageType.MsgHeartbeat, from: 3n, to: 1n, term: 2 }));
    for (const m of write(rd)?.responses ?? []) if (m.from === LOCAL_APPEND_THREAD) rawNode.step(m);
    checkMember(rawNode.raft);
    expect(rawNode.basicStatus()).to.deep.include({ applied: 5, hardState: { term: 2, vote: NONE, commit: 5 } });
    expect(rawNode.raft.raftLog.hasNextOrInProgressSnapshot()).to.equal(false);
  });
});

describe('a member that starts from a log', () => {
  it('is given to apply what follows Config.applied, and nothing before', () => {
    const storage = newTestMemoryStorage(withPeers(...three));
    storage.append(index(1).terms(1, 1, 1, 1));
    storage.setHardState({ term: 1, vote: NONE, commit: 3 });
    const rawNode = memberOf(storage, { applied: 2 });
    expect(rawNode.basicStatus().applied).to.equal(2);
    expect(rawNode.ready().committedEntries.map((entry) => entry.index)).to.deep.equal([3]);
  });
});

describe('an answer from a member outside the configuration', () => {
  for (const type of [MessageType.MsgAppResp, MessageType.MsgHeartbeatResp, MessageType.MsgVoteResp]) {
    it(`is refused, and its sender told: ${messageName(type)}`, () => {
      const rawNode = memberOf(newTestMemoryStorage(withPeers(...three)));
      expect(() => rawNode.step(message({ type, from: 9n, to: 1n, term: 1 })))
        .to.throw(RaftError)
        .with.property('code', 'ERR_RAFT_STEP_PEER_NOT_FOUND');
      expect(rawNode.basicStatus().hardState.term).to.equal(0);
    });
  }
});
