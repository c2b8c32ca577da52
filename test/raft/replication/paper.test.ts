import { type Entry, MemoryStorage, type Message, MessageType, type NodeId } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  acceptAndReply,
  advanceMessagesAfterAppend,
  commitNoopEntry,
  entry,
  expectOneMessage,
  expectSameLog,
  hup,
  idsBySize,
  index,
  message,
  Network,
  newTestMemoryStorage,
  newTestRaft,
  prop,
  readMessages,
  sortMessages,
  step,
  withPeers,
} from '../../helpers/index.js';

const voters = [1n, 2n, 3n];

/** A leader of term 1 that has committed, stored and applied its empty entry. */
function newLeader(ids: readonly NodeId[] = voters): { r: Raft; storage: MemoryStorage } {
  const storage = newTestMemoryStorage(withPeers(...ids));
  const r = newTestRaft(1n, storage);
  r.becomeCandidate();
  r.becomeLeader();
  commitNoopEntry(r, storage);
  expect(r.raftLog.lastIndex()).to.equal(1);
  return { r, storage };
}

/** Member `id` of three, whose store holds these entries. */
function memberWithLog(id: NodeId, entries: readonly Entry[]): Raft {
  const storage = newTestMemoryStorage(withPeers(...voters));
  storage.append(entries);
  return newTestRaft(id, storage);
}

describe('the Raft paper, section 5.3: log replication', () => {
  it('RP-016 TestLeaderStartReplication: a leader appends a command and sends it with the position before it', () => {
    // 5.3: "The leader appends the command to its log as a new entry, then issues AppendEntries RPCs in parallel to
    // each of the other servers [...] When sending an AppendEntries RPC, the leader includes the index and term of the
    // entry in its log that immediately precedes the new entries."
    const { r } = newLeader();
    step(r, prop(1n, 'some data'));
    expect(r.raftLog.lastIndex()).to.equal(2);
    expect(r.raftLog.committed).to.equal(1);
    const entries = [entry(1, 2, 'some data')];
    const append = { type: MessageType.MsgApp, from: 1n, term: 1, index: 1, logTerm: 1, commit: 1, entries };
    expect(sortMessages(readMessages(r))).to.deep.equal([
      message({ ...append, to: 2n }),
      message({ ...append, to: 3n }),
    ]);
    expect(r.raftLog.unstable.nextEntries()).to.deep.equal(entries);
  });

  it('RP-017 TestLeaderCommitEntry: an entry on a majority is handed out, and followers learn the commit index', () => {
    // 5.3: "When the entry has been safely replicated [...], the leader applies the entry to its state machine [...]
    // and it includes that index in future AppendEntries RPCs (including heartbeats) so that the other servers
    // eventually find out."
    const { r } = newLeader();
    step(r, prop(1n, 'some data'));
    for (const m of readMessages(r)) step(r, acceptAndReply(m));
    expect(r.raftLog.committed).to.equal(2);
    expect(r.raftLog.nextCommittedEnts(true)).to.deep.equal([entry(1, 2, 'some data')]);
    expect(sortMessages(readMessages(r)).map(({ type, to, commit }) => ({ type, to, commit }))).to.deep.equal([
      { type: MessageType.MsgApp, to: 2n, commit: 2 },
      { type: MessageType.MsgApp, to: 3n, commit: 2 },
    ]);
  });

  describe('RP-018 TestLeaderAcknowledgeCommit: an entry is committed once a majority has it', () => {
    // 5.3: "A log entry is committed once the leader that created the entry has replicated it on a majority of the
    // servers."
    const cases: readonly [size: number, acceptors: readonly NodeId[], committed: boolean][] = [
      [1, [], true],
      [3, [], false],
      [3, [2n], true],
      [3, [2n, 3n], true],
      [5, [], false],
      [5, [2n], false],
      [5, [2n, 3n], true],
      [5, [2n, 3n, 4n], true],
      [5, [2n, 3n, 4n, 5n], true],
    ];
    for (const [size, acceptors, committed] of cases) {
      it(`${size} servers, accepted by [${acceptors}]: ${committed ? 'committed' : 'not committed'}`, () => {
        const { r } = newLeader(idsBySize(size));
        step(r, prop(1n, 'some data'));
        for (const m of readMessages(r)) {
          if (acceptors.includes(m.to)) step(r, acceptAndReply(m));
        }
        expect(r.raftLog.committed).to.equal(committed ? 2 : 1);
      });
    }
  });

  describe('RP-019 TestLeaderCommitPrecedingEntries: committing an entry commits all before it', () => {
    // 5.3: "This also commits all preceding entries in the leader's log, including entries created by previous
    // leaders."
    const logs: readonly (readonly Entry[])[] = [[], [entry(2, 1)], [entry(1, 1), entry(2, 2)], [entry(1, 1)]];
    for (const log of logs) {
      it(`a log of terms [${log.map(({ term }) => term)}]`, () => {
        const r = memberWithLog(1n, log);
        r.loadState({ term: 2, vote: 0n, commit: 0 });
        r.becomeCandidate();
        r.becomeLeader();
        step(r, prop(1n, 'some data'));
        for (const m of readMessages(r)) step(r, acceptAndReply(m));
        const n = log.length;
        expect(r.raftLog.nextCommittedEnts(true)).to.deep.equal([
          ...log,
          entry(3, n + 1),
          entry(3, n + 2, 'some data'),
        ]);
      });
    }
  });

  describe('RP-020 TestFollowerCommitEntry: a follower applies what it learns to be committed, in order', () => {
    // 5.3: "Once a follower learns that a log entry is committed, it applies the entry to its local state machine (in
    // log order)."
    const cases: readonly [texts: readonly string[], commit: number][] = [
      [['some data'], 1],
      [['some data', 'some data2'], 2],
      [['some data2', 'some data'], 2],
      [['some data', 'some data2'], 1],
    ];
    for (const [texts, commit] of cases) {
      it(`[${texts}] up to ${commit}`, () => {
        const r = memberWithLog(1n, []);
        r.becomeFollower(1, 2n);
        const entries = texts.map((text, i) => entry(1, i + 1, text));
        step(r, message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 1, entries, commit }));
        expect(r.raftLog.committed).to.equal(commit);
        expect(r.raftLog.nextCommittedEnts(true)).to.deep.equal(entries.slice(0, commit));
      });
    }
  });

  describe('RP-021 TestFollowerCheckMsgApp: a follower refuses entries that do not follow its log', () => {
    // 5.3: "If the follower does not find an entry in its log with the same index and term, then it refuses the new
    // entries."
    const cases: readonly [logTerm: number, index: number, answer: Partial<Message>][] = [
      [0, 0, { index: 1 }],
      [1, 1, { index: 1 }],
      [2, 2, { index: 2 }],
      [1, 2, { index: 2, reject: true, rejectHint: 1, logTerm: 1 }],
      [3, 3, { index: 3, reject: true, rejectHint: 2, logTerm: 2 }],
    ];
    for (const [logTerm, at, answer] of cases) {
      it(`entries after term ${logTerm} at ${at}`, () => {
        const r = memberWithLog(1n, index(1).terms(1, 2));
        r.loadState({ term: 0, vote: 0n, commit: 1 });
        r.becomeFollower(2, 2n);
        step(r, message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 2, logTerm, index: at }));
        expect(readMessages(r)).to.deep.equal([
          message({ type: MessageType.MsgAppResp, from: 1n, to: 2n, term: 2, ...answer }),
        ]);
      });
    }
  });

  describe("RP-022 TestFollowerAppendEntries: a follower's log becomes the leader's from where they differ", () => {
    // 5.3: "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry
    // and all that follow it" (figure 2), and append what is not there yet.
    const cases: readonly [at: number, logTerm: number, sent: Entry[], all: Entry[], unstable: Entry[]][] = [
      [2, 2, index(3).terms(3), index(1).terms(1, 2, 3), index(3).terms(3)],
      [1, 1, index(2).terms(3, 4), index(1).terms(1, 3, 4), index(2).terms(3, 4)],
      [0, 0, index(1).terms(1), index(1).terms(1, 2), []],
      [0, 0, index(1).terms(3), index(1).terms(3), index(1).terms(3)],
    ];
    for (const [at, logTerm, sent, all, unstable] of cases) {
      it(`terms [${sent.map(({ term }) => term)}] after index ${at}`, () => {
        const r = memberWithLog(1n, index(1).terms(1, 2));
        r.becomeFollower(2, 2n);
        // The terms of the entries run ahead of the message's: that is how this table is made.
        r.step(message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 2, logTerm, index: at, entries: sent }));
        expect(r.raftLog.allEntries()).to.deep.equal(all);
        expect(r.raftLog.unstable.nextEntries()).to.deep.equal(unstable);
      });
    }
  });

  describe("RP-023 TestLeaderSyncFollowerLog: a leader makes every follower's log equal to its own", () => {
    // 5.3 and figure 7: "the leader handles inconsistencies by forcing the followers' logs to duplicate its own."
    const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    const followers: readonly [figure: string, terms: readonly number[]][] = [
      ['a', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
      ['b', [1, 1, 1, 4, 4]],
      ['c', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
      ['d', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
      ['e', [1, 1, 1, 4, 4, 4, 4]],
      ['f', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
    ];
    for (const [figure, terms] of followers) {
      it(`follower (${figure})`, () => {
        const lead = memberWithLog(1n, index(1).terms(...leaderTerms));
        lead.loadState({ term: 8, vote: 0n, commit: 10 });
        const follower = memberWithLog(2n, index(1).terms(...terms));
        follower.loadState({ term: 7, vote: 0n, commit: 0 });
        // The third server votes, and is silent otherwise.
        const network = new Network([lead, follower, 'black hole']);
        network.send(hup(1n));
        network.send(message({ type: MessageType.MsgVoteResp, from: 3n, to: 1n, term: 9 }));
        network.send(prop(1n));
        expect(lead.state).to.equal('StateLeader');
        expect(lead.raftLog.lastIndex()).to.equal(12);
        expectSameLog(follower.raftLog, lead.raftLog);
        expect(follower.raftLog.committed).to.equal(lead.raftLog.committed);
      });
    }
  });
});

describe('the Raft paper, section 5.4: safety', () => {
  describe('RP-024 TestVoteRequest: a request for votes says how complete the log is, and goes to all others', () => {
    // 5.4.1: "the RPC includes information about the candidate's log"
    const cases: readonly [entries: Entry[], term: number][] = [
      [index(1).terms(1), 2],
      [index(1).terms(1, 2), 3],
    ];
    for (const [entries, term] of cases) {
      it(`a log that ends in term ${term - 1}`, () => {
        const r = memberWithLog(1n, []);
        step(r, message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: term - 1, entries }));
        readMessages(r);
        for (let i = 0; i < 19; i++) r.tick();
        const last = entries.at(-1) as Entry;
        const request = { type: MessageType.MsgVote, from: 1n, term, index: last.index, logTerm: last.term };
        expect(sortMessages(readMessages(r))).to.deep.equal([
          message({ ...request, to: 2n }),
          message({ ...request, to: 3n }),
        ]);
      });
    }
  });

  describe('RP-025 TestVoter: a voter refuses a candidate whose log is less complete than its own', () => {
    // 5.4.1: "the voter denies its vote if its own log is more up-to-date than that of the candidate."
    const cases: readonly [log: readonly number[], logTerm: number, at: number, reject: boolean][] = [
      [[1], 1, 1, false],
      [[1], 1, 2, false],
      [[1, 1], 1, 1, true],
      [[1], 2, 1, false],
      [[1], 2, 2, false],
      [[1, 1], 2, 1, false],
      [[2], 1, 1, true],
      [[2], 1, 2, true],
      [[2, 2], 1, 1, true],
      [[1, 1], 1, 1, true],
    ];
    for (const [log, logTerm, at, reject] of cases) {
      it(`own terms [${log}], asked with term ${logTerm} at ${at}: ${reject ? 'refused' : 'granted'}`, () => {
        const storage = newTestMemoryStorage(withPeers(1n, 2n));
        storage.append(index(1).terms(...log));
        const r = newTestRaft(1n, storage);
        step(r, message({ type: MessageType.MsgVote, from: 2n, to: 1n, term: 3, logTerm, index: at }));
        expect(expectOneMessage(r)).to.deep.equal(
          message({ type: MessageType.MsgVoteResp, from: 1n, to: 2n, term: 3, reject }),
        );
      });
    }
  });

  describe("RP-026 TestLeaderOnlyCommitsLogFromCurrentTerm: counting commits entries of the leader's own term only", () => {
    // 5.4.2: "Only log entries from the leader's current term are committed by counting replicas."
    for (const [acknowledged, committed] of [
      [1, 0],
      [2, 0],
      [3, 3],
    ] as const) {
      it(`acknowledged up to ${acknowledged}: committed ${committed}`, () => {
        const storage = newTestMemoryStorage(withPeers(1n, 2n));
        storage.append(index(1).terms(1, 2));
        const r = newTestRaft(1n, storage);
        r.loadState({ term: 2, vote: 0n, commit: 0 });
        r.becomeCandidate();
        r.becomeLeader();
        readMessages(r);
        step(r, prop(1n));
        step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, term: 3, index: acknowledged }));
        advanceMessagesAfterAppend(r);
        expect(r.raftLog.lastIndex()).to.equal(4);
        expect(r.raftLog.committed).to.equal(committed);
      });
    }
  });
});
