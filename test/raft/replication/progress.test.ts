import { MessageType } from '@raft-ts/proto';
import { sendAppend } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  advanceMessagesAfterAppend,
  beat,
  bytes,
  expectOneMessage,
  index,
  leaderOf,
  makeLeader,
  message,
  mustAppendEntry,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  nextEnts,
  progressOf,
  prop,
  proposed,
  readMessages,
  step,
  typesOf,
  withPeers,
} from '../../helpers/index.js';

function leaderOfTwo(overrides = {}) {
  const r = leaderOf([1n, 2n], overrides);
  return { r, pr: progressOf(r, 2n) };
}

const heartbeatResp = () => message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n });

describe('progress', () => {
  it('RT-001 TestProgressLeader: the leader counts its own entries only once they are stable', () => {
    const r = newVoter(1n, [1n, 2n], { electionTick: 5 });
    makeLeader(r);
    progressOf(r, 2n).becomeReplicate();
    for (let i = 0; i < 5; i++) expect(step(r, prop(1n, 'foo')).kind).to.equal('done');

    expect(progressOf(r, 1n)).to.include({ state: 'StateReplicate', match: 0 });
    const data = r.raftLog.unstable.entries.map((entry) => entry.data);
    expect(data).to.deep.equal([undefined, ...Array.from({ length: 5 }, () => bytes('foo'))]);

    advanceMessagesAfterAppend(r);
    expect(progressOf(r, 1n)).to.include({ match: 6, next: 7 });
  });

  it('RT-002 TestProgressResumeByHeartbeatResp: a heartbeat response resumes a follower, a heartbeat does not', () => {
    const r = newVoter(1n, [1n, 2n], { electionTick: 5 });
    makeLeader(r);
    const pr = progressOf(r, 2n);
    pr.msgAppFlowPaused = true;

    step(r, beat(1n));
    expect(pr.msgAppFlowPaused).to.equal(true);

    pr.becomeReplicate();
    expect(pr.msgAppFlowPaused).to.equal(false);

    pr.msgAppFlowPaused = true;
    step(r, heartbeatResp());
    expect(pr.msgAppFlowPaused).to.equal(false);
  });

  it('RT-003 TestProgressPaused: a follower that is probed gets one append until it answers', () => {
    const r = newVoter(1n, [1n, 2n], { electionTick: 5 });
    makeLeader(r);
    for (let i = 0; i < 3; i++) step(r, prop(1n, 'somedata'));
    const m = expectOneMessage(r);
    expect(m).to.include({ type: MessageType.MsgApp, to: 2n, index: 0 });
    expect(m.entries.map((entry) => entry.data)).to.deep.equal([undefined, bytes('somedata')]);
  });

  it('RT-037 TestMsgAppRespWaitReset: an acknowledgement ends the waiting of its sender and of nobody else', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
    const r = newTestRaft(1n, storage, { electionTick: 5 });
    makeLeader(r);
    nextEnts(r, storage);

    step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: 1 }));
    expect(r.raftLog.committed).to.equal(1);
    readMessages(r);

    step(r, prop(1n));
    const toSecond = expectOneMessage(r);
    expect(toSecond).to.include({ type: MessageType.MsgApp, to: 2n });
    expect(toSecond.entries.map((entry) => entry.index)).to.deep.equal([2]);

    step(r, message({ type: MessageType.MsgAppResp, from: 3n, to: 1n, index: 1 }));
    const toThird = expectOneMessage(r);
    expect(toThird).to.include({ type: MessageType.MsgApp, to: 3n });
    expect(toThird.entries.map((entry) => entry.index)).to.deep.equal([2]);
  });

  describe('RT-064 TestLeaderIncreaseNext: next runs ahead of acknowledgements in StateReplicate only', () => {
    const rows = [
      // Three old entries, the empty one, the proposal.
      { state: 'StateReplicate', next: 6 },
      { state: 'StateProbe', next: 2 },
    ] as const;
    for (const { state, next } of rows) {
      it(`${state}: ${next}`, () => {
        const r = newVoter(1n, [1n, 2n]);
        r.becomeFollower(3, 0n);
        r.raftLog.append(index(1).terms(1, 2, 3));
        makeLeader(r);
        const pr = progressOf(r, 2n);
        pr.state = state;
        pr.next = 2;
        step(r, prop(1n, 'somedata'));
        expect(pr.next).to.equal(next);
      });
    }
  });

  it('RT-065 TestSendAppendForProgressProbe: only a heartbeat response lets another probe leave', () => {
    const { r, pr } = leaderOfTwo();
    pr.becomeProbe();
    for (let round = 0; round < 3; round++) {
      if (round === 0) {
        mustAppendEntry(r, proposed('somedata'));
        sendAppend(r, pr);
        expect(expectOneMessage(r)).to.include({ type: MessageType.MsgApp, index: 0 });
      }
      expect(pr.msgAppFlowPaused).to.equal(true);
      for (let i = 0; i < 10; i++) {
        mustAppendEntry(r, proposed('somedata'));
        sendAppend(r, pr);
        expect(readMessages(r)).to.deep.equal([]);
      }
      for (let i = 0; i < r.heartbeatTimeout; i++) step(r, beat(1n));
      expect(pr.msgAppFlowPaused).to.equal(true);
      expect(expectOneMessage(r).type).to.equal(MessageType.MsgHeartbeat);
    }
    step(r, heartbeatResp());
    expect(expectOneMessage(r)).to.include({ type: MessageType.MsgApp, index: 0 });
    expect(pr.msgAppFlowPaused).to.equal(true);
  });

  it('RT-066 TestSendAppendForProgressReplicate: a follower that replicates gets every append at once', () => {
    const { r, pr } = leaderOfTwo();
    pr.becomeReplicate();
    for (let i = 0; i < 10; i++) {
      mustAppendEntry(r, proposed('somedata'));
      sendAppend(r, pr);
      const m = expectOneMessage(r);
      expect(m.type).to.equal(MessageType.MsgApp);
      expect(m.entries.at(-1)?.index).to.equal(i + 2);
    }
  });

  it('RT-067 TestSendAppendForProgressSnapshot: nothing is appended while a snapshot is on its way', () => {
    const { r, pr } = leaderOfTwo();
    pr.becomeSnapshot(10);
    for (let i = 0; i < 10; i++) {
      mustAppendEntry(r, proposed('somedata'));
      sendAppend(r, pr);
      expect(typesOf(readMessages(r))).to.deep.equal([]);
    }
  });

  it('RT-068 TestRecvMsgUnreachable: an unreachable follower is probed after what it has acknowledged', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n));
    storage.append(index(1).terms(1, 2, 3));
    storage.setHardState({ term: 3, vote: 0n, commit: 0 });
    const r = newTestRaft(1n, storage);
    makeLeader(r);
    readMessages(r);
    const pr = progressOf(r, 2n);
    pr.match = 3;
    pr.becomeReplicate();
    pr.next = 6;
    step(r, message({ type: MessageType.MsgUnreachable, from: 2n, to: 1n }));
    expect(pr).to.include({ state: 'StateProbe', match: 3, next: 4 });
  });
});
