import { MemoryStorage, type Message, MessageType, type Ready } from '@raft-ts/raft';
import { expect } from 'chai';
import {
  bytes,
  entry,
  idsBySize,
  message,
  newTestMemoryStorage,
  newTestRawNode,
  progressOf,
  snapshotOf,
  withPeers,
} from '../../helpers/index.js';
import { cycle, lead, save } from './cycle.js';
import { generousStorage } from './generous-storage.js';

const emptyReady: Ready = {
  softState: undefined,
  hardState: undefined,
  readStates: [],
  entries: [],
  snapshot: undefined,
  committedEntries: [],
  messages: [],
  mustSync: false,
};

describe("etcd's tests of RawNode", () => {
  describe('RN-001 TestRawNodeStep: local kinds are refused, and an empty message of any other kind does no harm', () => {
    const local = ['MsgHup', 'MsgBeat', 'MsgUnreachable', 'MsgSnapStatus', 'MsgCheckQuorum'];
    const threads = ['MsgStorageAppend', 'MsgStorageAppendResp', 'MsgStorageApply', 'MsgStorageApplyResp'];
    for (const [name, type] of Object.entries(MessageType)) {
      it(name, () => {
        const storage = new MemoryStorage();
        storage.setHardState({ term: 1, vote: 0n, commit: 1 });
        storage.append([entry(1, 1)]);
        storage.applySnapshot(snapshotOf(1, 1, withPeers(1n)));
        const rawNode = newTestRawNode(1n, storage);
        let code = '';
        try {
          rawNode.step(message({ type }));
        } catch (error) {
          code = (error as { code: string }).code;
        }
        if (local.includes(name) || threads.includes(name)) expect(code).to.equal('ERR_RAFT_STEP_LOCAL_MSG');
        else expect(code).to.not.equal('ERR_RAFT_STEP_LOCAL_MSG');
        expect(code).to.match(/^(ERR_RAFT_[A-Z_]+)?$/);
      });
    }
  });

  it('RN-005 TestRawNodeReadIndex: states of reads are handed out once, and readIndex steps a MsgReadIndex', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const rawNode = newTestRawNode(1n, storage);
    const readStates = [{ index: 1, requestCtx: bytes('somedata') }];
    rawNode.raft.readStates = readStates;
    expect(rawNode.hasReady()).to.equal(true);
    expect(rawNode.ready().readStates).to.deep.equal(readStates);
    rawNode.advance();
    expect(rawNode.raft.readStates).to.deep.equal([]);

    lead(rawNode, storage);
    const recorded: Message[] = [];
    (rawNode.raft as unknown as { stepRole: (m: Message) => unknown }).stepRole = (m) => {
      recorded.push(m);
      return { kind: 'done' };
    };
    rawNode.readIndex(bytes('somedata2'));
    expect(recorded.map(({ type }) => type)).to.deep.equal([MessageType.MsgReadIndex]);
    expect(recorded[0]?.entries.map(({ data }) => data)).to.deep.equal([bytes('somedata2')]);
  });

  it('RN-006 TestRawNodeStart: a cluster that begins with a snapshot of its membership has exactly these Readys', () => {
    const storage = new MemoryStorage();
    // The log begins at 2, so that later members must be sent the snapshot, and with it the membership.
    storage.applySnapshot(snapshotOf(1, 0, withPeers(1n)));
    expect(storage.firstIndex()).to.equal(2);
    expect(() => storage.entries(2, 2, 1)).to.throw();
    expect(storage.initialState()).to.deep.equal({
      hardState: undefined,
      confState: snapshotOf(1, 0, withPeers(1n)).metadata.confState,
    });
    const rawNode = newTestRawNode(1n, storage);
    expect(rawNode.hasReady()).to.equal(false);

    rawNode.campaign();
    cycle(rawNode, storage);
    rawNode.propose(bytes('foo'));
    expect(rawNode.hasReady()).to.equal(true);
    const appended = rawNode.ready();
    expect(appended.entries).to.deep.equal([entry(1, 2), entry(1, 3, 'foo')]);
    save(appended, storage);
    rawNode.advance();

    expect(rawNode.hasReady()).to.equal(true);
    const committed = rawNode.ready();
    expect({ ...committed, softState: undefined }).to.deep.equal({
      ...emptyReady,
      hardState: { term: 1, vote: 1n, commit: 3 },
      committedEntries: [entry(1, 2), entry(1, 3, 'foo')],
    });
    rawNode.advance();
    expect(rawNode.hasReady()).to.equal(false);
  });

  it('RN-007 TestRawNodeRestart: a member that restarts applies what it had committed, and nothing else is to be done', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    storage.setHardState({ term: 1, vote: 0n, commit: 1 });
    storage.append([entry(1, 1), entry(1, 2, 'foo')]);
    const rawNode = newTestRawNode(1n, storage);
    expect(rawNode.ready()).to.deep.equal({ ...emptyReady, committedEntries: [entry(1, 1)] });
    rawNode.advance();
    expect(rawNode.hasReady()).to.equal(false);
  });

  it('RN-008 TestRawNodeRestartFromSnapshot: what the snapshot covers is not applied again', () => {
    const storage = new MemoryStorage();
    storage.setHardState({ term: 1, vote: 0n, commit: 3 });
    storage.applySnapshot(snapshotOf(2, 1, withPeers(1n, 2n)));
    storage.append([entry(1, 3, 'foo')]);
    const rawNode = newTestRawNode(1n, storage);
    expect(rawNode.ready()).to.deep.equal({ ...emptyReady, committedEntries: [entry(1, 3, 'foo')] });
    rawNode.advance();
    expect(rawNode.hasReady()).to.equal(false);
  });

  it('RN-009 TestRawNodeStatus: the followers appear in the status of a leader only', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const rawNode = newTestRawNode(1n, storage);
    expect(rawNode.status().progress.size).to.equal(0);
    rawNode.campaign();
    cycle(rawNode, storage);
    const status = rawNode.status();
    expect(status.softState).to.deep.equal({ lead: 1n, raftState: 'StateLeader' });
    expect([...status.progress.keys()]).to.deep.equal([1n]);
    expect(status.progress.get(1n)).to.deep.equal(progressOf(rawNode.raft, 1n));
    expect(status.progress.get(1n)).to.not.equal(progressOf(rawNode.raft, 1n));
    expect(String(status.config)).to.equal('voters=(1)');
  });

  it('RN-010 TestRawNodeCommitPaginationAfterRestart: no committed entry is passed over, whatever storage gives', () => {
    const storage = generousStorage();
    storage.setHardState({ term: 1, vote: 1n, commit: 10 });
    storage.append([entry(1, 11, 'boom')]);
    const rawNode = newTestRawNode(1n, storage, { maxSizePerMsg: 10 * 9 - 9 - 1 });
    let highest = 0;
    for (let readys = 0; highest !== 11; readys++) {
      expect(readys, 'Readys').to.be.lessThan(20);
      const rd = rawNode.ready();
      expect(rd.committedEntries.length).to.be.greaterThan(0);
      const first = rd.committedEntries[0]?.index;
      expect(first).to.equal(highest === 0 ? 2 : highest + 1);
      highest = rd.committedEntries.at(-1)?.index ?? 0;
      rawNode.advance();
      rawNode.step(message({ type: MessageType.MsgHeartbeat, from: 2n, to: 1n, term: 1, commit: 11 }));
    }
  });

  it('RN-011 TestRawNodeBoundedLogGrowthWithPartition: the quota bounds what is not committed, and is released on apply', () => {
    const storage = newTestMemoryStorage(withPeers(1n));
    const data = bytes('testdata');
    const rawNode = newTestRawNode(1n, storage, { maxUncommittedEntriesSize: 16 * data.length });
    lead(rawNode, storage);
    let dropped = 0;
    for (let i = 0; i < 1024; i++) {
      try {
        rawNode.propose(data);
      } catch (error) {
        expect(error).to.include({ code: 'ERR_RAFT_PROPOSAL_DROPPED', reason: 'quota' });
        dropped++;
      }
    }
    expect(dropped).to.equal(1024 - 16);
    expect(rawNode.raft.uncommittedSize).to.equal(128);
    expect(cycle(rawNode, storage).entries).to.have.length(16);
    expect(rawNode.raft.uncommittedSize).to.equal(128);
    const rd = cycle(rawNode, storage);
    expect(rd.entries).to.deep.equal([]);
    expect(rd.committedEntries).to.have.length(16);
    expect(rawNode.raft.uncommittedSize).to.equal(0);
  });

  describe('RN-012 BenchmarkStatus: the ways to look at a leader show the same', () => {
    for (const members of [1, 3, 5, 100]) {
      it(`${members} members`, () => {
        const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(...idsBySize(members))), { electionTick: 3 });
        rawNode.raft.becomeFollower(1, 1n);
        rawNode.raft.becomeCandidate();
        rawNode.raft.becomeLeader();
        const { progress, config, election, ...basic } = rawNode.status();
        expect(basic).to.deep.equal(rawNode.basicStatus());
        expect(basic.hardState.term).to.equal(2);
        expect(election.timeout).to.equal(rawNode.raft.randomizedElectionTimeout);
        expect(config.confState().voters).to.deep.equal(idsBySize(members));
        const visited: [bigint, string, number][] = [];
        rawNode.withProgress((id, type, pr) => visited.push([id, type, pr.next]));
        expect(visited).to.deep.equal([...progress].map(([id, pr]) => [id, 'ProgressTypePeer', pr.next]));
      });
    }
  });

  it('RN-013 TestRawNodeConsumeReady: looking at a Ready takes nothing, taking it does, and advance keeps what is new', () => {
    const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n)), { electionTick: 3 });
    const m1 = message({ type: MessageType.MsgHup, context: bytes('foo') });
    const m2 = message({ type: MessageType.MsgHup, context: bytes('bar') });
    rawNode.raft.msgs.push(m1);
    expect(rawNode.readyWithoutAccept().messages).to.deep.equal([m1]);
    expect(rawNode.raft.msgs).to.deep.equal([m1]);
    expect(rawNode.ready().messages).to.deep.equal([m1]);
    expect(rawNode.raft.msgs).to.deep.equal([]);
    rawNode.raft.msgs.push(m2);
    rawNode.advance();
    expect(rawNode.raft.msgs).to.deep.equal([m2]);
  });

  describe('RN-014 BenchmarkRawNode: every proposal of the workload is applied', () => {
    for (const members of [1, 2]) {
      it(`${members} voters`, () => {
        const storage = newTestMemoryStorage(withPeers(...idsBySize(members)));
        const rawNode = newTestRawNode(1n, storage);
        const answers: Partial<Record<number, (m: Message) => Message>> = {
          [MessageType.MsgVote]: (m) =>
            message({ type: MessageType.MsgVoteResp, from: m.to, to: m.from, term: m.term }),
          [MessageType.MsgApp]: (m) =>
            message({
              type: MessageType.MsgAppResp,
              from: m.to,
              to: m.from,
              term: m.term,
              index: m.entries.at(-1)?.index ?? m.index,
            }),
        };
        const stabilize = (): number => {
          let applied = 0;
          while (rawNode.hasReady()) {
            const rd = rawNode.ready();
            applied = rd.committedEntries.at(-1)?.index ?? applied;
            storage.append(rd.entries);
            for (const m of rd.messages) {
              const answer = answers[m.type]?.(m);
              if (answer !== undefined) rawNode.step(answer);
            }
            rawNode.advance();
          }
          return applied;
        };
        rawNode.campaign();
        expect(stabilize()).to.equal(1);
        for (let n = 1; n <= 200; n++) {
          rawNode.propose(bytes('foo'));
          expect(stabilize()).to.equal(n + 1);
        }
      });
    }
  });
});
