import {
  type ConfState,
  type Entry,
  EntryType,
  encodeConfChangeV2,
  type Message,
  MessageType,
  newMessage,
} from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { RULES } from '@raft-ts/sim';
import { Leadership, type Member, rules } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { bytes, entry } from '../helpers/index.js';
import { changeV2 } from '../raft/rawnode/changes.js';
import { breaks, member, raft, sending, stored, voters, written } from './breaking.js';

const { History } = rules;

const log = [entry(1, 1, 'a'), entry(1, 2, 'b')];

describe('the rules of the simulator', () => {
  it('each say in a sentence what must hold', () => {
    for (const text of Object.values(RULES)) expect(text).to.match(/^[A-Z].*\.$/);
  });

  it('election-safety: two leaders of a term', () => {
    const history = new History();
    rules.electionSafety(history, member(1n), 3);
    rules.electionSafety(history, member(1n), 3);
    breaks('election-safety', () => rules.electionSafety(history, member(2n), 3));
  });

  it('vote-once: two votes in a term, also over a restart', () => {
    const history = new History();
    rules.voteOnce(history, member(1n), 3, 2n);
    rules.voteOnce(history, member(1n), 4, 3n);
    breaks('vote-once', () => rules.voteOnce(history, member(1n), 3, 3n));
  });

  it('vote-up-to-date: a vote for a shorter log, or for an older one', () => {
    const grant = newMessage(MessageType.MsgVoteResp, 2n);
    const voter = { lastTerm: 2, last: 5, answers: 0 };
    const state = raft({ msgsAfterAppend: [grant] });
    const ask = (logTerm: number, index: number): Message => sending(MessageType.MsgVote, { from: 2n, logTerm, index });
    rules.voteUpToDate(member(1n), state, ask(2, 5), voter);
    breaks('vote-up-to-date', () => rules.voteUpToDate(member(1n), state, ask(2, 4), voter));
    breaks('vote-up-to-date', () => rules.voteUpToDate(member(1n), state, ask(1, 9), voter));
    rules.voteUpToDate(member(1n), raft({ msgsAfterAppend: [{ ...grant, reject: true }] }), ask(1, 9), voter);
    // The answer to an earlier request, which is still being written.
    rules.voteUpToDate(member(1n), state, ask(1, 9), { ...voter, answers: 1 });
  });

  it('leader-completeness: a leader without a committed entry, unless it was committed in its term or later', () => {
    const history = new History();
    history.commit(1, 7, 2);
    const empty = { firstIndex: () => 1, term: (index: number) => (index === 0 ? 0 : 'unavailable') };
    rules.leaderCompleteness(history, member(1n), raft({ term: 2, raftLog: empty }));
    breaks('leader-completeness', () =>
      rules.leaderCompleteness(history, member(1n), raft({ term: 3, raftLog: empty })),
    );
    rules.leaderCompleteness(history, member(1n), raft({ term: 3, raftLog: { firstIndex: () => 1, term: () => 1 } }));
  });

  it('log-matching: another entry at an index and term, or another log before it, or a gap', () => {
    const history = new History();
    written(history, member(1n), log);
    written(history, member(2n), log);
    breaks('log-matching', () => written(history, member(3n), [log[0] as Entry, entry(1, 2, 'c')]));
    breaks('log-matching', () => written(history, member(3n), [entry(1, 1, 'x'), log[1] as Entry]));
    breaks('log-matching', () => written(history, member(3n), [entry(1, 2, 'b')]));
    breaks('log-matching', () => written(history, member(3n), [log[0] as Entry, entry(1, 3, 'c')]));
    written(history, member(3n), [entry(1, 1, 'a'), entry(2, 2, 'c')]);
  });

  it('leader-append-only: a leader that replaces its own entries', () => {
    const leader = written(new History(), member(1n), log);
    leader.leadsTerm = 2;
    rules.leaderAppendOnly(leader, [entry(2, 2)]);
    leader.handedTerm = 2;
    rules.leaderAppendOnly(leader, [entry(2, 3)]);
    breaks('leader-append-only', () => rules.leaderAppendOnly(leader, [entry(2, 2)]));
  });

  it('one-change-at-a-time: two membership changes that are not committed', () => {
    const history = new History();
    const change = (index: number): Entry => ({ type: 1, term: 1, index, data: undefined });
    const one = written(history, member(1n), [change(1), change(2)]);
    breaks('one-change-at-a-time', () => rules.oneChangeAtATime(history, one));
    history.commit(1, one.log.chain(1), 1);
    rules.oneChangeAtATime(history, one);
  });

  it('committed-on-quorum: an entry that too few disks hold, in either half', () => {
    const all = [stored(1n, 1, log), stored(2n, 1, log), stored(3n, 1, []), stored(4n, 1, [])];
    const half = (...ids: bigint[]): object => ({ ids, size: ids.length });
    const leader = (incoming: object, outgoing: object): Raft =>
      raft({ term: 1, raftLog: { committed: 2, term: () => 1 }, trk: { config: { voters: { incoming, outgoing } } } });
    const check = (incoming: object, outgoing: object): void =>
      rules.committedOnQuorum(all[0] as Member, leader(incoming, outgoing), all);
    check(half(1n, 2n, 3n), half());
    breaks('committed-on-quorum', () => check(half(1n, 2n, 3n, 4n), half()));
    breaks('committed-on-quorum', () => check(half(1n, 2n, 3n), half(1n, 3n, 4n)));
  });

  it('committed-for-ever: another entry where one was committed, and a commit that no leader made', () => {
    const history = new History();
    const leader = written(history, member(1n), log);
    leader.leadsTerm = 1;
    rules.committedForEver(history, leader, 2, 1);
    expect(history.committed).to.equal(2);
    rules.committedForEver(history, written(history, member(2n), log), 2, 1);
    const other = written(history, member(3n), [entry(1, 1, 'a'), entry(2, 2, 'c')]);
    breaks('committed-for-ever', () => rules.committedForEver(history, other, 2, 2));
    const ahead = written(history, member(4n), [...log, entry(1, 3)]);
    breaks('committed-for-ever', () => rules.committedForEver(history, ahead, 3, 1));
  });

  it('applied-in-order and state-machine-safety: an index left out, or not committed, or another entry there', () => {
    const history = new History();
    const leader = written(history, member(1n), log);
    leader.leadsTerm = 1;
    rules.committedForEver(history, leader, 1, 1);
    const one = member(2n);
    breaks('applied-in-order', () => rules.stateMachineSafety(history, one, entry(1, 2, 'b')));
    breaks('state-machine-safety', () => rules.stateMachineSafety(history, one, entry(1, 1, 'x')));
    one.state = rules.stateMachineSafety(history, one, entry(1, 1, 'a'));
    one.applied = 1;
    breaks('applied-in-order', () => rules.stateMachineSafety(history, one, entry(1, 2, 'b')));
    breaks('applied-in-order', () => rules.stateMachineSafety(history, one, entry(1, 1, 'a')));
  });

  it('entry-intact: bytes that nobody has proposed', () => {
    const history = new History();
    history.proposals = 1;
    rules.entryIntact(history, member(1n), { ...entry(1, 1), data: new Uint8Array([0, 0, 0, 1, 5]) });
    breaks('entry-intact', () => rules.entryIntact(history, member(1n), entry(1, 1, 'forged')));
    breaks('entry-intact', () =>
      rules.entryIntact(history, member(1n), { ...entry(1, 1), data: new Uint8Array([0, 0, 0, 1, 6]) }),
    );
  });

  it('persisted-before-sent: a vote, an entry or a term that is not on the disk of who promises it', () => {
    const one = stored(1n, 2, log);
    rules.persistedBeforeSent(one, sending(MessageType.MsgAppResp, { index: 2 }));
    breaks('persisted-before-sent', () =>
      rules.persistedBeforeSent(one, sending(MessageType.MsgAppResp, { index: 3 })),
    );
    breaks('persisted-before-sent', () =>
      rules.persistedBeforeSent(one, sending(MessageType.MsgAppResp, { term: 3, index: 0, reject: true })),
    );
    breaks('persisted-before-sent', () => rules.persistedBeforeSent(one, sending(MessageType.MsgVoteResp, {})));
    one.durableVote = 2n;
    rules.persistedBeforeSent(one, sending(MessageType.MsgVoteResp, {}));
    rules.persistedBeforeSent(one, sending(MessageType.MsgVote, {}));
    breaks('persisted-before-sent', () => rules.persistedBeforeSent(one, sending(MessageType.MsgVote, { term: 3 })));
  });

  it('hard-state-monotone: a stored term that falls, or a vote that changes', () => {
    const one = stored(1n, 2, []);
    rules.hardStateMonotone(one);
    one.disk.durable.apply({ kind: 'hard-state', hardState: { term: 2, vote: 3n, commit: 0 } });
    rules.hardStateMonotone(one);
    one.disk.durable.apply({ kind: 'hard-state', hardState: { term: 2, vote: 2n, commit: 0 } });
    breaks('hard-state-monotone', () => rules.hardStateMonotone(one));
    one.disk.durable.apply({ kind: 'hard-state', hardState: { term: 1, vote: 0n, commit: 0 } });
    breaks('hard-state-monotone', () => rules.hardStateMonotone(one));
  });

  it('positions-ordered: a term or an index that falls, and positions in the wrong order', () => {
    const at = (term: number, applied: number, committed: number, last = 9): Raft =>
      raft({ term, raftLog: { applied, committed, lastIndex: () => last } });
    const one = member(1n);
    rules.positionsOrdered(one, at(2, 3, 4));
    for (const wrong of [at(1, 3, 4), at(2, 2, 4), at(2, 3, 3), at(2, 5, 4), at(2, 3, 10)]) {
      breaks('positions-ordered', () => rules.positionsOrdered(one, wrong));
    }
  });

  it('message-legal: what no sender can know to be true', () => {
    const history = new History();
    const one = written(history, member(1n), log);
    one.seenCommit = 1;
    const append = (fields: Partial<Message>): Message =>
      sending(MessageType.MsgApp, { index: 1, logTerm: 1, commit: 1, entries: [log[1] as Entry], ...fields });
    rules.messageLegal(history, one, append({}));
    const wrong: Partial<Message>[] = [
      { commit: 2 },
      { logTerm: 2 },
      { entries: [entry(1, 3)] },
      { entries: [entry(1, 2, 'x')] },
      { entries: [entry(3, 2, 'x')] },
      { to: 1n },
      { from: 3n },
    ];
    for (const fields of wrong) breaks('message-legal', () => rules.messageLegal(history, one, append(fields)));
    breaks('message-legal', () => rules.messageLegal(history, one, sending(MessageType.MsgHup, {})));
    breaks('message-legal', () => rules.messageLegal(history, one, sending(MessageType.MsgHeartbeat, { term: 0 })));
  });

  it('snapshot-true: a snapshot with another state, term or membership than its index had', () => {
    const history = new History();
    const snapshot = history.found([1n, 2n]);
    const { metadata } = snapshot;
    const one = member(1n);
    rules.snapshotTrue(history, one, snapshot);
    const wrong = [
      { ...snapshot, data: bytes('wrong') },
      { ...snapshot, metadata: { ...metadata, term: 2 } },
      { ...snapshot, metadata: { ...metadata, index: 2 } },
      { ...snapshot, metadata: { ...metadata, confState: voters(1n) } },
    ];
    for (const other of wrong) breaks('snapshot-true', () => rules.snapshotTrue(history, one, other));
  });

  describe('about membership', () => {
    const history = (): InstanceType<typeof History> => {
      const founded = new History();
      founded.found([1n, 2n, 3n]);
      return founded;
    };
    const change = (index: number, text: string, transition?: 'explicit'): Entry => {
      const data = encodeConfChangeV2(changeV2(text, transition));
      return { type: EntryType.EntryConfChangeV2, term: 1, index, data };
    };
    const agree = (of: InstanceType<typeof History>, entry: Entry, cs: ConfState): void =>
      rules.configurationAgreed(of, member(1n), entry, cs);

    it('configuration-agreed: another configuration than others had after the same entry', () => {
      const of = history();
      agree(of, change(2, 'v4'), voters(1n, 2n, 3n, 4n));
      of.applied = 2;
      agree(of, change(2, 'v4'), voters(4n, 3n, 2n, 1n));
      breaks('configuration-agreed', () => agree(of, change(2, 'v4'), voters(1n, 2n, 3n)));
    });

    it('configuration-valid: nobody who votes, or who votes and learns at once', () => {
      breaks('configuration-valid', () => agree(history(), change(2, 'r1 r2 r3'), voters()));
      const both = { ...voters(1n, 2n, 3n), learners: [3n] };
      breaks('configuration-valid', () => agree(history(), change(2, 'l3'), both));
    });

    it('configuration-overlap: quorums that need not meet', () => {
      breaks('configuration-overlap', () => agree(history(), change(2, 'r2 r3'), voters(1n)));
      breaks('configuration-overlap', () => agree(history(), change(2, 'v4 v5 v6'), voters(4n, 5n, 6n)));
    });

    it('configuration-right: where the change does not lead', () => {
      breaks('configuration-right', () => agree(history(), change(2, 'v4'), voters(1n, 2n, 3n, 5n)));
      const joint = { ...voters(1n, 2n, 4n), votersOutgoing: [1n, 2n, 3n], autoLeave: true };
      agree(history(), change(2, 'v4 r3'), joint);
      breaks('configuration-right', () => agree(history(), change(2, 'v4 r3'), { ...joint, autoLeave: false }));
    });

    it('work changes out for themselves, as the core does', () => {
      const rows: [change: string, after: string][] = [
        ['v4', 'voters (1,2,3,4)'],
        ['l3', 'voters (1,2) learners (3)'],
        ['v4 l3', 'voters (1,2,4)&&(1,2,3) learners-next (3) auto-leave'],
        ['l3 v3', 'voters (1,2,3)&&(1,2,3) auto-leave'],
        ['u3', 'voters (1,2,3)'],
        ['r1 l4 l4', 'voters (2,3)&&(1,2,3) learners (4) auto-leave'],
      ];
      for (const [text, after] of rows) {
        const model = rules.configurationAfter(voters(1n, 2n, 3n), change(2, text));
        expect(rules.confStateKey(model), text).to.equal(after);
        const left = rules.configurationAfter(model, change(3, ''));
        expect(left.votersOutgoing, text).to.deep.equal([]);
        expect(left.learnersNext, text).to.deep.equal([]);
      }
    });
  });

  describe('progress-sane', () => {
    const leader = member(1n);
    const inflights = { count: 0, size: 4, totalBytes: 0 };
    const right = { id: 2n, match: 2, next: 3, state: 'StateReplicate', pendingSnapshot: 0, inflights };
    const state = (...list: object[]): Raft => {
      const ordered = list.map((pr, i) => ({ ...right, id: BigInt(i + 2), ...pr }));
      const progress = new Map(ordered.map((pr) => [pr.id, pr]));
      return raft({ term: 1, raftLog: { lastIndex: () => 2, committed: 0 }, trk: { ordered, progress } });
    };
    const members = [leader, stored(2n, 1, log), stored(3n, 1, log)];

    it('what a leader believes cannot be', () => {
      rules.progressSane(leader, state({}), { members });
      const wrong = [
        { match: 3, next: 4 },
        { next: 2 },
        { next: 4 },
        { pendingSnapshot: 2 },
        { state: 'StateSnapshot' },
        { inflights: { ...inflights, count: 5 } },
        { state: 'StateProbe', inflights: { ...inflights, count: 1 } },
      ];
      for (const pr of wrong) breaks('progress-sane', () => rules.progressSane(leader, state(pr), { members }));
    });

    it('a member has stored less than its leader believes, whichever of the two has changed', () => {
      const less = stored(2n, 1, []);
      breaks('progress-sane', () => rules.progressSane(leader, state({}), { members: [leader, less] }));
      breaks('progress-sane', () => rules.matchStored(leader, state({}), less));
      rules.matchStored(leader, state({ match: 0 }), less);
      rules.matchStored(leader, state({}), stored(2n, 2, []));
    });

    it('a leader looks at the sender of a message alone only if nothing else can have changed', () => {
      const leads = member(1n);
      leads.led = new Leadership(
        raft({ raftLog: { lastIndex: () => 1, applied: 0, applyingEntsSize: 0, slice: () => [] } }),
      );
      const other = state({}, { next: 9 });
      const look = (): void => rules.progressSane(leads, other, { members, from: 2n });
      breaks('progress-sane', look);
      // It has looked at everybody since its log ended there.
      look();
      breaks('progress-sane', () => rules.progressSane(leads, other, { members, from: 3n }));
      breaks('progress-sane', () => rules.progressSane(leads, other, { members }));
      leads.seenCommit = 1;
      breaks('progress-sane', look);
    });
  });

  it('read-linearizable: an answer from before what was committed when the read was asked for', () => {
    const history = new History();
    const one = member(1n);
    const ask = (number: number): Uint8Array => {
      history.reads.set(number, { slot: 0, life: 0, bound: 5, asked: 0 });
      return new Uint8Array([0, 0, 0, number]);
    };
    rules.readLinearizable(history, one, { index: 5, requestCtx: ask(1) });
    expect(history.readsAnswered).to.equal(1);
    const requestCtx = ask(2);
    breaks('read-linearizable', () => rules.readLinearizable(history, one, { index: 4, requestCtx }));
  });
});
