import { MessageType, NONE } from '@raft-ts/proto';
import type { StateType } from '@raft-ts/raft';
import { applyConfChange, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  addNode,
  expectRoles,
  hup,
  makeLeader,
  message,
  Network,
  newVoter,
  prop,
  removeNode,
  setRandomizedElectionTimeout,
  step,
  three,
  tick,
} from '../../helpers/index.js';

const candidate: StateType = 'StateCandidate';
const follower: StateType = 'StateFollower';
const leader: StateType = 'StateLeader';

/** Three members that check their quorum, in a network. */
function cluster(): { network: Network; a: Raft; b: Raft; c: Raft } {
  const [a, b, c] = three.map((id) => newVoter(id, three, { checkQuorum: true })) as [Raft, Raft, Raft];
  return { network: new Network([a, b, c]), a, b, c };
}

/** Gives this member one tick more than the lease lasts, and lets the lease run out. */
function outlastLease(r: Raft): void {
  setRandomizedElectionTimeout(r, r.electionTimeout + 1);
  tick(r, r.electionTimeout);
}

describe('check quorum', () => {
  it('RT-048 TestLeaderStepdownWhenQuorumActive: a leader that hears from a quorum goes on leading', () => {
    const r = newVoter(1n, three, { electionTick: 5, checkQuorum: true });
    makeLeader(r);
    for (let i = 0; i < r.electionTimeout + 1; i++) {
      step(r, message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n, term: r.term }));
      tick(r);
    }
    expectRoles([r], [leader, 1]);
  });

  it('RT-049 TestLeaderStepdownWhenQuorumLost: a leader that hears from no quorum steps down', () => {
    const r = newVoter(1n, three, { electionTick: 5, checkQuorum: true });
    makeLeader(r);
    tick(r, r.electionTimeout + 1);
    expectRoles([r], [follower, 1]);
  });

  it('RT-050 TestLeaderSupersedingWithCheckQuorum: votes are withheld as long as a leader is heard', () => {
    const { network, a, b, c } = cluster();
    outlastLease(b);
    network.send(hup(1n));
    expect([a.state, c.state]).to.deep.equal([leader, follower]);

    network.send(hup(3n));
    expect(c.state).to.equal(candidate);
    expect(b).to.include({ state: follower, term: 1, lead: 1n });

    tick(b, b.electionTimeout);
    network.send(hup(3n));
    expect(c.state).to.equal(leader);
  });

  it('RT-051 TestLeaderElectionWithCheckQuorum: a new cluster elects at once, a later one when the lease is over', () => {
    const { network, a, b, c } = cluster();
    const setTimeouts = () => {
      setRandomizedElectionTimeout(a, a.electionTimeout + 1);
      setRandomizedElectionTimeout(b, b.electionTimeout + 2);
    };
    setTimeouts();
    network.send(hup(1n));
    expect([a.state, c.state]).to.deep.equal([leader, follower]);

    setTimeouts();
    tick(a, a.electionTimeout);
    tick(b, b.electionTimeout);
    network.send(hup(3n));
    expect([a.state, c.state]).to.deep.equal([follower, leader]);
  });

  it('RT-052 TestFreeStuckCandidateWithCheckQuorum: a candidate whose term has run ahead makes the leader give up', () => {
    const { network, a, b, c } = cluster();
    outlastLease(b);
    network.send(hup(1n));
    network.isolate(1n);

    network.send(hup(3n));
    expectRoles([b, c], [follower, 1], [candidate, 2]);
    network.send(hup(3n));
    expectRoles([b, c], [follower, 1], [candidate, 3]);

    network.recover();
    network.send(message({ type: MessageType.MsgHeartbeat, from: 1n, to: 3n, term: a.term }));
    expectRoles([a, c], [follower, 3], [candidate, 3]);

    network.send(hup(3n));
    expect(c.state).to.equal(leader);
  });

  it('RT-053 TestNonPromotableVoterWithCheckQuorum: who is not in its own configuration still votes and follows', () => {
    const a = newVoter(1n, [1n, 2n], { checkQuorum: true });
    const b = newVoter(2n, [1n], { checkQuorum: true });
    const network = new Network([a, b]);
    setRandomizedElectionTimeout(b, b.electionTimeout + 1);
    // The network has made it a voter.
    applyConfChange(b, removeNode(2n));
    expect(b.promotable()).to.equal(false);

    tick(b, b.electionTimeout);
    network.send(hup(1n));
    expect(a.state).to.equal(leader);
    expect(b).to.include({ state: follower, lead: 1n });
  });

  /** Member 1 leads in term 2. */
  function establishedCluster(): { network: Network; members: [Raft, Raft, Raft] } {
    const { a, b, c } = cluster();
    const members: [Raft, Raft, Raft] = [a, b, c];
    for (const r of members) r.becomeFollower(1, NONE);
    const network = new Network(members);
    network.send(hup(1n));
    expectRoles(members, [leader, 2], [follower, 2], [follower, 2]);
    return { network, members };
  }

  it('RT-054 TestDisruptiveFollower: without pre-votes a follower that is slow unseats the leader', () => {
    const { network, members } = establishedCluster();
    const [, , n3] = members;
    setRandomizedElectionTimeout(n3, n3.electionTimeout + 2);
    tick(n3, n3.electionTimeout + 1);
    expect(n3.state).to.equal(follower);
    tick(n3);
    expectRoles(members, [leader, 2], [follower, 2], [candidate, 3]);

    // Its requests for votes are ignored, because the leader is heard; its answer to the leader is not.
    network.send(message({ type: MessageType.MsgHeartbeat, from: 1n, to: 3n, term: 2 }));
    expectRoles(members, [follower, 3], [follower, 2], [candidate, 3]);
  });

  it('RT-055 TestDisruptiveFollowerPreVote: with pre-votes the same follower unseats nobody', () => {
    const { network, members } = establishedCluster();
    network.isolate(3n);
    for (let i = 0; i < 3; i++) network.send(prop(1n, 'somedata'));
    for (const r of members) r.preVote = true;
    network.recover();
    network.send(hup(3n));
    expectRoles(members, [leader, 2], [follower, 2], ['StatePreCandidate', 2]);

    network.send(message({ type: MessageType.MsgHeartbeat, from: 1n, to: 3n, term: 2 }));
    expectRoles(members, [leader, 2], [follower, 2], [follower, 2]);
  });

  it('RT-085 TestAddNodeCheckQuorum: a member that was just added counts as heard until the next check', () => {
    const r = newVoter(1n, [1n], { checkQuorum: true });
    makeLeader(r);
    tick(r, r.electionTimeout - 1);
    applyConfChange(r, addNode(2n));
    tick(r);
    expect(r.state).to.equal(leader);
    tick(r, r.electionTimeout);
    expect(r.state).to.equal(follower);
  });
});
