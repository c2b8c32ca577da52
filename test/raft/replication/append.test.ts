import { type Entry, MessageType } from '@raft-ts/proto';
import { applyConfChange, handleAppendEntries, maybeCommit, sendAppend } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  addNode,
  compactAnyway,
  entry,
  expectOneMessage,
  index,
  makeLeader,
  message,
  mustAppendEntry,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  progressOf,
  proposed,
  readMessages,
  step,
  withPeers,
} from '../../helpers/index.js';

describe('commit', () => {
  describe('RT-030 TestCommit: a quorum’s match commits, and only up to an entry of the present term', () => {
    const rows: [matches: number[], terms: number[], term: number, committed: number][] = [
      [[1], [1], 1, 1],
      [[1], [1], 2, 0],
      [[2], [1, 2], 2, 2],
      [[1], [2], 2, 1],

      [[2, 1, 1], [1, 2], 1, 1],
      [[2, 1, 1], [1, 1], 2, 0],
      [[2, 1, 2], [1, 2], 2, 2],
      [[2, 1, 2], [1, 1], 2, 0],

      [[2, 1, 1, 1], [1, 2], 1, 1],
      [[2, 1, 1, 1], [1, 1], 2, 0],
      [[2, 1, 1, 2], [1, 2], 1, 1],
      [[2, 1, 1, 2], [1, 1], 2, 0],
      [[2, 1, 2, 2], [1, 2], 2, 2],
      [[2, 1, 2, 2], [1, 1], 2, 0],
    ];
    for (const [matches, terms, term, committed] of rows) {
      it(`matches ${matches} of log ${terms} at term ${term}: ${committed}`, () => {
        const storage = newTestMemoryStorage(withPeers(1n));
        storage.append(index(1).terms(...terms));
        storage.setHardState({ term, vote: 0n, commit: 0 });
        const r = newTestRaft(1n, storage, { heartbeatTick: 2 });
        for (const [i, match] of matches.entries()) {
          const id = BigInt(i + 1);
          if (i > 0) applyConfChange(r, addNode(id));
          const pr = progressOf(r, id);
          pr.match = match;
          pr.next = match + 1;
        }
        expect(maybeCommit(r)).to.equal(committed > 0);
        expect(r.raftLog.committed).to.equal(committed);
      });
    }
  });
});

describe('appends', () => {
  describe('RT-033 TestHandleMsgApp: what a follower does with an append', () => {
    interface Row {
      /** Term of the message, log term, index, commit. */
      readonly m: readonly [number, number, number, number];
      readonly entries?: readonly Entry[];
      readonly last: number;
      readonly committed: number;
      /** The hint, in a refusal. */
      readonly hint?: { readonly rejectHint: number; readonly logTerm: number };
    }
    const rows: Row[] = [
      // The entry before those sent is missing, or of another term.
      { m: [2, 3, 2, 3], last: 2, committed: 0, hint: { rejectHint: 2, logTerm: 2 } },
      { m: [2, 3, 3, 3], last: 2, committed: 0, hint: { rejectHint: 2, logTerm: 2 } },
      // What conflicts goes, what is missing comes.
      { m: [2, 1, 1, 1], last: 2, committed: 1 },
      { m: [2, 0, 0, 1], entries: [entry(2, 1)], last: 1, committed: 1 },
      { m: [2, 2, 2, 3], entries: [entry(2, 3), entry(2, 4)], last: 4, committed: 3 },
      { m: [2, 2, 2, 4], entries: [entry(2, 3)], last: 3, committed: 3 },
      { m: [2, 1, 1, 4], entries: [entry(2, 2)], last: 2, committed: 2 },
      // The commit index is not followed beyond the last entry that is known to match.
      { m: [1, 1, 1, 3], last: 2, committed: 1 },
      { m: [1, 1, 1, 3], entries: [entry(2, 2)], last: 2, committed: 2 },
      { m: [2, 2, 2, 3], last: 2, committed: 2 },
      { m: [2, 2, 2, 4], last: 2, committed: 2 },
    ];
    for (const [number, { m, entries = [], last, committed, hint }] of rows.entries()) {
      const [term, logTerm, at, commit] = m;
      it(`${number + 1}: after ${logTerm}/${at}, ${entries.length} entries, commit ${commit}`, () => {
        const storage = newTestMemoryStorage(withPeers(1n));
        storage.append(index(1).terms(1, 2));
        const r = newTestRaft(1n, storage);
        r.becomeFollower(2, 0n);
        const fields = { from: 2n, to: 1n, term, logTerm, index: at, commit, entries };
        handleAppendEntries(r, message({ type: MessageType.MsgApp, ...fields }));

        expect(r.raftLog.lastIndex()).to.equal(last);
        expect(r.raftLog.committed).to.equal(committed);
        const reject = hint !== undefined;
        const resp = { type: MessageType.MsgAppResp, to: 2n, term: 2, reject, index: at + entries.length };
        expect(expectOneMessage(r)).to.include({ ...resp, ...(hint ?? { rejectHint: 0, logTerm: 0 }) });
      });
    }
  });

  it('an append that follows what is committed long since is answered with the commit index', () => {
    const storage = newTestMemoryStorage(withPeers(1n, 2n));
    storage.append(index(1).terms(1, 1, 1));
    storage.setHardState({ term: 1, vote: 0n, commit: 3 });
    const r = newTestRaft(1n, storage);
    const fields = { from: 2n, to: 1n, term: 1, logTerm: 1, index: 1, commit: 2, entries: [entry(1, 2)] };
    step(r, message({ type: MessageType.MsgApp, ...fields }));
    expect(expectOneMessage(r)).to.include({ type: MessageType.MsgAppResp, to: 2n, index: 3, reject: false });
    expect(r.raftLog.committed).to.equal(3);
  });

  describe('RT-061 TestLeaderAppResp: what a leader does with the answer to an append', () => {
    interface Row {
      readonly what: string;
      readonly index: number;
      readonly reject: boolean;
      readonly match: number;
      readonly next: number;
      /** Index and commit index of each append that follows. */
      readonly sent: readonly [number, number][];
    }
    const rows: Row[] = [
      { what: 'a refusal of what was not sent', index: 3, reject: true, match: 0, next: 3, sent: [] },
      { what: 'a refusal', index: 2, reject: true, match: 0, next: 2, sent: [[1, 0]] },
      // biome-ignore format: one case a line
      { what: 'an acknowledgement that commits', index: 2, reject: false, match: 2, next: 4, sent: [[2, 2], [2, 2]] },
      { what: 'an acknowledgement of what is known', index: 0, reject: false, match: 0, next: 4, sent: [[0, 0]] },
    ];
    for (const row of rows) {
      it(row.what, () => {
        const storage = newTestMemoryStorage(withPeers(1n, 2n, 3n));
        storage.append([entry(1, 1), entry(1, 2)]);
        const r = newTestRaft(1n, storage);
        makeLeader(r);
        readMessages(r);
        const { reject } = row;
        const fields = { from: 2n, to: 1n, term: r.term, index: row.index, reject, rejectHint: row.index };
        step(r, message({ type: MessageType.MsgAppResp, ...fields }));

        expect(progressOf(r, 2n)).to.include({ match: row.match, next: row.next });
        const messages = readMessages(r);
        for (const m of messages) expect(m.type).to.equal(MessageType.MsgApp);
        expect(messages.map((m) => [m.index, m.commit])).to.deep.equal(row.sent);
      });
    }
  });

  describe('RT-117 TestFastLogRejection: a refusal’s hint skips whole terms of the log', () => {
    const terms = (term: number, count: number) => Array.from({ length: count }, () => term);
    interface Row {
      readonly leader: readonly number[];
      readonly follower: readonly number[];
      /** The follower's store is compacted up to here. */
      readonly compact?: number;
      /** Term and index of the follower's hint. */
      readonly hint: readonly [number, number];
      /** Term and index of the entry that the leader tries next. */
      readonly next: readonly [number, number];
    }
    const rows: Row[] = [
      { leader: [1, 2, 2, 4, 4, 4, 4], follower: [1, 2, 2, ...terms(3, 8)], hint: [3, 7], next: [2, 3] },
      { leader: [1, 2, 2, 3, 4, 4, 4, 5], follower: [1, 2, 2, ...terms(3, 8)], hint: [3, 8], next: [3, 4] },
      { leader: [1, 1, 1, 1], follower: [1, 2, 2, 4], hint: [1, 1], next: [1, 1] },
      { leader: [1, 1, 1, 1, 1, 1], follower: [1, 2, 2, 4], hint: [1, 1], next: [1, 1] },
      { leader: [1, 1, 1, 1], follower: [1, 2, 2, 4, 4, 4], hint: [1, 1], next: [1, 1] },
      { leader: [1, 1, 1, 4, 5], follower: [1, 1, 1, 4], hint: [4, 4], next: [4, 4] },
      { leader: [2, ...terms(5, 8)], follower: [2, ...terms(4, 5)], hint: [4, 6], next: [2, 1] },
      { leader: [2, 2, 2, 2, 2], follower: [2, ...terms(4, 7)], hint: [2, 1], next: [2, 1] },
      { leader: [1, 1, 3], follower: [1, 1, 3, 3, 3], compact: 5, hint: [0, 3], next: [1, 2] },
    ];
    for (const { leader, follower, compact, hint, next } of rows) {
      it(`leader ${leader}, follower ${follower}${compact === undefined ? '' : `, compacted to ${compact}`}`, () => {
        const lastTerm = leader.at(-1) as number;
        const storage1 = newTestMemoryStorage(withPeers(1n, 2n, 3n));
        storage1.append(index(1).terms(...leader));
        storage1.setHardState({ term: lastTerm - 1, vote: 0n, commit: leader.length });
        const n1 = newTestRaft(1n, storage1);
        makeLeader(n1);
        readMessages(n1);

        const storage2 = newTestMemoryStorage(withPeers(1n, 2n, 3n));
        storage2.append(index(1).terms(...follower));
        storage2.setHardState({ term: lastTerm, vote: 1n, commit: 0 });
        const n2 = newTestRaft(2n, storage2);
        if (compact !== undefined) compactAnyway(storage2, compact);

        step(n2, message({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n }));
        const heartbeatResp = expectOneMessage(n2);
        expect(heartbeatResp.type).to.equal(MessageType.MsgHeartbeatResp);

        step(n1, heartbeatResp);
        const append = expectOneMessage(n1);
        expect(append).to.include({ type: MessageType.MsgApp, logTerm: lastTerm, index: leader.length });

        step(n2, append);
        const refusal = expectOneMessage(n2);
        const [logTerm, rejectHint] = hint;
        expect(refusal).to.include({ type: MessageType.MsgAppResp, reject: true, logTerm, rejectHint });

        step(n1, refusal);
        expect(readMessages(n1)[0]).to.include({ type: MessageType.MsgApp, logTerm: next[0], index: next[1] });
      });
    }
  });

  it('RT-118 TestLogReplicationWithReorderedMessage: a late refusal does not set next back behind match', () => {
    const r1 = newVoter(1n, [1n, 2n]);
    makeLeader(r1);
    readMessages(r1);
    const pr = progressOf(r1, 2n);
    pr.becomeReplicate();
    const r2 = newVoter(2n, [1n, 2n]);

    const [first, second] = [1, 2].map(() => {
      mustAppendEntry(r1, proposed('somedata'));
      sendAppend(r1, pr);
      return expectOneMessage(r1);
    });
    if (first === undefined || second === undefined) throw new Error('two appends');

    step(r2, second);
    const refusal = expectOneMessage(r2);
    expect(refusal).to.include({ type: MessageType.MsgAppResp, reject: true, rejectHint: 0, index: 2 });

    step(r2, first);
    const acknowledgement = expectOneMessage(r2);
    expect(acknowledgement).to.include({ type: MessageType.MsgAppResp, reject: false, index: 2 });
    step(r1, acknowledgement);
    expectOneMessage(r1);
    expect(pr.match).to.equal(2);

    step(r1, message({ type: MessageType.MsgUnreachable, from: 2n, to: 1n }));
    expect(pr.state).to.equal('StateProbe');

    step(r1, refusal);
    expect(expectOneMessage(r1)).to.include({ type: MessageType.MsgApp, index: 2 });
    expect(pr).to.include({ match: 2, next: 3 });
  });
});
