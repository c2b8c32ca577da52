import {
  type ConfState,
  type Entry,
  emptyConfState,
  type Message,
  MessageType,
  newMessage,
  type Snapshot,
} from '@raft-ts/raft';
import { MemoryLog } from '@raft-ts/replica/memory';
import { RULES, type RuleName } from '@raft-ts/sim';
import { LogRules, RunHash, StackTime, StateRules, Stream, Tasks } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { entry } from '../helpers/index.js';

/** What was said to be broken, and that it was said in a sentence. */
class Said {
  readonly rules: RuleName[] = [];
  readonly broke = (rule: RuleName, text: string): void => {
    expect(RULES).to.have.property(rule);
    expect(text).to.match(/^(A|After|At|Entry|Member|Members|The) .*\.$/);
    this.rules.push(rule);
  };

  /** Nothing was, but for this. */
  expect(...rules: RuleName[]): void {
    expect(this.rules.splice(0)).to.deep.equal(rules);
  }
}

function voters(...ids: bigint[]): ConfState {
  return { ...emptyConfState(), voters: ids };
}

function snapshotAt(index: number, term: number): Snapshot {
  return { data: new Uint8Array(1), metadata: { index, term, confState: voters(1n, 2n, 3n) } };
}

function sending(type: MessageType, to: bigint, fields: Partial<Message>): Message {
  return Object.assign(newMessage(type, to), { from: 1n, term: 2 }, fields);
}

const log: readonly Entry[] = [entry(1, 1), entry(1, 2), entry(2, 3)];

describe('the rules about logs and messages of replicas', () => {
  let said: Said;
  let rules: LogRules;
  beforeEach(() => {
    said = new Said();
    rules = new LogRules(said.broke);
  });

  it('hard-state-monotone: a term or a vote that goes back on the disk', () => {
    rules.saved(1n, { hardState: { term: 2, vote: 3n, commit: 0 } });
    rules.saved(1n, { hardState: { term: 2, vote: 3n, commit: 4 } });
    said.expect();
    rules.saved(1n, { hardState: { term: 2, vote: 2n, commit: 4 } });
    said.expect('hard-state-monotone');
    rules.saved(1n, { hardState: { term: 1, vote: 2n, commit: 4 } });
    said.expect('hard-state-monotone');
  });

  const reopened = async (entries: readonly Entry[], hardState = { term: 2, vote: 3n, commit: 3 }): Promise<void> => {
    const kept = new MemoryLog();
    await kept.save({ hardState, entries });
    rules.reopened(1n, kept);
  };

  it('log-kept: an entry, a vote, a term or a snapshot that a power cut took although it was on the disk', async () => {
    const save = (): void => rules.saved(1n, { hardState: { term: 2, vote: 3n, commit: 1 }, entries: log });
    save();
    await reopened(log);
    said.expect();
    await reopened(log.slice(0, 2));
    said.expect('log-kept');
    save();
    await reopened([...log.slice(0, 2), entry(1, 3)]);
    said.expect('log-kept');
    // The leader of a later term has cut it off.
    save();
    await reopened([...log.slice(0, 2), entry(3, 3)]);
    said.expect();
    rules.saved(1n, { hardState: { term: 3, vote: 2n, commit: 1 } });
    await reopened([...log.slice(0, 2), entry(3, 3)]);
    said.expect('log-kept');
    rules.covered(1n, snapshotAt(8, 3));
    await reopened([...log.slice(0, 2), entry(3, 3)], { term: 3, vote: 2n, commit: 3 });
    said.expect('log-kept');
  });

  it('persisted-before-sent: an entry that is acknowledged, or a vote that is given, before it is on the disk', () => {
    rules.saved(1n, { hardState: { term: 2, vote: 3n, commit: 0 }, entries: log });
    rules.sent(sending(MessageType.MsgAppResp, 2n, { index: 3 }));
    rules.sent(sending(MessageType.MsgVoteResp, 3n, {}));
    rules.sent(sending(MessageType.MsgVoteResp, 2n, { reject: true }));
    rules.sent(sending(MessageType.MsgAppResp, 2n, { index: 9, reject: true }));
    // What it acknowledged in a term that is over cannot be committed any more.
    rules.sent(sending(MessageType.MsgAppResp, 2n, { index: 9, term: 1 }));
    said.expect();
    rules.sent(sending(MessageType.MsgAppResp, 2n, { index: 4 }));
    said.expect('persisted-before-sent');
    rules.sent(sending(MessageType.MsgVoteResp, 3n, { term: 3 }));
    said.expect('persisted-before-sent');
  });

  it('vote-once: two votes of a member in a term', () => {
    rules.saved(1n, { hardState: { term: 2, vote: 3n, commit: 0 } });
    rules.sent(sending(MessageType.MsgVoteResp, 3n, {}));
    rules.sent(sending(MessageType.MsgVoteResp, 3n, {}));
    said.expect();
    rules.sent(sending(MessageType.MsgVoteResp, 2n, {}));
    said.expect('persisted-before-sent', 'vote-once');
  });

  it('election-safety: two leaders of a term', () => {
    const leadership = { leader: 1n, leading: true, role: 'StateLeader', term: 4 } as const;
    rules.leads(1n, leadership);
    rules.leads(1n, leadership);
    rules.leads(2n, { ...leadership, leading: false });
    rules.leads(2n, { ...leadership, term: 5 });
    said.expect();
    expect(rules.elections).to.equal(2);
    rules.leads(2n, leadership);
    said.expect('election-safety');
  });

  it('committed-on-quorum: an entry that is applied while a minority has it, of either half', () => {
    for (const id of [1n, 2n]) rules.saved(id, { entries: log });
    rules.saved(3n, { entries: log.slice(0, 1) });
    rules.appliedFirst(3, 2, voters(1n, 2n, 3n));
    said.expect();
    rules.appliedFirst(3, 1, voters(1n, 2n, 3n));
    said.expect('committed-on-quorum');
    // Of more members more than two must have it, or two of a configuration before.
    rules.appliedFirst(3, 2, voters(1n, 2n, 3n, 4n));
    rules.appliedFirst(3, 2, voters(1n, 2n, 3n, 4n, 5n));
    said.expect();
    rules.appliedFirst(3, 2, voters(1n, 2n, 3n, 4n, 5n, 6n));
    said.expect('committed-on-quorum');
    rules.covered(4n, snapshotAt(9, 2));
    rules.appliedFirst(3, 2, { ...voters(1n, 2n, 4n), votersOutgoing: [1n] });
    said.expect();
    rules.appliedFirst(3, 2, { ...voters(1n, 2n), votersOutgoing: [3n] });
    rules.appliedFirst(3, 2, { ...voters(1n, 2n), votersOutgoing: [3n, 5n] });
    said.expect();
    rules.appliedFirst(3, 2, { ...voters(1n, 2n), votersOutgoing: [5n] });
    said.expect('committed-on-quorum');
  });

  it('committed-on-quorum: the configurations count that a leader may still have counted by', () => {
    for (const id of [1n, 2n]) rules.saved(id, { entries: log });
    rules.configured(1, voters(1n, 2n, 3n));
    rules.configured(4, voters(1n, 2n, 3n, 4n));
    // A member that is behind tells nothing new.
    rules.configured(2, voters(1n));
    rules.appliedFirst(5, 2, voters(1n, 2n, 3n, 4n, 5n));
    said.expect('committed-on-quorum');
    rules.appliedFirst(3, 2, voters(1n, 2n, 3n, 4n, 5n));
    said.expect();
    rules.configured(6, voters(1n, 2n, 3n, 4n, 5n, 6n));
    rules.appliedFirst(3, 2, voters(1n, 2n, 3n, 4n, 5n, 6n));
    said.expect('committed-on-quorum');
  });

  it('log-matching: two logs that differ below an entry that they share', () => {
    rules.saved(1n, { entries: log });
    rules.saved(2n, { entries: [entry(1, 1), entry(1, 2), entry(1, 3)] });
    rules.checkLogs();
    said.expect();
    rules.saved(3n, { entries: [entry(1, 1), entry(1, 2, 'another'), entry(2, 3)] });
    rules.checkLogs();
    said.expect('log-matching', 'log-matching');
    // Nobody compares what snapshots stand for.
    rules.saved(3n, { snapshot: snapshotAt(2, 1), entries: [entry(2, 3)] });
    rules.checkLogs();
    said.expect();
  });
});

describe('the rules about what replicas apply and answer', () => {
  let said: Said;
  let rules: StateRules;
  beforeEach(() => {
    said = new Said();
    rules = new StateRules(said.broke, new RunHash());
  });

  it('applied-in-order: an index that is applied twice, unless the member has started again', () => {
    rules.applies(1n, 4, 'a');
    rules.started(1n);
    rules.applies(1n, 4, 'a');
    rules.applies(1n, 6, 'b');
    said.expect();
    rules.applies(1n, 6, 'b');
    said.expect('applied-in-order');
    rules.restored(1n, 9);
    rules.applies(1n, 9, 'c');
    said.expect('applied-in-order');
  });

  it('state-machine-safety: different commands at an index', () => {
    expect(rules.applies(1n, 4, { a: 1, b: 2n })).to.equal(true);
    expect(rules.applies(2n, 4, { b: 2n, a: 1 })).to.equal(false);
    said.expect();
    rules.applies(3n, 4, { a: 1, b: 3n });
    said.expect('state-machine-safety');
  });

  it('results-equal: different results at an index, or for the client', () => {
    rules.applies(1n, 4, 'a');
    rules.applied(1n, 4, [1, undefined]);
    rules.applied(2n, 4, [1, undefined]);
    rules.acknowledged('a', 4, [1, undefined]);
    said.expect();
    rules.applied(3n, 4, [1, null]);
    said.expect('results-equal');
    rules.acknowledged('a', 4, [2]);
    said.expect('results-equal');
  });

  it('states-equal: different states after an index', () => {
    rules.applies(1n, 4, 'a');
    rules.state(1n, 4, new Map([[1, new Uint8Array([2])]]));
    rules.state(2n, 4, new Map([[1, new Uint8Array([2])]]));
    said.expect();
    rules.state(3n, 4, new Map([[1, new Uint8Array([3])]]));
    said.expect('states-equal');
  });

  it('acknowledged-kept: a command that is not where its client was told', () => {
    rules.applies(1n, 4, 'a');
    rules.acknowledged('a', 4, undefined);
    said.expect();
    rules.acknowledged('a', 5, undefined);
    rules.acknowledged('b', 4, undefined);
    said.expect('acknowledged-kept', 'acknowledged-kept');
  });

  it('applied-once: a command that is applied more often, or less, than its clients may believe', () => {
    const times = (applied: number, acknowledged: number, uncertain: number, ...broken: RuleName[]): void => {
      rules = new StateRules(said.broke, new RunHash());
      for (let i = 1; i <= applied; i++) rules.applies(1n, i, 'a');
      for (let i = 1; i <= acknowledged; i++) rules.acknowledgedInSession('a');
      for (let i = 1; i <= uncertain; i++) rules.uncertain('a');
      rules.checkCounts();
      said.expect(...broken);
    };
    times(1, 1, 0);
    times(0, 0, 1);
    times(1, 0, 1);
    times(3, 2, 1);
    times(0, 1, 0, 'applied-once');
    times(2, 1, 0, 'applied-once');
    // Its client was told that it was dropped.
    times(1, 0, 0, 'applied-once');
    times(2, 0, 1, 'applied-once');
  });
});

describe('the rules about tasks of leaders', () => {
  const running = (member: bigint, signal: AbortSignal, isStill = false) => ({
    member,
    signal,
    isStill: () => isStill,
  });

  for (const exclusive of [true, false]) {
    it(`fences-grow, ${exclusive ? 'and one-task, where leases hold' : 'where leases do not hold'}`, () => {
      const said = new Said();
      const tasks = new Tasks(new StackTime(new Stream(1), new RunHash()), said.broke, exclusive);
      const first = new AbortController();
      tasks.begin(running(1n, first.signal), 5);
      first.abort();
      const second = new AbortController();
      tasks.begin(running(2n, second.signal), 7);
      said.expect();
      tasks.begin(running(2n, second.signal), 7);
      said.expect(...(exclusive ? (['fences-grow', 'fences-grow'] as const) : (['fences-grow'] as const)));
      tasks.begin(running(2n, second.signal), 6);
      said.expect(...(exclusive ? (['fences-grow'] as const) : []));
      tasks.begin(running(3n, second.signal), 9);
      if (exclusive) said.expect('one-task', 'one-task', 'one-task');
      else said.expect();
    });
  }

  it('leave a process out that stands still: it has not heard yet that it must end', () => {
    const said = new Said();
    const tasks = new Tasks(new StackTime(new Stream(1), new RunHash()), said.broke, true);
    tasks.begin(running(1n, new AbortController().signal, true), 5);
    tasks.begin(running(2n, new AbortController().signal), 7);
    said.expect();
  });
});
