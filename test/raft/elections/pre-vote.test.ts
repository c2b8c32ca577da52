import { MessageType, NONE } from '@raft-ts/proto';
import type { StateType } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  advanceMessagesAfterAppend,
  expectRoles,
  hup,
  message,
  Network,
  newVoter,
  type Overrides,
  preVoteConfig,
  prop,
  step,
  three,
} from '../../helpers/index.js';

const candidate: StateType = 'StateCandidate';
const follower: StateType = 'StateFollower';
const leader: StateType = 'StateLeader';
const preCandidate: StateType = 'StatePreCandidate';

type Members = readonly [Raft, Raft, Raft];

/** Three members that ask before they campaign, followers of nobody in term 1. */
function cluster(overrides: Overrides = preVoteConfig): { network: Network; members: Members } {
  const members = three.map((id) => newVoter(id, three, overrides)) as [Raft, Raft, Raft];
  for (const r of members) r.becomeFollower(1, NONE);
  return { network: new Network(members), members };
}

describe('pre-votes', () => {
  it('RT-023 TestDuelingPreCandidates: a pre-candidate with a short log does not unseat the leader', () => {
    const members = three.map((id) => newVoter(id, three, preVoteConfig));
    const network = new Network(members);
    network.cut(1n, 3n);
    network.send(hup(1n));
    network.send(hup(3n));
    expect(network.member(1n).state).to.equal(leader);
    expect(network.member(3n).state).to.equal(follower);

    network.recover();
    network.send(hup(3n));
    expectRoles(members, [leader, 1], [follower, 1], [follower, 1]);
    expect(members.map((r) => r.raftLog.lastIndex())).to.deep.equal([1, 1, 0]);
  });

  it('RT-026 TestSingleNodePreCandidate: a cluster of one elects itself with pre-votes too', () => {
    const network = new Network(['fresh'], preVoteConfig);
    network.send(hup(1n));
    expectRoles(network.members, [leader, 1]);
  });

  function testCampaignWhileLeader(overrides: Overrides): void {
    const r = newVoter(1n, [1n], { electionTick: 5, ...overrides });
    expectRoles([r], [follower, 0]);
    for (let i = 0; i < 2; i++) {
      step(r, hup(1n));
      advanceMessagesAfterAppend(r);
      expectRoles([r], [leader, 1]);
    }
    expect(r.raftLog.lastIndex()).to.equal(1);
  }

  it('RT-090 TestCampaignWhileLeader: a leader does not campaign', () => {
    testCampaignWhileLeader({});
  });

  it('RT-091 TestPreCampaignWhileLeader: a leader does not ask whether it could win', () => {
    testCampaignWhileLeader(preVoteConfig);
  });

  it('RT-109 TestNodeWithSmallerTermCanCompleteElection: a member that comes back with a lower term can be elected', () => {
    const { network, members } = cluster();
    const [n1, n2, n3] = members;
    network.cut(1n, 3n);
    network.cut(2n, 3n);
    network.send(hup(1n));
    expectRoles([n1, n2], [leader, 2], [follower, 2]);

    network.send(hup(3n));
    expect(n3.state).to.equal(preCandidate);
    network.send(hup(2n));
    expectRoles(members, [follower, 3], [leader, 3], [preCandidate, 1]);

    network.recover();
    network.cut(2n, 1n);
    network.cut(2n, 3n);
    // Member 3 learns the term from the refusal, and then gives its vote to member 1, whose log is longer.
    network.send(hup(3n));
    network.send(hup(1n));
    expectRoles([n1, n3], [leader, 4], [follower, 4]);
  });

  it('RT-110 TestPreVoteWithSplitVote: after a split vote the next attempt elects', () => {
    const { network, members } = cluster();
    const [, n2, n3] = members;
    network.send(hup(1n));
    network.isolate(1n);

    // Both win their pre-election before either asks for a vote.
    network.send(hup(2n), hup(3n));
    expectRoles([n2, n3], [candidate, 3], [candidate, 3]);

    network.send(hup(2n));
    expectRoles([n2, n3], [leader, 4], [follower, 4]);
  });

  it('RT-111 TestPreVoteWithCheckQuorum: members that check their quorum elect after the leader is gone', () => {
    const { network, members } = cluster({ preVote: true, checkQuorum: true });
    const [, n2, n3] = members;
    network.send(hup(1n));
    network.isolate(1n);
    expectRoles(members, [leader, 2], [follower, 2], [follower, 2]);

    // Member 2 still hears the leader and does not answer; member 3, which has given the leader up, answers member 2.
    network.send(hup(3n));
    network.send(hup(2n));
    expectRoles([n2, n3], [leader, 3], [follower, 3]);
  });
});

describe('while pre-votes are being introduced', () => {
  /**
   * Member 3, without pre-votes so far, was cut off and has campaigned twice: its term is ahead, its log behind. It
   * comes back with pre-votes.
   */
  function migratedCluster(): { network: Network; members: Members } {
    const members = three.map((id) => newVoter(id, three, { preVote: id !== 3n })) as [Raft, Raft, Raft];
    for (const r of members) r.becomeFollower(1, NONE);
    const network = new Network(members);
    network.send(hup(1n));
    network.isolate(3n);
    network.send(prop(1n, 'some data'));
    network.send(hup(3n));
    network.send(hup(3n));
    expectRoles(members, [leader, 2], [follower, 2], [candidate, 4]);

    members[2].preVote = true;
    network.recover();
    return { network, members };
  }

  it('RT-113 TestPreVoteMigrationCanCompleteElection: the leader fails, and the others elect', () => {
    const { network, members } = migratedCluster();
    const [, n2, n3] = members;
    network.isolate(1n);
    network.send(hup(3n));
    network.send(hup(2n));
    expect([n2.state, n3.state]).to.deep.equal([follower, preCandidate]);

    network.send(hup(3n));
    network.send(hup(2n));
    expect([n2.state, n3.state]).to.deep.equal([leader, follower]);
  });

  it('RT-114 TestPreVoteMigrationWithFreeStuckPreCandidate: a leader that hears of the higher term gives up', () => {
    const { network, members } = migratedCluster();
    const [n1, , n3] = members;
    for (let i = 0; i < 2; i++) {
      network.send(hup(3n));
      expectRoles(members, [leader, 2], [follower, 2], [preCandidate, 4]);
    }
    network.send(message({ type: MessageType.MsgHeartbeat, from: 1n, to: 3n, term: n1.term }));
    expect(n1).to.include({ state: follower, term: 4 });
    expect(n3.term).to.equal(4);
  });
});
