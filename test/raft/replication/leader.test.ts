import { type Entry, type Message, MessageType, type NodeId } from '@raft-ts/proto';
import { applyConfChange } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  addLearner,
  compactAnyway,
  index,
  leaderOf,
  makeLeader,
  message,
  mustAppendEntry,
  newTestMemoryStorage,
  newTestRaft,
  progressOf,
  prop,
  proposed,
  readMessages,
  skipInvariants,
  step,
  tick,
  transferTo,
  typesOf,
  withPeers,
} from '../../helpers/index.js';

function ack(from: NodeId, at: number): Message {
  return message({ type: MessageType.MsgAppResp, from, to: 1n, term: 1, index: at });
}

describe('a leader that hands over', () => {
  it('tells the other one to campaign only when that has the whole log', () => {
    const r = leaderOf([1n, 2n, 3n]);
    mustAppendEntry(r, proposed('a'), proposed('b'));
    step(r, transferTo(2n, 1n));
    readMessages(r);
    step(r, ack(2n, 2));
    expect(typesOf(readMessages(r))).not.to.include('MsgTimeoutNow');
    step(r, ack(2n, 3));
    expect(typesOf(readMessages(r))).to.include('MsgTimeoutNow');
  });
});

describe('a follower that waits for a snapshot', () => {
  it('goes on waiting when it is reported unreachable: what became of the snapshot is reported for itself', () => {
    const r = leaderOf([1n, 2n]);
    const pr = progressOf(r, 2n);
    pr.becomeSnapshot(1);
    step(r, message({ type: MessageType.MsgUnreachable, from: 2n, to: 1n }));
    expect(pr).to.include({ state: 'StateSnapshot', pendingSnapshot: 1 });
  });

  it('goes on where the log can, although what it has is older than the snapshot that was sent', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n));
    storage.append(index(1).terms(1, 1, 1, 1, 1, 1, 1, 1));
    storage.setHardState({ term: 1, vote: 1n, commit: 8 });
    compactAnyway(storage, 4);
    const r = newTestRaft(1n, storage);
    makeLeader(r);
    readMessages(r);
    const pr = progressOf(r, 2n);
    pr.becomeSnapshot(8);
    step(r, { ...ack(2n, 3), term: 2 });
    expect(pr.state, 'the entry at 4 is compacted').to.equal('StateSnapshot');
    step(r, { ...ack(2n, 4), term: 2 });
    expect(pr.state).to.equal('StateReplicate');
    expect(readMessages(r).map((m) => [m.type, m.index, m.entries.length])).to.deep.include([MessageType.MsgApp, 4, 5]);
  });
});

describe('a follower that is probed and has everything', () => {
  it('is probed again when it answers a heartbeat, so that it comes out of probing', () => {
    const r = leaderOf([1n, 2n, 3n]);
    step(r, ack(2n, 1));
    const pr = progressOf(r, 2n);
    pr.becomeProbe();
    readMessages(r);
    step(r, message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n, term: 1 }));
    const [probe, ...rest] = readMessages(r);
    expect(rest).to.deep.equal([]);
    expect(probe).to.include({ type: MessageType.MsgApp, to: 2n, index: 1, commit: 1 });
    expect(probe?.entries).to.deep.equal([]);
    step(r, ack(2n, 1));
    expect(pr.state).to.equal('StateReplicate');
  });
});

describe('a commit index', () => {
  it('that a heartbeat has told is not told again by an empty append', () => {
    const r = leaderOf([1n, 2n, 3n, 4n, 5n], { maxInflightMsgs: 1 });
    step(r, ack(2n, 1));
    step(r, ack(3n, 1));
    // Both keep up; the entry at 2 fills their windows.
    step(r, prop(1n, 'a'));
    readMessages(r);
    step(r, ack(3n, 2));
    step(r, prop(1n, 'b'));
    readMessages(r);
    // Now 2 is committed, and nothing tells member 3: the entry at 3 fills its window.
    step(r, ack(2n, 2));
    expect(r.raftLog.committed).to.equal(2);
    expect(readMessages(r).filter((m) => m.to === 3n)).to.deep.equal([]);
    tick(r);
    const heartbeat = readMessages(r).find((m) => m.to === 3n);
    expect(heartbeat).to.include({ type: MessageType.MsgHeartbeat, commit: 2 });
    step(r, ack(3n, 3));
    expect(readMessages(r).filter((m) => m.to === 3n)).to.deep.equal([]);
  });
});

describe('a leader that is demoted to a learner', () => {
  for (const stepDownOnRemoval of [true, false]) {
    it(stepDownOnRemoval ? 'steps down where that is asked for' : 'goes on leading unless told otherwise', () => {
      const r = leaderOf([1n, 2n], { stepDownOnRemoval });
      applyConfChange(r, addLearner(1n));
      expect(r.isLearner).to.equal(true);
      expect(r.state).to.equal(stepDownOnRemoval ? 'StateFollower' : 'StateLeader');
    });
  }
});

describe('a new leader in a joint configuration that is left by itself', () => {
  it('leaves it when everything that it found in its log is applied, and asks once', () => {
    const storage = newTestMemoryStorage({ voters: [1n], votersOutgoing: [1n, 2n], autoLeave: true });
    storage.append(index(1).terms(1, 1, 1));
    storage.setHardState({ term: 1, vote: 1n, commit: 3 });
    const r = newTestRaft(1n, storage);
    skipInvariants(r, 'entries are acknowledged here which no disk has');
    r.becomeCandidate();
    r.becomeLeader();
    const applied = (...entries: readonly Entry[]): void => {
      step(r, message({ type: MessageType.MsgStorageApplyResp, to: 1n, entries }));
    };
    applied(...index(1).terms(1, 1));
    expect(r.raftLog.lastIndex(), 'nothing but its own empty entry').to.equal(4);
    expect(r.pendingConfIndex).to.equal(3);
    applied(...index(3).terms(1));
    expect(r.raftLog.lastIndex()).to.equal(5);
    expect(r.pendingConfIndex).to.equal(5);
  });

  it('leaves it after a transfer that came to nothing, although nothing more is applied', () => {
    const storage = newTestMemoryStorage({ voters: [1n, 2n], votersOutgoing: [1n], autoLeave: true });
    const r = newTestRaft(1n, storage);
    skipInvariants(r, 'entries are acknowledged here which no disk has');
    r.becomeCandidate();
    r.becomeLeader();
    step(r, message({ type: MessageType.MsgAppResp, from: 1n, to: 1n, index: 1 }));
    step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: 1 }));
    step(r, message({ type: MessageType.MsgTransferLeader, from: 2n, to: 1n }));
    step(r, message({ type: MessageType.MsgStorageApplyResp, to: 1n, entries: index(1).terms(1) }));
    expect(r.raftLog.applied).to.equal(1);
    expect(r.raftLog.lastIndex(), 'nothing is proposed while leadership is handed over').to.equal(1);
    for (let ticks = 0; ticks < r.electionTimeout; ticks++) r.tick();
    expect(r.leadTransferee).to.equal(0n);
    expect(r.raftLog.lastIndex()).to.equal(2);
    for (let ticks = 0; ticks < 3 * r.electionTimeout; ticks++) r.tick();
    expect(r.raftLog.lastIndex(), 'it asks once').to.equal(2);
  });
});
