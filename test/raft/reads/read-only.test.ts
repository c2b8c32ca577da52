import { type Message, MessageType, type NodeId } from '@raft-ts/proto';
import type { MemoryStorage } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  advanceMessagesAfterAppend,
  bytes,
  compactAnyway,
  expectOneMessage,
  hup,
  index,
  makeLeader,
  message,
  mustTerm,
  Network,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  nextEnts,
  type Overrides,
  prop,
  proposed,
  read,
  setRandomizedElectionTimeout,
  step,
  three,
  tick,
  typesOf,
  withLearners,
  withPeers,
} from '../../helpers/index.js';

/** Lets member 2 wait for as long as a lease would last, and elects member 1. */
function elect(network: Network): void {
  const b = network.member(2n);
  setRandomizedElectionTimeout(b, b.electionTimeout + 1);
  tick(b, b.electionTimeout);
  network.send(hup(1n));
  expect(network.member(1n).state).to.equal('StateLeader');
}

describe('reads', () => {
  it('RT-036 TestRaftFreesReadOnlyMem: a read that was confirmed is forgotten', () => {
    const r = newVoter(1n, [1n, 2n], { electionTick: 5 });
    makeLeader(r);
    r.raftLog.commitTo(r.raftLog.lastIndex());

    step(r, message({ type: MessageType.MsgReadIndex, from: 2n, to: 1n, entries: [proposed('ctx')] }));
    const heartbeat = expectOneMessage(r);
    expect(heartbeat.type).to.equal(MessageType.MsgHeartbeat);
    expect(r.readOnly.unconfirmedReads).to.have.lengthOf(1);

    const { context } = heartbeat;
    step(r, message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n, context }));
    expect(r.readOnly.unconfirmedReads).to.have.lengthOf(0);
    const answers = r.msgs.filter((m) => m.type === MessageType.MsgReadIndexResp);
    expect(answers.map(({ to, index: at, entries }) => [to, at, entries[0]?.data])).to.deep.equal([
      [2n, 1, bytes('ctx')],
    ]);
  });

  /** Before each read ten entries are committed, which the read must see. */
  const rows: [at: NodeId, index: number, context: string][] = [
    [1n, 11, 'ctx1'],
    [2n, 21, 'ctx2'],
    [3n, 31, 'ctx3'],
    [1n, 41, 'ctx4'],
    [2n, 51, 'ctx5'],
    [3n, 61, 'ctx6'],
  ];

  function testReads(overrides: Overrides): Network {
    const network = new Network(
      three.map((id) => newVoter(id, three, overrides)),
      overrides,
    );
    elect(network);
    for (const [at, committed, context] of rows) {
      for (let i = 0; i < 10; i++) network.send(prop(1n));
      network.send(read(at, context));
      expectRead(network.member(at), committed, context);
    }
    return network;
  }

  function expectRead(r: Raft, committed: number, context: string): void {
    expect(r.readStates).to.deep.equal([{ index: committed, requestCtx: bytes(context) }]);
    r.readStates = [];
  }

  it('RT-056 TestReadOnlyOptionSafe: a read that a quorum confirmed sees everything committed before', () => {
    testReads({});
  });

  it('RT-058 TestReadOnlyOptionLease: a leader with a lease answers without asking anybody', () => {
    const network = testReads({ checkQuorum: true, readOnlyOption: 'ReadOnlyLeaseBased' });
    const sent: Message[] = [];
    network.msgHook = (m) => sent.push(m) > 0;
    network.send(read(1n, 'alone'));
    expectRead(network.member(1n), 61, 'alone');
    expect(typesOf(sent)).to.deep.equal([]);
  });

  it('RT-057 TestReadOnlyWithLearner: a learner can read too, and is not needed to confirm', () => {
    const storages = [1, 2].map(() => newTestMemoryStorage(withPeers(1n), withLearners(2n)));
    const [a, b] = storages.map((storage, i) => newTestRaft(BigInt(i + 1), storage)) as [Raft, Raft];
    const network = new Network([a, b]);
    elect(network);
    const reads: [r: Raft, index: number, context: string][] = [
      [a, 11, 'ctx1'],
      [b, 21, 'ctx2'],
      [a, 31, 'ctx3'],
      [b, 41, 'ctx4'],
    ];
    for (const [r, committed, context] of reads) {
      for (let i = 0; i < 10; i++) {
        network.send(prop(1n));
        nextEnts(a, storages[0] as MemoryStorage);
      }
      network.send(read(r.id, context));
      expectRead(r, committed, context);
    }
  });

  it('RT-059 TestReadOnlyForNewLeader: reads wait until the leader has committed an entry of its own term', () => {
    const configs = [
      { id: 1n, commit: 1, applied: 1, compact: 0 },
      { id: 2n, commit: 2, applied: 2, compact: 2 },
      { id: 3n, commit: 2, applied: 2, compact: 2 },
    ];
    const members = configs.map(({ id, commit, applied, compact }) => {
      const storage = newTestMemoryStorage(withPeers(...three));
      storage.append(index(1).terms(1, 1));
      storage.setHardState({ term: 1, vote: 0n, commit });
      if (compact > 0) compactAnyway(storage, compact);
      return newTestRaft(id, storage, { applied });
    });
    const network = new Network(members);
    const r = network.member(1n);

    // The empty entry of its term does not get through.
    network.ignore(MessageType.MsgApp);
    network.send(hup(1n));
    expect(r.state).to.equal('StateLeader');
    network.send(read(1n, 'ctx'));
    expect(r.readStates).to.deep.equal([]);

    network.recover();
    tick(r, r.heartbeatTimeout);
    network.send(prop(1n));
    expect(r.raftLog.committed).to.equal(4);
    expect(mustTerm(r.raftLog, 4)).to.equal(r.term);
    const answer = { index: 4, requestCtx: bytes('ctx') };
    expect(r.readStates).to.deep.equal([answer]);

    network.send(read(1n, 'ctx'));
    expect(r.readStates).to.deep.equal([answer, answer]);
  });

  it('RT-060 TestReadOnlyDuplicateRequest: a repeated request and late answers do not confirm a later read', () => {
    const network = new Network(three.map((id) => newVoter(id, three)));
    const [r1, r2, r3] = three.map((id) => network.member(id)) as [Raft, Raft, Raft];
    network.send(hup(1n));

    const requestA = () => message({ type: MessageType.MsgReadIndex, from: 2n, to: 1n, entries: [proposed('A')] });
    const late: Message[] = [requestA()];
    network.msgHook = (m) => {
      if (m.type !== MessageType.MsgHeartbeatResp) return true;
      late.push({ ...m });
      return false;
    };
    const minA = r1.raftLog.committed;
    network.send(requestA());
    network.msgHook = undefined;
    expect(typesOf(late)).to.deep.equal(['MsgReadIndex', 'MsgHeartbeatResp', 'MsgHeartbeatResp']);

    tick(r1);
    advanceMessagesAfterAppend(r1);
    network.send(...r1.msgs.splice(0));

    // Member 1 does not know that it was replaced, nor what was written since.
    network.isolate(1n);
    network.send(hup(2n));
    network.send(prop(2n, 'someOp'));
    const minB = r2.raftLog.committed;
    expect(minB).to.be.greaterThan(minA);
    network.send(read(1n, 'B'));
    network.recover();
    network.send(...late);

    // A was answered once, by the round of the tick. To answer B would be wrong: member 1 cannot know minB.
    expect(r2.readStates).to.deep.equal([{ index: minA, requestCtx: bytes('A') }]);
    expect(r1.readStates).to.deep.equal([]);
    expect(r3.readStates).to.deep.equal([]);
  });
});
