import { type Message, MessageType } from '@raft-ts/proto';
import type { StateType } from '@raft-ts/raft';
import { handleHeartbeat, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  acceptAndReply,
  advanceMessagesAfterAppend,
  beat,
  entry,
  expectOneMessage,
  hup,
  index,
  makeLeader,
  message,
  mustAppendEntry,
  Network,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  progressOf,
  proposed,
  readMessages,
  skipInvariants,
  snapshotOf,
  step,
  tick,
  typesOf,
  withPeers,
} from '../../helpers/index.js';

/** One of two members, with the entries 1/1, 2/2, 3/3 in its store. */
function memberWithThreeEntries(term: number): Raft {
  const storage = newTestMemoryStorage(withPeers(1n, 2n));
  storage.append(index(1).terms(1, 2, 3));
  storage.setHardState({ term, vote: 0n, commit: 0 });
  return newTestRaft(1n, storage, { electionTick: 5 });
}

describe('heartbeats', () => {
  describe('RT-034 TestHandleHeartbeat: a heartbeat moves the commit index forward and never back', () => {
    for (const [commit, committed] of [
      [3, 3],
      [1, 2],
    ] as const) {
      it(`commit ${commit} to a member that has committed 2: ${committed}`, () => {
        const r = memberWithThreeEntries(2);
        r.becomeFollower(2, 2n);
        r.raftLog.commitTo(2);
        handleHeartbeat(r, message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 2, commit }));
        expect(r.raftLog.committed).to.equal(committed);
        expect(expectOneMessage(r)).to.include({ type: MessageType.MsgHeartbeatResp, to: 2n });
      });
    }
  });

  it('RT-035 TestHandleHeartbeatResp: the answer of a follower that lags makes the leader append, until it does not', () => {
    const r = memberWithThreeEntries(3);
    makeLeader(r);
    r.raftLog.commitTo(r.raftLog.lastIndex());
    const heartbeatResp = () => message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n });

    step(r, heartbeatResp());
    expect(expectOneMessage(r).type).to.equal(MessageType.MsgApp);
    step(r, heartbeatResp());
    const append = expectOneMessage(r);
    expect(append.type).to.equal(MessageType.MsgApp);

    step(r, acceptAndReply(append));
    readMessages(r);
    step(r, heartbeatResp());
    expect(typesOf(readMessages(r))).to.deep.equal([]);
  });

  it('RT-062 TestBcastBeat: a heartbeat carries no entries, and no commit index beyond what the follower has', () => {
    const storage = newTestMemoryStorage();
    storage.applySnapshot(snapshotOf(1000, 1, withPeers(1n, 2n, 3n)));
    const r = newTestRaft(1n, storage);
    r.term = 1;
    makeLeader(r);
    for (let i = 0; i < 10; i++) mustAppendEntry(r, proposed());
    advanceMessagesAfterAppend(r);
    const last = r.raftLog.lastIndex();
    Object.assign(progressOf(r, 2n), { match: 5, next: 6 });
    Object.assign(progressOf(r, 3n), { match: last, next: last + 1 });

    step(r, message({ type: MessageType.MsgBeat, to: 1n }));
    const heartbeat = { type: MessageType.MsgHeartbeat, from: 1n, term: 2 };
    expect(readMessages(r)).to.deep.equal([
      message({ ...heartbeat, to: 2n, commit: 5 }),
      message({ ...heartbeat, to: 3n, commit: 1000 }),
    ]);
  });

  describe('RT-063 TestRecvMsgBeat: only a leader sends heartbeats', () => {
    const rows: [state: StateType, count: number][] = [
      ['StateLeader', 2],
      ['StateCandidate', 0],
      ['StateFollower', 0],
    ];
    for (const [state, count] of rows) {
      it(`${state}: ${count}`, () => {
        const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
        storage.append([entry(1, 1), entry(1, 2)]);
        storage.setHardState({ term: 1, vote: 0n, commit: 0 });
        const r = newTestRaft(1n, storage);
        skipInvariants(r, 'a role that is set does not come with what leads there');
        r.state = state;
        step(r, beat(1n));
        expect(typesOf(readMessages(r))).to.deep.equal(Array.from({ length: count }, () => 'MsgHeartbeat'));
      });
    }
  });

  /** A candidate that was cut off hears from the leader of a later term. */
  function testCandidateResetTerm(type: MessageType): void {
    const members = [1n, 2n, 3n].map((id) => newVoter(id, [1n, 2n, 3n]));
    const [a, b, c] = members as [Raft, Raft, Raft];
    const network = new Network(members);
    const states = () => members.map(({ state }) => state);

    network.send(hup(1n));
    expect(states()).to.deep.equal(['StateLeader', 'StateFollower', 'StateFollower']);
    network.isolate(3n);
    network.send(hup(2n));
    network.send(hup(1n));
    expect(states()).to.deep.equal(['StateLeader', 'StateFollower', 'StateFollower']);
    expect([a.term, b.term]).to.deep.equal([3, 3]);

    c.resetRandomizedElectionTimeout();
    tick(c, c.randomizedElectionTimeout);
    advanceMessagesAfterAppend(c);
    expect(c).to.include({ state: 'StateCandidate', term: 2 });

    network.recover();
    const fromLeader: Message = message({ type, from: 1n, to: 3n, term: a.term });
    network.send(fromLeader);
    expect(c).to.include({ state: 'StateFollower', term: 3, lead: 1n });
    expect(a).to.include({ state: 'StateLeader', term: 3 });
  }

  it('RT-042 TestCandidateResetTermMsgHeartbeat: a heartbeat of a later term makes a candidate a follower', () => {
    testCandidateResetTerm(MessageType.MsgHeartbeat);
  });

  it('RT-043 TestCandidateResetTermMsgApp: and so does an append', () => {
    testCandidateResetTerm(MessageType.MsgApp);
  });
});
