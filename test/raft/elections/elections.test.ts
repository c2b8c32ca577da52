import { MessageType, NONE } from '@raft-ts/proto';
import type { StateType } from '@raft-ts/raft';
import { applyConfChange, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  addLearner,
  addNode,
  advanceMessagesAfterAppend,
  beat,
  entry,
  entsWithConfig,
  expectOneMessage,
  expectRoles,
  expectSameLog,
  hup,
  logFromArray,
  message,
  Network,
  type NetworkPeer,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  type Overrides,
  preVoteConfig,
  prop,
  readMessages,
  setRandomizedElectionTimeout,
  step,
  tick,
  votedWithConfig,
  withLearners,
  withPeers,
} from '../../helpers/index.js';

const follower = 'StateFollower';
const leader = 'StateLeader';

/** A voter (1) and a learner (2) in their first term, each with a store of its own. */
function voterAndLearner(): [Raft, Raft] {
  const member = (id: bigint) => newTestRaft(id, newTestMemoryStorage(withPeers(1n), withLearners(2n)));
  const members: [Raft, Raft] = [member(1n), member(2n)];
  for (const r of members) r.becomeFollower(1, NONE);
  return members;
}

describe('elections', () => {
  const nop = 'black hole';
  interface Outcome {
    readonly state: StateType;
    readonly term: number;
  }
  const won: Outcome = { state: leader, term: 1 };
  const pending: Outcome = { state: 'StateCandidate', term: 1 };
  // A pre-election that is not won changes no term.
  const prePending: Outcome = { state: 'StatePreCandidate', term: 0 };
  const lost: Outcome = { state: follower, term: 1 };
  const rows: [what: string, peers: (config: Overrides) => NetworkPeer[], outcome: Outcome, preVote: Outcome][] = [
    ['all of three answer', () => ['fresh', 'fresh', 'fresh'], won, won],
    ['two of three answer', () => ['fresh', 'fresh', nop], won, won],
    ['one of three answers', () => ['fresh', nop, nop], pending, prePending],
    ['two of four answer', () => ['fresh', nop, nop, 'fresh'], pending, prePending],
    ['three of five answer', () => ['fresh', nop, nop, 'fresh', 'fresh'], won, won],
    [
      'three of five have longer logs',
      (config) => [
        'fresh',
        entsWithConfig(config, 1),
        entsWithConfig(config, 1),
        entsWithConfig(config, 1, 1),
        'fresh',
      ],
      lost,
      lost,
    ],
  ];

  describe('RT-006 TestLeaderElection: a majority of voters with logs that are no newer elects', () => {
    for (const [what, peers, outcome] of rows) {
      it(`${what}: ${outcome.state}`, () => {
        const network = new Network(peers({}));
        network.send(hup(1n));
        expect(network.member(1n)).to.include(outcome);
      });
    }
  });

  describe('RT-007 TestLeaderElectionPreVote: the same with pre-votes, which alone change no term', () => {
    for (const [what, peers, , outcome] of rows) {
      it(`${what}: ${outcome.state}`, () => {
        const network = new Network(peers(preVoteConfig), preVoteConfig);
        network.send(hup(1n));
        expect(network.member(1n)).to.include(outcome);
      });
    }
  });

  it('RT-008 TestLearnerElectionTimeout: a learner never campaigns', () => {
    const [, learner] = voterAndLearner();
    setRandomizedElectionTimeout(learner, learner.electionTimeout);
    tick(learner, learner.electionTimeout);
    expect(learner.state).to.equal(follower);
  });

  it('RT-009 TestLearnerPromotion: a learner that was made a voter can be elected', () => {
    const [n1, n2] = voterAndLearner();
    const network = new Network([n1, n2]);
    expect(n1.state).to.equal(follower);

    setRandomizedElectionTimeout(n1, n1.electionTimeout);
    tick(n1, n1.electionTimeout);
    advanceMessagesAfterAppend(n1);
    expect([n1.state, n2.state]).to.deep.equal([leader, follower]);

    network.send(beat(1n));
    for (const r of [n1, n2]) applyConfChange(r, addNode(2n));
    expect(n2.isLearner).to.equal(false);

    setRandomizedElectionTimeout(n2, n2.electionTimeout);
    tick(n2, n2.electionTimeout);
    advanceMessagesAfterAppend(n2);
    network.send(beat(2n));
    expect([n1.state, n2.state]).to.deep.equal([follower, leader]);
  });

  it('RT-010 TestLearnerCanVote: a learner grants votes, for it may be a voter without knowing', () => {
    const [, learner] = voterAndLearner();
    step(learner, message({ type: MessageType.MsgVote, from: 1n, to: 2n, term: 2, logTerm: 11, index: 11 }));
    expect(expectOneMessage(learner)).to.include({ type: MessageType.MsgVoteResp, to: 1n, term: 2, reject: false });
    expect(learner.vote).to.equal(1n);
  });

  function testLeaderCycle(config: Overrides): void {
    const network = new Network(['fresh', 'fresh', 'fresh'], config);
    for (const candidate of [1n, 2n, 3n]) {
      network.send(hup(candidate));
      for (const r of network.members) expect(r.state, `${r.id}`).to.equal(r.id === candidate ? leader : follower);
    }
  }

  it('RT-011 TestLeaderCycle: every member can win, whatever elections were before', () => {
    testLeaderCycle({});
  });

  it('RT-012 TestLeaderCyclePreVote: every member can win with pre-votes too', () => {
    testLeaderCycle(preVoteConfig);
  });

  function testOverwriteNewerLogs(config: Overrides): void {
    const network = new Network([
      entsWithConfig(config, 1),
      entsWithConfig(config, 1),
      entsWithConfig(config, 2),
      votedWithConfig(config, 3n, 2),
      votedWithConfig(config, 3n, 2),
    ]);
    const n1 = network.member(1n);
    // A quorum knows term 2 already: this election only tells member 1 of it.
    network.send(hup(1n));
    expectRoles([n1], [follower, 2]);
    network.send(hup(1n));
    expectRoles([n1], [leader, 3]);
    for (const r of network.members) {
      expect(
        r.raftLog.allEntries().map(({ term }) => term),
        `${r.id}`,
      ).to.deep.equal([1, 3]);
    }
  }

  it('RT-013 TestLeaderElectionOverwriteNewerLogs: uncommitted entries of a later term can be overwritten', () => {
    testOverwriteNewerLogs({});
  });

  it('RT-014 TestLeaderElectionOverwriteNewerLogsPreVote: and so they can be with pre-votes', () => {
    testOverwriteNewerLogs(preVoteConfig);
  });

  it('RT-022 TestDuelingCandidates: a candidate with a short log unseats the leader and does not win', () => {
    const members = [1n, 2n, 3n].map((id) => newVoter(id, [1n, 2n, 3n]));
    const network = new Network(members);
    network.cut(1n, 3n);
    network.send(hup(1n));
    network.send(hup(3n));
    expect(network.member(1n).state).to.equal(leader);
    expect(network.member(3n).state).to.equal('StateCandidate');

    network.recover();
    network.send(hup(3n));
    expectRoles(members, [follower, 2], [follower, 2], [follower, 2]);
    expect(members.map((r) => r.raftLog.lastIndex())).to.deep.equal([1, 1, 0]);
  });

  it('RT-024 TestCandidateConcede: a candidate gives way to the leader of its own term', () => {
    const network = new Network(['fresh', 'fresh', 'fresh']);
    network.isolate(1n);
    network.send(hup(1n));
    network.send(hup(3n));
    network.recover();
    network.send(beat(3n));
    network.send(prop(3n, 'force follower'));
    network.send(beat(3n));

    expectRoles([network.member(1n)], [follower, 1]);
    const expected = logFromArray([entry(0, 0), entry(1, 1), entry(1, 2, 'force follower')]);
    for (const r of network.members) expectSameLog(r.raftLog, expected, `log of ${r.id}`);
  });

  it('RT-025 TestSingleNodeCandidate: a cluster of one elects itself', () => {
    const network = new Network(['fresh']);
    network.send(hup(1n));
    expectRoles(network.members, [leader, 1]);
  });

  it('RT-108 TestTransferNonMember: a member that is not a voter neither campaigns when told to nor counts votes', () => {
    const r = newVoter(1n, [2n, 3n, 4n], { electionTick: 5 });
    step(r, message({ type: MessageType.MsgTimeoutNow, from: 2n, to: 1n }));
    step(r, message({ type: MessageType.MsgVoteResp, from: 2n, to: 1n }));
    step(r, message({ type: MessageType.MsgVoteResp, from: 3n, to: 1n }));
    expectRoles([r], [follower, 0]);
  });

  it('RT-112 TestLearnerCampaign: a learner campaigns neither of itself nor when told to', () => {
    const n1 = newVoter(1n, [1n]);
    const n2 = newVoter(2n, [1n]);
    for (const r of [n1, n2]) applyConfChange(r, addLearner(2n));
    const network = new Network([n1, n2]);

    network.send(hup(2n));
    expect(n2).to.include({ isLearner: true, state: follower });

    network.send(hup(1n));
    expect(n1).to.include({ state: leader, lead: 1n });

    network.send(message({ type: MessageType.MsgTimeoutNow, from: 1n, to: 2n }));
    expect(n2.state).to.equal(follower);
  });
});

describe('a candidate some terms behind', () => {
  const term = 5;
  const vote = message({ type: MessageType.MsgVote, from: 4n, to: 2n, term });

  /** Member 2 as candidate, in a membership without member 4. */
  function ahead(): Raft {
    const r = newVoter(2n, [1n, 2n, 3n]);
    r.becomeFollower(8, NONE);
    step(r, hup(2n));
    readMessages(r);
    return r;
  }

  it('whom the others do not know, and cannot do without, learns their term and wins', () => {
    const two = ahead();
    const four = newVoter(4n, [2n, 4n]);
    four.becomeFollower(term - 1, NONE);
    step(four, hup(4n));
    for (const m of readMessages(four)) step(two, m);
    for (const m of readMessages(two)) step(four, m);
    expectRoles([two, four], ['StateCandidate', 9], [follower, 9]);
    step(four, hup(4n));
    for (const m of readMessages(four)) step(two, m);
    for (const m of readMessages(two)) step(four, m);
    expectRoles([two, four], [follower, 10], [leader, 10]);
  });

  it('is not answered by a member that has a leader', () => {
    const r = ahead();
    r.becomeFollower(9, 3n);
    step(r, vote);
    expect(readMessages(r)).to.deep.equal([]);
    expectRoles([r], [follower, 9]);
  });
});
