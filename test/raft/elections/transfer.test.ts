import { emptyConfState, type Message, MessageType, type NodeId, type Snapshot } from '@raft-ts/proto';
import { applyConfChange, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  addLearner,
  changeV2,
  checkLeaderTransferState,
  hup,
  message,
  Network,
  newTestMemoryStorage,
  newTestRaft,
  nextEnts,
  type Overrides,
  progressOf,
  prop,
  removeNode,
  setRandomizedElectionTimeout,
  step,
  tick,
  transferTo,
  withPeers,
} from '../../helpers/index.js';

/** Three members, of which the first leads. */
function cluster(overrides: Overrides = {}): { network: Network; lead: Raft } {
  const network = new Network(['fresh', 'fresh', 'fresh'], overrides);
  network.send(hup(1n));
  const lead = network.member(1n);
  expect(lead).to.include({ state: 'StateLeader', lead: 1n });
  return { network, lead };
}

/** Member 1 leads and wants to hand over to member 3, which does not hear it. */
function pendingTransfer(): { network: Network; lead: Raft } {
  const { network, lead } = cluster();
  network.isolate(3n);
  // However long ago the last check of the quorum was, the transfer has its whole time.
  tick(lead, 3);
  network.send(transferTo(3n, 1n));
  expect(lead).to.include({ state: 'StateLeader', leadTransferee: 3n });
  return { network, lead };
}

describe('leadership transfer', () => {
  /** To member 2 and back; the requests arrive where `at` says. */
  function testToAndBack(network: Network, at: (transferee: NodeId, leader: NodeId) => NodeId): void {
    const n1 = network.member(1n);
    network.send(transferTo(2n, at(2n, 1n)));
    checkLeaderTransferState(n1, 'StateFollower', 2n);
    checkLeaderTransferState(network.member(2n), 'StateLeader', 2n);

    // It goes through the new leader, to members that are up to date again.
    network.send(prop(1n));
    network.send(transferTo(1n, at(1n, 2n)));
    checkLeaderTransferState(n1, 'StateLeader', 1n);
  }

  it('RT-093 TestLeaderTransferToUpToDateNode: a follower with the whole log takes over at once', () => {
    testToAndBack(cluster().network, (_transferee, leader) => leader);
  });

  it('RT-094 TestLeaderTransferToUpToDateNodeFromFollower: a follower forwards the request to the leader', () => {
    testToAndBack(cluster().network, (transferee) => transferee);
  });

  it('RT-095 TestLeaderTransferWithCheckQuorum: the votes are granted although the leader is heard', () => {
    const network = new Network(['fresh', 'fresh', 'fresh'], { checkQuorum: true });
    for (const [i, r] of network.members.entries()) setRandomizedElectionTimeout(r, r.electionTimeout + i + 1);
    // Only then does member 2 vote.
    const n2 = network.member(2n);
    tick(n2, n2.electionTimeout);
    network.send(hup(1n));
    expect(network.member(1n)).to.include({ state: 'StateLeader', lead: 1n });
    testToAndBack(network, (_transferee, leader) => leader);
  });

  it('RT-096 TestLeaderTransferToSlowFollower: a follower that lags is brought up to date first', () => {
    const { network, lead } = cluster();
    network.isolate(3n);
    network.send(prop(1n));
    network.recover();
    expect(progressOf(lead, 3n).match).to.equal(1);
    network.send(transferTo(3n, 1n));
    checkLeaderTransferState(lead, 'StateFollower', 3n);
  });

  it('RT-097 TestLeaderTransferAfterSnapshot: a follower that needs a snapshot takes over when it has it', () => {
    const { network, lead } = cluster();
    network.isolate(3n);
    network.send(prop(1n));
    nextEnts(lead, network.storageOf(1n));
    const { applied } = lead.raftLog;
    const storage = network.storageOf(1n);
    storage.createSnapshot(applied, { ...emptyConfState(), voters: lead.trk.voterNodes() }, undefined);
    storage.compact(applied);
    network.recover();
    expect(progressOf(lead, 3n).match).to.equal(1);

    const held: Message[] = [];
    network.msgHook = (m) => {
      if (m.type !== MessageType.MsgAppResp || m.from !== 3n || m.reject) return true;
      held.push(m);
      return false;
    };
    network.send(transferTo(3n, 1n));
    expect(lead.state).to.equal('StateLeader');
    const acknowledgement = held.at(-1);
    if (acknowledgement === undefined) throw new Error('the snapshot was not acknowledged');

    // The follower stores the snapshot, and only then is its acknowledgement under way.
    const n3 = network.member(3n);
    const snapshot = n3.raftLog.unstable.nextSnapshot() as Snapshot;
    network.storageOf(3n).applySnapshot(snapshot);
    n3.appliedSnap(snapshot.metadata.index);
    network.msgHook = undefined;
    network.send(acknowledgement);
    checkLeaderTransferState(lead, 'StateFollower', 3n);
  });

  it('RT-098 TestLeaderTransferToSelf: a leader does not hand over to itself', () => {
    const { network, lead } = cluster();
    network.send(transferTo(1n, 1n));
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });

  it('RT-099 TestLeaderTransferToNonExistingNode: nor to nobody', () => {
    const { network, lead } = cluster();
    network.send(transferTo(4n, 1n));
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });

  it('a leader does not hand over to a learner', () => {
    const { network, lead } = cluster();
    applyConfChange(lead, addLearner(3n));
    network.send(transferTo(3n, 1n));
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });

  it('RT-100 TestLeaderTransferTimeout: a transfer is given up after an election timeout', () => {
    const { lead } = pendingTransfer();
    tick(lead, lead.heartbeatTimeout);
    expect(lead.leadTransferee).to.equal(3n);
    tick(lead, lead.electionTimeout - lead.heartbeatTimeout - 1);
    expect(lead.leadTransferee).to.equal(3n);
    tick(lead);
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });

  it('RT-101 TestLeaderTransferIgnoreProposal: proposals are dropped meanwhile', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
    const lead = newTestRaft(1n, storage);
    const network = new Network([lead, 'fresh', 'fresh']);
    network.send(hup(1n));
    network.isolate(3n);
    nextEnts(lead, storage);
    network.send(transferTo(3n, 1n));
    expect(lead.leadTransferee).to.equal(3n);

    network.send(prop(1n));
    expect(step(lead, prop(1n))).to.deep.equal({ kind: 'dropped', reason: 'transferring' });
    expect(progressOf(lead, 1n).match).to.equal(1);
    expect(lead.raftLog.lastIndex()).to.equal(1);
  });

  it('RT-102 TestLeaderTransferReceiveHigherTermVote: an election of somebody else ends it', () => {
    const { network, lead } = pendingTransfer();
    network.send(message({ type: MessageType.MsgHup, from: 2n, to: 2n, index: 1, term: 2 }));
    checkLeaderTransferState(lead, 'StateFollower', 2n);
  });

  /** Member 3 never learns that it shall campaign. */
  function unheardTransfer(): Raft {
    const { network, lead } = cluster();
    network.ignore(MessageType.MsgTimeoutNow);
    network.send(transferTo(3n, 1n));
    expect(lead.leadTransferee).to.equal(3n);
    return lead;
  }

  it('RT-103 TestLeaderTransferRemoveNode: the removal of the member that shall take over ends it', () => {
    const lead = unheardTransfer();
    applyConfChange(lead, removeNode(3n));
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });

  it('RT-104 TestLeaderTransferDemoteNode: and so does making it a learner', () => {
    const lead = unheardTransfer();
    applyConfChange(lead, changeV2('r3 l3'));
    applyConfChange(lead, changeV2());
    checkLeaderTransferState(lead, 'StateLeader', 1n);
    expect(lead.trk.learnerNodes()).to.deep.equal([3n]);
  });

  it('RT-105 TestLeaderTransferBack: a request for the leader itself ends it', () => {
    const { network, lead } = pendingTransfer();
    network.send(transferTo(1n, 1n));
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });

  it('RT-106 TestLeaderTransferSecondTransferToAnotherNode: the later request counts', () => {
    const { network, lead } = pendingTransfer();
    network.send(transferTo(2n, 1n));
    checkLeaderTransferState(lead, 'StateFollower', 2n);
  });

  it('RT-107 TestLeaderTransferSecondTransferToSameNode: the same request again gives it no more time', () => {
    const { network, lead } = pendingTransfer();
    tick(lead, lead.heartbeatTimeout);
    network.send(transferTo(3n, 1n));
    tick(lead, lead.electionTimeout - lead.heartbeatTimeout);
    checkLeaderTransferState(lead, 'StateLeader', 1n);
  });
});
