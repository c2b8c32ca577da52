import type { Entry } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { Leadership, type Member, rules } from '@raft-ts/sim/internal';
import { expect } from 'chai';
import { bytes, entry } from '../helpers/index.js';
import { breaks, member, raft, stored, written } from './breaking.js';

const { History } = rules;

/** As much of a log as the rules look at. */
function logOf(
  entries: readonly Entry[],
  at: { applied?: number; committed?: number; applyingEntsSize?: number } = {},
): object {
  return {
    applied: 0,
    committed: 0,
    applyingEntsSize: 0,
    ...at,
    lastIndex: () => entries.length,
    slice: (lo: number, hi: number) => entries.slice(lo - 1, hi - 1),
    term: (index: number) => entries[index - 1]?.term ?? 0,
  };
}

function half(...ids: bigint[]): object {
  return { ids, size: ids.length };
}

function configuration(incoming: object, outgoing: object = half(), more: object = {}): object {
  return { config: { voters: { incoming, outgoing }, toString: () => 'voters=(1 2 3)', ...more }, progress: new Map() };
}

/** A member that leads since its log ended at index 1, and that has ticked so often. */
function leader(ticks = 0): { one: Member; led: Leadership } {
  const one = member(1n);
  const led = new Leadership(raft({ raftLog: logOf([entry(1, 1), entry(2, 2)], { applied: 1 }) }));
  one.leadsTerm = 2;
  one.led = led;
  led.ticks = ticks;
  return { one, led };
}

describe('the rules of the simulator, of elections and leaders', () => {
  it('elected-by-quorum: too few votes in either half', () => {
    const history = new History();
    for (const id of [1n, 2n, 4n]) rules.voteOnce(history, member(id), 3, 1n);
    const elect = (trk: object): void => rules.electedByQuorum(history, member(1n), raft({ term: 3, trk }));
    elect(configuration(half(1n, 2n, 3n)));
    elect(configuration(half(1n, 2n, 3n), half(1n, 4n)));
    breaks('elected-by-quorum', () => elect(configuration(half(1n, 2n, 3n, 5n))));
    breaks('elected-by-quorum', () => elect(configuration(half(1n, 2n, 3n), half(3n, 4n, 5n))));
    breaks('elected-by-quorum', () =>
      rules.electedByQuorum(history, member(1n), raft({ term: 4, trk: configuration(half(1n, 2n)) })),
    );
  });

  it('campaign-allowed: learners, members outside, and those with a membership change to apply', () => {
    const change: Entry = { type: 1, term: 1, index: 2, data: undefined };
    const one = written(new History(), member(1n), [entry(1, 1), change]);
    const campaign = (own: object | undefined, at: { applied: number; committed: number }): void => {
      const progress = new Map(own === undefined ? [] : [[1n, own]]);
      const trk = { ...configuration(half(1n, 2n)), progress };
      rules.campaignAllowed(one, raft({ term: 3, trk, raftLog: logOf([entry(1, 1), change], at) }));
    };
    campaign({ isLearner: false }, { applied: 2, committed: 2 });
    campaign({ isLearner: false }, { applied: 1, committed: 1 });
    breaks('campaign-allowed', () => campaign({ isLearner: false }, { applied: 1, committed: 2 }));
    breaks('campaign-allowed', () => campaign({ isLearner: true }, { applied: 2, committed: 2 }));
    breaks('campaign-allowed', () => campaign(undefined, { applied: 2, committed: 2 }));
  });

  it('commits-own-term: an entry of an earlier term, by counting', () => {
    const commit = (committed: number): void =>
      rules.commitsOwnTerm(member(1n), raft({ term: 3, raftLog: logOf([entry(2, 1), entry(3, 2)], { committed }) }));
    commit(2);
    breaks('commits-own-term', () => commit(1));
  });

  it('electable-complete: a member without the entry, whose log others would vote for', () => {
    // Figure 8 of the paper: 5 has an entry of term 3 where 1 commits one of term 2.
    const old = [entry(1, 1), entry(2, 2)];
    const other = [entry(1, 1), entry(3, 2)];
    const all = [stored(1n, 4, old), stored(2n, 4, old), stored(3n, 4, old), stored(4n, 1, []), stored(5n, 3, other)];
    const commit = (...log: Entry[]): void => {
      const raftLog = logOf(log, { committed: log.length });
      const trk = configuration(half(1n, 2n, 3n, 4n, 5n));
      rules.electableComplete(all[0] as Member, raft({ term: 4, raftLog, trk }), all);
    };
    breaks('electable-complete', () => commit(...old));
    for (const place of [0, 1, 2]) all[place] = stored(BigInt(place + 1), 4, [...old, entry(4, 3)]);
    commit(...old, entry(4, 3));
  });

  it('read-confirmed: an answer that no majority has confirmed since the question', () => {
    const history = new History();
    history.found([1n, 2n, 3n]);
    const all = [member(1n), member(2n), member(3n)];
    rules.electionSafety(history, all[0] as Member, 2);
    const answered = (number: number, asked: number): void => {
      history.reads.set(number, { slot: 0, life: 0, bound: 0, asked });
      const requestCtx = new Uint8Array([0, 0, 0, number]);
      rules.readConfirmed(history, all[0] as Member, { index: 1, requestCtx }, all);
    };
    breaks('read-confirmed', () => answered(1, 10));
    rules.heartbeatHeard(all[1] as Member, 2, 9);
    breaks('read-confirmed', () => answered(2, 10));
    rules.heartbeatHeard(all[2] as Member, 3, 11);
    breaks('read-confirmed', () => answered(3, 10));
    rules.heartbeatHeard(all[1] as Member, 2, 12);
    answered(4, 10);
    // An only voter asks nobody, and may be down before its answer arrives.
    history.configurations.length = 0;
    history.found([1n]);
    (all[0] as Member).leadsTerm = 2;
    answered(5, 20);
    (all[0] as Member).leadsTerm = 0;
    answered(6, 20);
    history.configurations.length = 0;
    history.found([2n]);
    breaks('read-confirmed', () => answered(7, 20));
  });

  it('read-own-term: a read that waits at a leader without a commit of its own', () => {
    const waits = (waiting: number, committed: number): void => {
      const raftLog = { committed, termOrZero: (index: number) => index };
      rules.readOwnTerm(member(1n), raft({ term: 3, readOnly: { waiting }, raftLog }));
    };
    waits(1, 3);
    waits(0, 2);
    breaks('read-own-term', () => waits(1, 2));
  });

  it('read-confirmed: only the last terms are remembered', () => {
    const one = member(1n);
    for (let term = 1; term <= 10; term++) rules.heartbeatHeard(one, term, term);
    expect([...one.heard.keys()]).to.deep.equal([7, 8, 9, 10]);
  });

  it('uncommitted-size: more or less than the entries that are not applied hold', () => {
    const log = [entry(1, 1, 'abc'), entry(2, 2), entry(2, 3, 'defg')];
    const counts = (size: number, applied: number, entries: readonly Entry[] = log): void => {
      const { one } = leader();
      rules.uncommittedSize(one, raft({ raftLog: logOf(entries, { applied }), uncommittedSize: size }));
    };
    counts(4, 1);
    counts(0, 3);
    breaks('uncommitted-size', () => counts(5, 1));
    breaks('uncommitted-size', () => counts(3, 1));
    breaks('uncommitted-size', () => counts(1, 3));
    // What an earlier leader appended is not counted, but taken off when it is applied.
    const led = new Leadership(raft({ raftLog: logOf([entry(1, 1, 'abc'), entry(2, 2)]) }));
    const one = Object.assign(member(1n), { led });
    rules.uncommittedSize(one, raft({ raftLog: logOf(log, { applied: 1 }), uncommittedSize: 1 }));
    breaks('uncommitted-size', () =>
      rules.uncommittedSize(one, raft({ raftLog: logOf(log, { applied: 1 }), uncommittedSize: 0 })),
    );
    // So is what was being applied when it was elected, although a snapshot covered it.
    const covered = new Leadership(raft({ raftLog: logOf([entry(2, 1)], { applyingEntsSize: 3 }) }));
    const other = Object.assign(member(1n), { led: covered });
    const own = logOf([entry(2, 1), entry(2, 2, 'defg')], { applied: 1 });
    rules.uncommittedSize(other, raft({ raftLog: own, uncommittedSize: 1 }));
    breaks('uncommitted-size', () => rules.uncommittedSize(other, raft({ raftLog: own, uncommittedSize: 0 })));
    expect(bytes('abc').length).to.equal(3);
  });

  it('leader-in-touch: a leader that hears learners only', () => {
    const checks = (heard: number[], trk = configuration(half(1n, 2n, 3n))): void => {
      const { one, led } = leader(50);
      led.heard.push(...heard);
      rules.leaderInTouch(one, led, raft({ trk, electionTimeout: 10 }));
    };
    checks([0, 30, 0]);
    breaks('leader-in-touch', () => checks([0, 29, 0, 50]));
    breaks('leader-in-touch', () => checks([0, 50, 0], configuration(half(1n, 2n, 3n), half(1n, 3n, 4n))));
    const { one, led } = leader(50);
    led.renewed = 40;
    rules.leaderInTouch(one, led, raft({ trk: configuration(half(1n, 2n, 3n)), electionTimeout: 10 }));
  });

  it('transfer-bounded: a transfer that is not given up', () => {
    const { one, led } = leader(5);
    const transfers = (leadTransferee: bigint): Raft => raft({ leadTransferee });
    rules.transferSeen(led, transfers(2n));
    led.ticks = 15;
    rules.transferSeen(led, transfers(2n));
    rules.transferBounded(one, led, 10);
    led.ticks = 16;
    breaks('transfer-bounded', () => rules.transferBounded(one, led, 10));
    rules.transferSeen(led, transfers(0n));
    rules.transferBounded(one, led, 10);
  });

  it('joint-left: a joint configuration that is left by itself, and nothing else to do', () => {
    const { one, led } = leader();
    const idles = (fields: object = {}): void => {
      const raftLog = logOf([entry(1, 1), entry(2, 2)], { applied: 2 });
      const progress = new Map([[1n, {}]]);
      const trk = { ...configuration(half(1n, 2n), half(1n), { autoLeave: true }), progress };
      const usual = { raftLog, trk, leadTransferee: 0n, electionTimeout: 3, ...fields };
      rules.jointLeft(one, led, raft(usual));
    };
    for (let tick = 0; tick < 3; tick++) idles();
    idles({ leadTransferee: 2n });
    for (let tick = 0; tick < 3; tick++) idles();
    breaks('joint-left', () => idles());
    idles({ trk: configuration(half(1n, 2n)) });
    // A leader that was removed takes no proposals, not its own either.
    const removed = { ...configuration(half(2n, 3n), half(2n), { autoLeave: true }), progress: new Map() };
    for (let tick = 0; tick < 9; tick++) idles({ trk: removed });
  });
});
