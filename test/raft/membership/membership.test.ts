import { type Entry, EntryType, MessageType, type NodeId } from '@raft-ts/proto';
import { ERR_CONF_CHANGE_INVALID, RaftError } from '@raft-ts/raft';
import { applyConfChange, asV2, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  addLearner,
  addNode,
  bytes,
  confChangeEntry,
  hup,
  makeLeader,
  message,
  mustAppendEntry,
  Network,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  nextEnts,
  progressOf,
  prop,
  propEntries,
  proposed,
  removeNode,
  step,
  tick,
  transferTo,
  withLearners,
  withPeers,
} from '../../helpers/index.js';

const emptyChange: Entry = { type: EntryType.EntryConfChange, term: 0, index: 0, data: undefined };

/** Type (absent reads as normal), position and data. */
function contentOf(entries: readonly Entry[]) {
  return entries.map(({ type = EntryType.EntryNormal, term, index, data }) => ({ type, term, index, data }));
}

function expectInvalid(r: Raft, change: () => unknown): void {
  const before = r.trk.config;
  expect(change).to.throw(RaftError).with.property('code', ERR_CONF_CHANGE_INVALID);
  expect(r.trk.config).to.equal(before);
}

describe('proposing changes of membership', () => {
  it('RT-080 TestStepConfig: a change is appended, and is the one that is pending', () => {
    const r = newVoter(1n, [1n, 2n]);
    makeLeader(r);
    const last = r.raftLog.lastIndex();
    expect(step(r, propEntries(1n, [emptyChange])).kind).to.equal('done');
    expect(r.raftLog.lastIndex()).to.equal(last + 1);
    expect(r.pendingConfIndex).to.equal(last + 1);
  });

  it('RT-081 TestStepIgnoreConfig: while a change is pending an empty entry takes the place of another', () => {
    const r = newVoter(1n, [1n, 2n]);
    makeLeader(r);
    step(r, propEntries(1n, [emptyChange]));
    const pending = r.pendingConfIndex;
    expect(pending).to.equal(2);

    expect(step(r, propEntries(1n, [emptyChange]))).to.deep.equal({
      kind: 'refused',
      reason: 'possible unapplied conf change at index 2 (applied to 0)',
    });
    expect(r.raftLog.entries(pending + 1, Number.POSITIVE_INFINITY)).to.deep.equal([
      { type: EntryType.EntryNormal, term: 1, index: 3, data: undefined },
    ]);
    expect(r.pendingConfIndex).to.equal(pending);
  });

  describe('RT-082 TestNewLeaderPendingConfig: a new leader takes whatever it has not applied for a change', () => {
    for (const entries of [0, 1]) {
      it(`${entries} entries: ${entries}`, () => {
        const r = newVoter(1n, [1n, 2n]);
        r.becomeFollower(1, 0n);
        for (let i = 0; i < entries; i++) mustAppendEntry(r, proposed());
        makeLeader(r);
        expect(r.pendingConfIndex).to.equal(entries);
      });
    }
  });
});

describe('applying changes of membership', () => {
  it('RT-083 TestAddNode: a voter is added', () => {
    const r = newVoter(1n, [1n]);
    applyConfChange(r, addNode(2n));
    expect(r.trk.voterNodes()).to.deep.equal([1n, 2n]);
  });

  it('RT-084 TestAddLearner: a learner is added, promoted, and a voter demoted', () => {
    const r = newVoter(1n, [1n]);
    const learners = () => [1n, 2n].map((id) => progressOf(r, id).isLearner);

    applyConfChange(r, addLearner(2n));
    expect(r.isLearner).to.equal(false);
    expect(r.trk.learnerNodes()).to.deep.equal([2n]);
    expect(learners()).to.deep.equal([false, true]);

    applyConfChange(r, addNode(2n));
    expect(learners()).to.deep.equal([false, false]);

    applyConfChange(r, addLearner(1n));
    expect(learners()).to.deep.equal([true, false]);
    expect(r.isLearner).to.equal(true);

    applyConfChange(r, addNode(1n));
    expect(learners()).to.deep.equal([false, false]);
    expect(r.isLearner).to.equal(false);
  });

  it('RT-086 TestRemoveNode: a voter is removed, but not the last one', () => {
    const r = newVoter(1n, [1n, 2n]);
    applyConfChange(r, removeNode(2n));
    expect(r.trk.voterNodes()).to.deep.equal([1n]);
    expectInvalid(r, () => applyConfChange(r, removeNode(1n)));
  });

  it('RT-087 TestRemoveLearner: a learner is removed, but not the last voter', () => {
    const r = newTestRaft(1n, newTestMemoryStorage(withPeers(1n), withLearners(2n)));
    applyConfChange(r, removeNode(2n));
    expect(r.trk.voterNodes()).to.deep.equal([1n]);
    expect(r.trk.learnerNodes()).to.deep.equal([]);
    expectInvalid(r, () => applyConfChange(r, removeNode(1n)));
  });

  describe('RT-088 TestPromotable: only a voter of its own configuration may campaign', () => {
    const rows: [voters: NodeId[], promotable: boolean][] = [
      [[1n], true],
      [[1n, 2n, 3n], true],
      [[], false],
      [[2n, 3n], false],
    ];
    for (const [voters, promotable] of rows) {
      it(`member 1 of {${voters}}: ${promotable}`, () => {
        expect(newVoter(1n, voters, { electionTick: 5 }).promotable()).to.equal(promotable);
      });
    }
  });

  describe('RT-089 TestRaftNodes: voters are listed in ascending order', () => {
    for (const voters of [
      [1n, 2n, 3n],
      [3n, 2n, 1n],
    ]) {
      it(`${voters}`, () => {
        expect(newVoter(1n, voters).trk.voterNodes()).to.deep.equal([1n, 2n, 3n]);
      });
    }
  });

  it('RT-092 TestCommitAfterRemoveNode: a removal commits at once what only the removed member kept waiting', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n));
    const r = newTestRaft(1n, storage, { electionTick: 5 });
    makeLeader(r);
    const change = confChangeEntry(removeNode(2n));
    step(r, propEntries(1n, [change]));
    expect(nextEnts(r, storage)).to.deep.equal([]);
    const at = r.raftLog.lastIndex();

    // It will need member 2's acknowledgement until the removal is applied.
    step(r, prop(1n, 'hello'));
    step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: at }));
    expect(contentOf(nextEnts(r, storage))).to.deep.equal([
      { type: EntryType.EntryNormal, term: 1, index: 1, data: undefined },
      { ...change, term: 1, index: 2 },
    ]);

    applyConfChange(r, removeNode(2n));
    expect(contentOf(nextEnts(r, storage))).to.deep.equal([
      { type: EntryType.EntryNormal, term: 1, index: 3, data: bytes('hello') },
    ]);
  });
});

describe('a change that is committed and not applied', () => {
  function testCheckBeforeCampaign(change: Entry): void {
    const network = new Network(['fresh', 'fresh', 'fresh']);
    const [n1, n2] = [network.member(1n), network.member(2n)];
    const states = () => [n1.state, n2.state];
    network.send(hup(1n));
    expect(n1.state).to.equal('StateLeader');

    // The network commits it, and nobody applies it.
    network.send(propEntries(1n, [change]));
    expect(n2.raftLog.committed).to.equal(2);
    tick(n2, n2.randomizedElectionTimeout);
    expect(n2.state).to.equal('StateFollower');
    network.send(transferTo(2n, 1n));
    expect(states()).to.deep.equal(['StateLeader', 'StateFollower']);

    // The transfer is given up after this long.
    tick(n1, n1.electionTimeout);
    nextEnts(n2, network.storageOf(2n));
    network.send(transferTo(2n, 1n));
    expect(states()).to.deep.equal(['StateFollower', 'StateLeader']);

    nextEnts(n1, network.storageOf(1n));
    tick(n1, n1.randomizedElectionTimeout);
    expect(n1.state).to.equal('StateCandidate');
  }

  it('RT-115 TestConfChangeCheckBeforeCampaign: keeps a member from campaigning', () => {
    testCheckBeforeCampaign(confChangeEntry(removeNode(2n)));
  });

  it('RT-116 TestConfChangeV2CheckBeforeCampaign: keeps a member from campaigning in its second form too', () => {
    testCheckBeforeCampaign(confChangeEntry(asV2(removeNode(2n))));
  });
});
