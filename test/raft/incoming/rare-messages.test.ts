import {
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  MemoryStorage,
  type Message,
  MessageType,
  mustSync,
  type RawNode,
} from '@raft-ts/raft';
import {
  applyConfChange,
  assertInvariants,
  maybeSendAppend,
  RaftPanic,
  ReadOnly,
  restore,
  voteRespType,
} from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  bytes,
  compactAnyway,
  entry,
  index,
  makeLeader,
  message,
  newTestMemoryStorage,
  newTestRaft,
  newTestRawNode,
  newVoter,
  type Overrides,
  progressOf,
  readMessages,
  snapshotOf,
  step,
  tick,
  typesOf,
  withLearners,
  withPeers,
} from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';
import { removeMember } from '../rawnode/changes.js';
import { cycle } from '../rawnode/cycle.js';

const members = withPeers(1n, 2n, 3n);

describe('answers of the storage threads', () => {
  function asyncMember(): RawNode {
    return newTestRawNode(1n, newTestMemoryStorage(members), { asyncStorageWrites: true });
  }

  it('settle a snapshot of an earlier term too: what it holds is committed', () => {
    const rawNode = asyncMember();
    const { raft } = rawNode;
    rawNode.step(
      message({ type: MessageType.MsgSnap, from: 2n, to: 1n, term: 2, snapshot: snapshotOf(5, 2, members) }),
    );
    const write = rawNode.ready().messages.find(({ type }) => type === MessageType.MsgStorageAppend) as Message;
    const answer = write.responses.find(({ type }) => type === MessageType.MsgStorageAppendResp) as Message;
    expect(answer.term).to.equal(2);
    (raft.raftLog.storage as MemoryStorage).applySnapshot(snapshotOf(5, 2, members));
    rawNode.step(message({ type: MessageType.MsgHeartbeat, from: 3n, to: 1n, term: 3 }));
    expect(raft.raftLog.hasNextOrInProgressSnapshot()).to.equal(true);

    rawNode.step(answer);
    expect(raft.term).to.equal(3);
    expect(raft.raftLog.hasNextOrInProgressSnapshot()).to.equal(false);
    expect(raft.raftLog.applied).to.equal(5);
    assertInvariants(raft);
  });

  it('may have nothing to say about applied entries', () => {
    const rawNode = asyncMember();
    rawNode.step(message({ type: MessageType.MsgStorageApplyResp, from: LOCAL_APPLY_THREAD, to: 1n }));
    expect(rawNode.raft.raftLog.applied).to.equal(0);
    expect(rawNode.hasReady()).to.equal(false);
  });

  const refused: [string, Partial<Message>][] = [
    ['acknowledge a snapshot that was not committed', { snapshot: snapshotOf(5, 2, members) }],
    ['come from a term that has not begun', { term: 1 }],
  ];
  for (const [name, fields] of refused) {
    it(`are refused where they ${name}`, () => {
      const answer = message({ type: MessageType.MsgStorageAppendResp, from: LOCAL_APPEND_THREAD, to: 1n, ...fields });
      expect(() => asyncMember().step(answer))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_MESSAGE_INVALID', reason: 'storage-response' });
    });
  }
});

describe('messages of an earlier term', () => {
  const late: [MessageType, Partial<Message>][] = [
    [MessageType.MsgApp, { entries: [entry(9, 9)] }],
    [MessageType.MsgHeartbeat, { commit: 9 }],
    [MessageType.MsgSnap, { snapshot: snapshotOf(9, 9, {}) }],
  ];
  for (const [type, fields] of late) {
    it(`are let through and ignored, whatever they hold: ${typesOf([message({ type })])[0]}`, () => {
      const logger = new RecordingLogger();
      const rawNode = newTestRawNode(1n, newTestMemoryStorage(members), { logger });
      rawNode.raft.becomeFollower(3, 2n);
      logger.lines.length = 0;
      rawNode.step(message({ type, from: 3n, to: 1n, term: 2, ...fields }));
      expect(logger.lines).to.have.lengthOf(1);
      expect(logger.lines[0]).to.match(/^info 1 \[term: 3\] ignored a \w+ message with lower term from 3 \[term: 2\]$/);
      expect(rawNode.raft).to.include({ term: 3, lead: 2n });
      expect(rawNode.raft.raftLog.lastIndex()).to.equal(0);
    });
  }
});

describe('a pre-vote at a member of term 0', () => {
  const request = message({ type: MessageType.MsgPreVote, from: 3n, to: 1n, term: 1 });

  /** It has a log, but lost its hard state; a leader of no term may have been heard. */
  function member(overrides: Overrides, lead: bigint): { rawNode: RawNode; logger: RecordingLogger } {
    const logger = new RecordingLogger();
    const storage = newTestMemoryStorage(members);
    storage.append(index(1).terms(1));
    // The longest election timeout: 19 ticks.
    const rawNode = newTestRawNode(1n, storage, { logger, random: (n) => n - 1, ...overrides });
    if (lead !== 0n) rawNode.step(message({ type: MessageType.MsgHeartbeat, from: lead, to: 1n }));
    logger.lines.length = 0;
    return { rawNode, logger };
  }

  function expectRefused(rawNode: RawNode): void {
    expect(() => rawNode.step({ ...request }))
      .to.throw()
      .that.includes({ code: 'ERR_RAFT_MESSAGE_INVALID', reason: 'pre-vote-at-term-0' });
  }

  it('is ignored while a leader is heard, as at any term', () => {
    const { rawNode, logger } = member({ checkQuorum: true }, 2n);
    rawNode.step({ ...request });
    expect(logger.lines).to.have.lengthOf(1);
    expect(logger.lines[0]).to.include('lease is not expired (remaining ticks: 10)');
  });

  it('is refused if no leader was heard', () => {
    expectRefused(member({ checkQuorum: true }, 0n).rawNode);
  });

  it('is refused if the leader has been silent for an election timeout', () => {
    const { rawNode } = member({ checkQuorum: true }, 2n);
    tick(rawNode.raft, 10);
    expect(rawNode.raft.lead).to.equal(2n);
    expectRefused(rawNode);
  });

  it('is refused if nobody keeps leases', () => {
    expectRefused(member({}, 2n).rawNode);
  });
});

describe('a snapshot', () => {
  it('ends a candidacy: whoever sends it leads', () => {
    const r = newVoter(1n, [1n, 2n, 3n]);
    r.becomeCandidate();
    step(r, message({ type: MessageType.MsgSnap, from: 2n, to: 1n, term: 1, snapshot: snapshotOf(5, 1, members) }));
    expect(r).to.include({ state: 'StateFollower', lead: 2n, term: 1 });
    expect(r.raftLog.committed).to.equal(5);
    const answers = readMessages(r).filter(({ type }) => type === MessageType.MsgAppResp);
    expect(answers.map(({ to, index: at, reject }) => ({ to, at, reject }))).to.deep.equal([
      { to: 2n, at: 5, reject: false },
    ]);
  });

  it('ends a leadership where one is to be restored, which no message leads to', () => {
    const logger = new RecordingLogger();
    const r = newVoter(1n, [1n, 2n, 3n], { logger });
    makeLeader(r);
    expect(restore(r, snapshotOf(5, 1, members))).to.equal(false);
    expect(logger.lines).to.include('warn 1 attempted to restore snapshot as leader; should never happen');
    expect(r).to.include({ state: 'StateFollower', term: 2, lead: 0n });
    expect(r.raftLog.committed).to.equal(0);
  });

  it('is still awaited while a follower acknowledges only what lies before this log', () => {
    const storage = newTestMemoryStorage();
    storage.applySnapshot(snapshotOf(11, 11, members));
    storage.setHardState({ term: 11, vote: 0n, commit: 11 });
    const r = newTestRaft(1n, storage);
    makeLeader(r);
    const pr = progressOf(r, 2n);
    pr.next = 1;
    pr.recentActive = true;
    expect(maybeSendAppend(r, pr, true)).to.equal(true);
    expect(pr).to.include({ state: 'StateSnapshot', pendingSnapshot: 11 });
    const acknowledged = (at: number): Message =>
      message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: r.term, index: at });
    readMessages(r);
    step(r, acknowledged(10));
    expect(pr).to.include({ state: 'StateSnapshot', match: 10 });
    expect(typesOf(readMessages(r)), 'one snapshot is enough').to.deep.equal([]);
    step(r, acknowledged(11));
    expect(pr).to.include({ state: 'StateReplicate', match: 11 });
  });

  it('is sent if storage is compacted between the reading of a term and of the entries after it', () => {
    for (const sendIfEmpty of [true, false]) {
      const storage = newTestMemoryStorage(members);
      storage.append(index(1).terms(1, 1, 1, 1, 1, 1));
      storage.setHardState({ term: 1, vote: 0n, commit: 6 });
      const r = newTestRaft(1n, storage, { applied: 6 });
      makeLeader(r);
      readMessages(r);
      const pr = progressOf(r, 2n);
      pr.next = 3;
      pr.recentActive = true;
      const { entries } = storage;
      storage.entries = (...range) => {
        storage.createSnapshot(5, { ...snapshotOf(0, 0, members).metadata.confState }, bytes('state'));
        compactAnyway(storage, 5);
        return entries.apply(storage, range);
      };
      expect(maybeSendAppend(r, pr, sendIfEmpty)).to.equal(sendIfEmpty);
      expect(typesOf(readMessages(r))).to.deep.equal(sendIfEmpty ? ['MsgSnap'] : []);
    }
  });

  it('cannot hold a membership that raft never writes', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotOf(0, 0, { voters: [1n], learners: [1n] }));
    expect(() => newTestRaft(1n, storage))
      .to.throw(RaftPanic)
      .that.includes({ rule: 'conf-state-mismatch' });
  });
});

describe('a member that may campaign', () => {
  it('ends if the entries it must look through are gone', () => {
    const storage = newTestMemoryStorage(members);
    storage.append(index(1).terms(1, 1, 1));
    storage.setHardState({ term: 1, vote: 0n, commit: 3 });
    const r = newTestRaft(1n, storage);
    compactAnyway(storage, 2);
    expect(() => r.step(message({ type: MessageType.MsgHup })))
      .to.throw('error scanning unapplied entries [1, 4): requested index is unavailable due to compaction')
      .that.includes({ name: 'RaftPanic', rule: 'storage-lost-entries' });
  });

  it('says so if it was removed while it asked whether it could win', () => {
    const logger = new RecordingLogger();
    const r = newVoter(1n, [1n, 2n, 3n], { logger, preVote: true });
    step(r, message({ type: MessageType.MsgHup }));
    expect(r.state).to.equal('StatePreCandidate');
    applyConfChange(r, removeMember(1n));
    for (const from of [2n, 3n]) step(r, message({ type: MessageType.MsgPreVoteResp, from, to: 1n, term: 1 }));
    expect(logger.lines).to.include('warn 1 is unpromotable; campaign() should have been called');
    expect(r).to.include({ state: 'StateCandidate', term: 1 });
  });

  it('gets an answer to each kind of vote, and to nothing else', () => {
    expect(voteRespType(MessageType.MsgVote)).to.equal(MessageType.MsgVoteResp);
    expect(voteRespType(MessageType.MsgPreVote)).to.equal(MessageType.MsgPreVoteResp);
    expect(() => voteRespType(MessageType.MsgApp)).to.throw(RaftPanic, 'not a vote message: MsgApp');
  });
});

describe('a read', () => {
  it('is not confirmed by an answer that names none', () => {
    const reads = new ReadOnly('ReadOnlySafe');
    reads.addRequest(3, message({ type: MessageType.MsgReadIndex }));
    reads.recvAck(2n, undefined);
    reads.recvAck(2n, new Uint8Array());
    expect(reads.ackedIndex(2n)).to.equal(undefined);
    reads.recvAck(2n, reads.heartbeatCtx());
    expect(reads.ackedIndex(2n)).to.equal(1);
  });
});

describe('a leader that is told to hand leadership to itself', () => {
  it('goes on', () => {
    const rawNode = newTestRawNode(1n, newTestMemoryStorage(members));
    makeLeader(rawNode.raft);
    rawNode.step(message({ type: MessageType.MsgTransferLeader, from: 1n, to: 1n }));
    expect(rawNode.raft).to.include({ state: 'StateLeader', leadTransferee: 0n });
  });
});

describe('a member of a group that sleeps', () => {
  it('counts the ticks it sleeps through, and acts on them with the first one after', () => {
    const rawNode = newTestRawNode(1n, newTestMemoryStorage(members), { random: () => 0 });
    for (let i = 0; i < 20; i++) rawNode.tickQuiesced();
    expect(rawNode.raft).to.include({ state: 'StateFollower', electionElapsed: 20 });
    expect(rawNode.hasReady()).to.equal(false);
    rawNode.tick();
    expect(rawNode.raft.state).to.equal('StateCandidate');
  });
});

describe('what is known of members', () => {
  it('says who votes and who learns', () => {
    const rawNode = newTestRawNode(1n, newTestMemoryStorage(withPeers(1n, 2n), withLearners(3n)));
    const seen: string[] = [];
    rawNode.withProgress((id, type, pr) => seen.push(`${id} ${type} ${pr.isLearner}`));
    expect(seen).to.deep.equal(['1 ProgressTypePeer false', '2 ProgressTypePeer false', '3 ProgressTypeLearner true']);
  });
});

describe('a first hard state', () => {
  it('must be synced if it holds a term, a vote or entries', () => {
    const none = { term: 0, vote: 0n, commit: 0 };
    expect(mustSync(none, undefined, 0)).to.equal(false);
    expect(mustSync({ ...none, commit: 3 }, undefined, 0)).to.equal(false);
    expect(mustSync({ ...none, term: 1 }, undefined, 0)).to.equal(true);
    expect(mustSync({ ...none, vote: 1n }, undefined, 0)).to.equal(true);
    expect(mustSync(none, undefined, 1)).to.equal(true);
  });
});

describe('an application that compacts what it has just applied', () => {
  it('does so before advance(), while raft still takes the entries for unstable', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n));
    const rawNode = newTestRawNode(1n, storage);
    const append = (at: number, commit: number): Message =>
      message({
        type: MessageType.MsgApp,
        from: 2n,
        to: 1n,
        term: 1,
        index: at,
        logTerm: 1,
        commit,
        entries: [entry(1, at + 1)],
      });
    rawNode.step({ ...append(0, 1), logTerm: 0 });
    cycle(rawNode, storage);
    rawNode.step(append(1, 2));
    const rd = rawNode.ready();
    expect(rd.committedEntries).to.deep.equal(rd.entries);
    storage.append(rd.entries);
    compactAnyway(storage, 2);
    assertInvariants(rawNode.raft);
    rawNode.advance();
    assertInvariants(rawNode.raft);
    expect(rawNode.raft.raftLog.applied).to.equal(2);
    expect(rawNode.raft.raftLog.unstable.length).to.equal(0);
  });
});
