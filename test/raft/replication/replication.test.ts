import { type Message, MessageType } from '@raft-ts/proto';
import { expect } from 'chai';
import {
  advanceMessagesAfterAppend,
  beat,
  entry,
  expectSameLog,
  hup,
  logFromArray,
  message,
  Network,
  type NetworkPeer,
  newTestMemoryStorage,
  newTestRaft,
  nextEnts,
  progressOf,
  prop,
  proposed,
  setRandomizedElectionTimeout,
  tick,
  withLearners,
  withPeers,
} from '../../helpers/index.js';

const three: readonly NetworkPeer[] = ['fresh', 'fresh', 'fresh'];
const five: readonly NetworkPeer[] = [...three, 'fresh', 'fresh'];

describe('replication', () => {
  describe('RT-017 TestLogReplication: what is proposed reaches every log and is committed', () => {
    const rows: [what: string, messages: Message[], committed: number][] = [
      ['under one leader', [prop(1n, 'somedata')], 2],
      [
        'under one leader and the next',
        [
          prop(1n, 'somedata'),
          message({ type: MessageType.MsgHup, from: 1n, to: 2n }),
          message({ type: MessageType.MsgProp, from: 1n, to: 2n, entries: [proposed('somedata')] }),
        ],
        4,
      ],
    ];
    for (const [what, messages, committed] of rows) {
      it(what, () => {
        const network = new Network(three);
        network.send(hup(1n));
        for (const m of messages) network.send(m);
        const data = messages.filter((m) => m.type === MessageType.MsgProp).map((m) => m.entries[0]?.data);
        for (const r of network.members) {
          expect(r.raftLog.committed, `${r.id}`).to.equal(committed);
          const applied = nextEnts(r, network.storageOf(r.id)).filter((e) => e.data !== undefined);
          expect(
            applied.map((e) => e.data),
            `${r.id}`,
          ).to.deep.equal(data);
        }
      });
    }
  });

  it('RT-018 TestLearnerLogReplication: a learner gets the log, and is not needed to commit', () => {
    const [n1, n2] = [1n, 2n].map((id) => newTestRaft(id, newTestMemoryStorage(withPeers(1n), withLearners(2n))));
    if (n1 === undefined || n2 === undefined) throw new Error('two members');
    const network = new Network([n1, n2]);
    for (const r of [n1, n2]) r.becomeFollower(1, 0n);
    setRandomizedElectionTimeout(n1, n1.electionTimeout);
    tick(n1, n1.electionTimeout);
    advanceMessagesAfterAppend(n1);
    network.send(beat(1n));
    expect(n1.state).to.equal('StateLeader');
    expect(n2.isLearner).to.equal(true);

    network.send(prop(1n, 'somedata'));
    expect([n1, n2].map((r) => r.raftLog.committed)).to.deep.equal([2, 2]);
    expect(progressOf(n1, 2n).match).to.equal(2);
  });

  it('RT-019 TestSingleNodeCommit: a cluster of one commits alone', () => {
    const network = new Network(['fresh']);
    network.send(hup(1n));
    network.send(prop(1n, 'some data'));
    network.send(prop(1n, 'some data'));
    expect(network.member(1n).raftLog.committed).to.equal(3);
  });

  /** The leader of five and one follower hold two entries that the others have never seen. */
  function withUncommittedTail(): Network {
    const network = new Network(five);
    network.send(hup(1n));
    for (const id of [3n, 4n, 5n]) network.cut(1n, id);
    network.send(prop(1n, 'some data'));
    network.send(prop(1n, 'some data'));
    expect(network.member(1n).raftLog.committed).to.equal(1);
    return network;
  }

  it('RT-020 TestCannotCommitWithoutNewTermEntry: entries of earlier terms commit only with one of this term', () => {
    const network = withUncommittedTail();
    network.recover();
    // The new leader's empty entry must not get through.
    network.ignore(MessageType.MsgApp);
    network.send(hup(2n));
    const n2 = network.member(2n);
    expect(n2.state).to.equal('StateLeader');
    expect(n2.raftLog.committed).to.equal(1);

    network.recover();
    network.send(beat(2n));
    network.send(prop(2n, 'some data'));
    expect(n2.raftLog.committed).to.equal(5);
  });

  it('RT-021 TestCommitWithoutNewTermEntry: a new leader’s empty entry commits what was there before', () => {
    const network = withUncommittedTail();
    network.recover();
    network.send(hup(2n));
    expect(network.member(1n).raftLog.committed).to.equal(4);
  });

  it('RT-027 TestOldMessages: an append of a leader that was replaced is ignored', () => {
    const network = new Network(three);
    for (const candidate of [1n, 2n, 1n]) network.send(hup(candidate));
    network.send(message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 2, entries: [entry(2, 3)] }));
    network.send(prop(1n, 'somedata'));

    const expected = logFromArray([entry(0, 0), entry(1, 1), entry(2, 2), entry(3, 3), entry(3, 4, 'somedata')]);
    for (const r of network.members) {
      expectSameLog(r.raftLog, expected, `log of ${r.id}`);
      expect(r.raftLog.committed, `${r.id}`).to.equal(4);
    }
  });

  const nop = 'black hole';
  const proposedLog = [entry(0, 0), entry(1, 1), entry(1, 2, 'somedata')];

  describe('RT-028 TestProposal: a proposal enters the logs where a quorum can be reached', () => {
    const rows: [what: string, peers: NetworkPeer[], success: boolean][] = [
      ['three of three', ['fresh', 'fresh', 'fresh'], true],
      ['two of three', ['fresh', 'fresh', nop], true],
      ['one of three', ['fresh', nop, nop], false],
      ['two of four', ['fresh', nop, nop, 'fresh'], false],
      ['three of five', ['fresh', nop, nop, 'fresh', 'fresh'], true],
    ];
    for (const [what, peers, success] of rows) {
      it(`${what}: ${success}`, () => {
        const network = new Network(peers);
        network.send(hup(1n));
        network.send(prop(1n, 'somedata'));
        const expected = logFromArray(success ? proposedLog : [entry(0, 0)]);
        for (const r of network.members) {
          expectSameLog(r.raftLog, expected, `log of ${r.id}`);
          expect(r.raftLog.committed, `${r.id}`).to.equal(success ? 2 : 0);
        }
        expect(network.member(1n).term).to.equal(1);
      });
    }
  });

  describe('RT-029 TestProposalByProxy: a follower forwards proposals to the leader', () => {
    const rows: [what: string, peers: NetworkPeer[]][] = [
      ['three of three', ['fresh', 'fresh', 'fresh']],
      ['two of three', ['fresh', 'fresh', nop]],
    ];
    for (const [what, peers] of rows) {
      it(what, () => {
        const network = new Network(peers);
        network.send(hup(1n));
        network.send(prop(2n, 'somedata'));
        for (const r of network.members) {
          expectSameLog(r.raftLog, logFromArray(proposedLog), `log of ${r.id}`);
          expect(r.raftLog.committed, `${r.id}`).to.equal(2);
        }
        expect(network.member(1n).term).to.equal(1);
      });
    }
  });
});
