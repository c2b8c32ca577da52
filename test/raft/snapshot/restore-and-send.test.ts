import { emptyConfState, type Message, MessageType, NONE, type Snapshot } from '@raft-ts/proto';
import { type Raft, restore } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  beat,
  expectOneMessage,
  hup,
  index,
  type Membership,
  makeLeader,
  message,
  mustTerm,
  Network,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  nextEnts,
  type Overrides,
  progressOf,
  prop,
  readMessages,
  setRandomizedElectionTimeout,
  snapshotOf,
  step,
  tick,
  typesOf,
  withLearners,
  withPeers,
} from '../../helpers/index.js';

/** A snapshot at 11/11. */
function snapshotAt11(membership: Membership): Snapshot {
  return snapshotOf(11, 11, membership);
}

/** One of the voters 1 and 2 and the learner 3. */
function withLearnerThree(id: bigint, overrides: Overrides = {}): Raft {
  return newTestRaft(id, newTestMemoryStorage(withPeers(1n, 2n), withLearners(3n)), overrides);
}

/** The snapshot replaces the log, once. */
function expectRestored(r: Raft, snapshot: Snapshot): void {
  expect(restore(r, snapshot)).to.equal(true);
  expect(r.raftLog.lastIndex()).to.equal(11);
  expect(mustTerm(r.raftLog, 11)).to.equal(11);
  expect(r.raftLog.committed).to.equal(11);
  expect(restore(r, snapshot)).to.equal(false);
}

describe('restoring a snapshot', () => {
  it('RT-069 TestRestore: log and membership become the snapshot’s; until it is stored nobody campaigns', () => {
    const r = newVoter(1n, [1n, 2n]);
    expectRestored(r, snapshotAt11(withPeers(1n, 2n, 3n)));
    expect(r.trk.voterNodes()).to.deep.equal([1n, 2n, 3n]);
    tick(r, r.randomizedElectionTimeout);
    expect(r).to.include({ state: 'StateFollower', term: 0 });
  });

  it('RT-070 TestRestoreWithLearner: learners are restored as learners', () => {
    const r = withLearnerThree(3n, { electionTick: 8, heartbeatTick: 2 });
    expectRestored(r, snapshotAt11({ voters: [1n, 2n], learners: [3n] }));
    expect(r.trk.voterNodes()).to.deep.equal([1n, 2n]);
    expect(r.trk.learnerNodes()).to.deep.equal([3n]);
    expect([1n, 2n, 3n].map((id) => progressOf(r, id).isLearner)).to.deep.equal([false, false, true]);
  });

  it('RT-071 TestRestoreWithVotersOutgoing: a voter of the outgoing half restores a joint configuration', () => {
    const r = newVoter(1n, [1n, 2n]);
    expectRestored(r, snapshotAt11({ voters: [2n, 3n, 4n], votersOutgoing: [1n, 2n, 3n] }));
    expect(r.trk.voterNodes()).to.deep.equal([1n, 2n, 3n, 4n]);
    expect(r.trk.config.voters.incoming.ids).to.deep.equal([2n, 3n, 4n]);
    expect(r.trk.config.voters.outgoing.ids).to.deep.equal([1n, 2n, 3n]);
    tick(r, r.randomizedElectionTimeout);
    expect(r).to.include({ state: 'StateFollower', term: 0 });
  });

  it('RT-072 TestRestoreVoterToLearner: a voter becomes a learner by a snapshot', () => {
    const r = newVoter(3n, [1n, 2n, 3n]);
    expect(r.isLearner).to.equal(false);
    expect(restore(r, snapshotAt11({ voters: [1n, 2n], learners: [3n] }))).to.equal(true);
    expect(r.isLearner).to.equal(true);
  });

  it('RT-073 TestRestoreLearnerPromotion: a learner becomes a voter by a snapshot', () => {
    const r = withLearnerThree(3n);
    expect(r.isLearner).to.equal(true);
    expect(restore(r, snapshotAt11(withPeers(1n, 2n, 3n)))).to.equal(true);
    expect(r.isLearner).to.equal(false);
  });

  it('RT-075 TestRestoreIgnoreSnapshot: what the log holds is not replaced; at most the commit index moves', () => {
    const r = newVoter(1n, [1n, 2n]);
    r.raftLog.append(index(1).terms(1, 1, 1));
    r.raftLog.commitTo(1);
    const rows: [at: number, committed: number][] = [
      [1, 1],
      [2, 2],
    ];
    for (const [at, committed] of rows) {
      expect(restore(r, snapshotOf(at, 1, withPeers(1n, 2n)))).to.equal(false);
      expect(r.raftLog.committed).to.equal(committed);
      expect(r.raftLog.lastIndex()).to.equal(3);
    }
  });

  it('RT-078 TestRestoreFromSnapMsg: a snapshot that arrives in a message is restored and acknowledged', () => {
    const r = newVoter(2n, [1n, 2n]);
    const snapshot = snapshotAt11(withPeers(1n, 2n));
    step(r, message({ type: MessageType.MsgSnap, from: 1n, to: 2n, term: 2, snapshot }));
    expect(r).to.include({ lead: 1n, term: 2, state: 'StateFollower' });
    expect(r.raftLog.lastIndex()).to.equal(11);
    expect(r.raftLog.committed).to.equal(11);
    expect(r.trk.config.confState()).to.deep.equal({ ...emptyConfState(), voters: [1n, 2n] });
    expect(expectOneMessage(r)).to.include({ type: MessageType.MsgAppResp, to: 1n, index: 11, reject: false });
  });
});

describe('sending a snapshot', () => {
  it('RT-074 TestLearnerReceiveSnapshot: a learner that needs compacted entries gets a snapshot', () => {
    const storage = newTestMemoryStorage(withPeers(1n), withLearners(2n));
    const n1 = newTestRaft(1n, storage);
    const n2 = newTestRaft(2n, newTestMemoryStorage(withPeers(1n), withLearners(2n)));
    // Its term is that of the snapshot at least.
    n1.becomeFollower(11, NONE);
    restore(n1, snapshotAt11({ voters: [1n], learners: [2n] }));
    storage.applySnapshot(n1.raftLog.unstable.nextSnapshot() as Snapshot);
    n1.appliedSnap(11);

    const network = new Network([n1, n2]);
    setRandomizedElectionTimeout(n1, n1.electionTimeout);
    tick(n1, n1.electionTimeout);
    network.send(beat(1n));
    expect(n1.raftLog.committed).to.equal(12);
    expect(n2.raftLog.committed).to.equal(12);
  });

  /** A leader of two whose log starts after the snapshot, and what it knows of the other. */
  function leaderWithCompactedLog() {
    const r = newVoter(1n, [1n]);
    r.becomeFollower(11, NONE);
    restore(r, snapshotAt11(withPeers(1n, 2n)));
    makeLeader(r);
    return { r, pr: progressOf(r, 2n) };
  }

  it('RT-076 TestProvideSnap: a follower that refuses entries after the snapshot gets the snapshot', () => {
    const { r, pr } = leaderWithCompactedLog();
    expect(r.raftLog.firstIndex()).to.equal(12);
    pr.next = 12;
    step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: 11, reject: true }));
    const m = expectOneMessage(r);
    expect(m.type).to.equal(MessageType.MsgSnap);
    expect(m.snapshot?.metadata).to.include({ index: 11, term: 11 });
    expect(pr).to.include({ state: 'StateSnapshot', pendingSnapshot: 11 });
  });

  it('RT-077 TestIgnoreProvidingSnap: nobody who has not been heard of lately gets a snapshot', () => {
    const { r, pr } = leaderWithCompactedLog();
    pr.next = r.raftLog.firstIndex() - 1;
    pr.recentActive = false;
    step(r, prop(1n, 'somedata'));
    expect(typesOf(readMessages(r))).to.deep.equal([]);
  });

  it('RT-079 TestSlowNodeRestore: a follower that was away for long catches up by a snapshot', () => {
    const network = new Network(['fresh', 'fresh', 'fresh']);
    network.send(hup(1n));
    network.isolate(3n);
    for (let i = 0; i <= 100; i++) network.send(prop(1n));

    const leader = network.member(1n);
    const storage = network.storageOf(1n);
    nextEnts(leader, storage);
    const { applied } = leader.raftLog;
    storage.createSnapshot(applied, { ...emptyConfState(), voters: leader.trk.voterNodes() }, undefined);
    storage.compact(applied);

    network.recover();
    const snapshots: Message[] = [];
    network.msgHook = (m) => {
      if (m.type === MessageType.MsgSnap) snapshots.push(m);
      return true;
    };
    for (let i = 0; i < 10 && !progressOf(leader, 3n).recentActive; i++) network.send(beat(1n));
    expect(progressOf(leader, 3n).recentActive).to.equal(true);
    network.send(prop(1n));
    network.send(prop(1n));

    expect(snapshots.map((m) => [m.to, m.snapshot?.metadata.index])).to.deep.equal([[3n, 102]]);
    expect(leader.raftLog.committed).to.equal(104);
    expect(network.member(3n).raftLog.committed).to.equal(104);
  });
});
