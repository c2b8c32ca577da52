import { type Message, MessageType, NONE } from '@raft-ts/proto';
import { RaftPanic, type StateType } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  entry,
  expectOneMessage,
  makeLeader,
  message,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  readMessages,
  skipInvariants,
  step,
  withPeers,
} from '../../helpers/index.js';

const states: readonly StateType[] = ['StateFollower', 'StateCandidate', 'StateLeader', 'StatePreCandidate'];

/** Brings a member into this role the way members get there; a follower follows `lead`. */
function enter(r: Raft, state: StateType, lead = NONE): void {
  switch (state) {
    case 'StateFollower':
      r.becomeFollower(r.term, lead);
      break;
    case 'StatePreCandidate':
      r.becomePreCandidate();
      break;
    case 'StateCandidate':
      r.becomeCandidate();
      break;
    case 'StateLeader':
      makeLeader(r);
  }
}

/** A member that is in this role in its first term or the one after, and a request for the term after that. */
function askedForHigherTerm(type: MessageType, state: StateType): { r: Raft; request: Message } {
  const r = newVoter(1n, [1n, 2n, 3n]);
  r.becomeFollower(1, NONE);
  enter(r, state, 3n);
  // What the role itself has sent is not the answer.
  readMessages(r);
  const term = r.term + 1;
  return { r, request: message({ type, from: 2n, to: 1n, term, logTerm: term, index: 42 }) };
}

describe('votes', () => {
  describe('RT-015 TestVoteFromAnyState: a vote of a higher term is granted in every role, and ends it', () => {
    for (const state of states) {
      it(state, () => {
        const { r, request } = askedForHigherTerm(MessageType.MsgVote, state);
        const { term } = request;
        expect(step(r, request).kind).to.equal('done');
        expect(expectOneMessage(r)).to.include({ type: MessageType.MsgVoteResp, to: 2n, term, reject: false });
        expect(r).to.include({ state: 'StateFollower', term, vote: 2n });
      });
    }
  });

  describe('RT-016 TestPreVoteFromAnyState: a pre-vote of a higher term is granted in every role, and changes none', () => {
    for (const state of states) {
      it(state, () => {
        const { r, request } = askedForHigherTerm(MessageType.MsgPreVote, state);
        const { term, vote } = r;
        expect(step(r, request).kind).to.equal('done');
        expect(expectOneMessage(r)).to.include({
          type: MessageType.MsgPreVoteResp,
          to: 2n,
          term: term + 1,
          reject: false,
        });
        expect(r).to.include({ state, term, vote });
        expect(vote).to.equal(state === 'StateCandidate' || state === 'StateLeader' ? 1n : NONE);
      });
    }
  });

  it('RT-031 TestPastElectionTimeout: the timeout is spread evenly over [electionTick, 2 electionTick - 1]', () => {
    const draws = 10_000;
    // The shares of 0 and 1 are exact; the others are met to one decimal, ten standard deviations wide.
    const rows = [
      { elapsed: 5, share: 0, exact: true },
      { elapsed: 10, share: 0.1, exact: false },
      { elapsed: 13, share: 0.4, exact: false },
      { elapsed: 15, share: 0.6, exact: false },
      { elapsed: 18, share: 0.9, exact: false },
      { elapsed: 20, share: 1, exact: true },
    ];
    for (const { elapsed, share, exact } of rows) {
      const r = newVoter(1n, [1n]);
      r.electionElapsed = elapsed;
      let past = 0;
      for (let i = 0; i < draws; i++) {
        r.resetRandomizedElectionTimeout();
        if (r.pastElectionTimeout()) past++;
      }
      const got = past / draws;
      expect(exact ? got : Math.round(got * 10) / 10, `after ${elapsed} ticks`).to.equal(share);
    }
  });

  const f = 'StateFollower';
  const voteRows: [state: StateType, index: number, logTerm: number, vote: bigint, reject: boolean][] = [
    ...[0, 1, 2, 3].flatMap((index) =>
      [0, 1, 2, 3].map((logTerm): [StateType, number, number, bigint, boolean] => {
        // The member's log ends at 2/2: a later term, or that term and no smaller index, is as complete.
        const upToDate = [
          [false, false, false, true],
          [false, false, false, true],
          [false, false, true, true],
          [false, false, true, true],
        ][index]?.[logTerm];
        return [f, index, logTerm, NONE, !upToDate];
      }),
    ),
    [f, 3, 2, 2n, false],
    [f, 3, 2, 1n, true],
    ['StateLeader', 3, 3, 1n, true],
    ['StatePreCandidate', 3, 3, 1n, true],
    ['StateCandidate', 3, 3, 1n, true],
  ];

  function testVoteRules(request: MessageType, response: MessageType): void {
    for (const [state, index, logTerm, vote, reject] of voteRows) {
      const asked = `${state} that voted for ${vote}, asked with ${logTerm}/${index}`;
      it(`${asked}: ${reject ? 'refused' : 'granted'}`, () => {
        const storage = newTestMemoryStorage(withPeers(1n));
        storage.append([entry(2, 1), entry(2, 2)]);
        const r = newTestRaft(1n, storage);
        skipInvariants(r, 'a role that is set does not come with what leads there');
        r.state = state;
        r.vote = vote;
        r.term = Math.max(2, logTerm);
        const { term } = r;
        step(r, message({ type: request, from: 2n, to: 1n, term, index, logTerm }));
        expect(expectOneMessage(r)).to.include({ type: response, to: 2n, term, reject });
        const voted = !reject && request === MessageType.MsgVote ? 2n : vote;
        expect(r).to.include({ state, term, vote: voted });
      });
    }
  }

  describe('RT-038 TestRecvMsgVote: one vote a term, and only for logs that are as complete', () => {
    testVoteRules(MessageType.MsgVote, MessageType.MsgVoteResp);
  });

  it('a follower of a leader votes for nobody else in that term', () => {
    const r = newVoter(1n, [1n, 2n, 3n]);
    r.becomeFollower(1, 3n);
    step(r, message({ type: MessageType.MsgVote, from: 2n, to: 1n, term: 1, logTerm: 1, index: 42 }));
    expect(expectOneMessage(r)).to.include({ type: MessageType.MsgVoteResp, to: 2n, term: 1, reject: true });
    expect(r).to.include({ vote: NONE, lead: 3n });
  });

  describe('RT-039 TestRecvMsgPreVote: pre-votes follow the rules of votes, and are not remembered', () => {
    testVoteRules(MessageType.MsgPreVote, MessageType.MsgPreVoteResp);
  });
});

describe('roles', () => {
  describe('RT-040 TestStateTransition: which role can follow which, and what that does to term and leader', () => {
    const become: Record<StateType, (r: Raft, term: number) => void> = {
      StateFollower: (r, term) => r.becomeFollower(term, NONE),
      StatePreCandidate: (r) => r.becomePreCandidate(),
      StateCandidate: (r) => r.becomeCandidate(),
      StateLeader: (r) => r.becomeLeader(),
    };
    const rows: [from: StateType, to: StateType, term: number, lead: bigint][] = [
      ['StateFollower', 'StateFollower', 1, NONE],
      ['StateFollower', 'StatePreCandidate', 0, NONE],
      ['StateFollower', 'StateCandidate', 1, NONE],
      ['StatePreCandidate', 'StateFollower', 0, NONE],
      ['StatePreCandidate', 'StatePreCandidate', 0, NONE],
      ['StatePreCandidate', 'StateCandidate', 1, NONE],
      ['StatePreCandidate', 'StateLeader', 0, 1n],
      ['StateCandidate', 'StateFollower', 0, NONE],
      ['StateCandidate', 'StatePreCandidate', 0, NONE],
      ['StateCandidate', 'StateCandidate', 1, NONE],
      ['StateCandidate', 'StateLeader', 0, 1n],
      ['StateLeader', 'StateFollower', 1, NONE],
      ['StateLeader', 'StateLeader', 0, 1n],
    ];
    for (const [from, to, term, lead] of rows) {
      it(`${from} to ${to}: term ${term}, leader ${lead}`, () => {
        const r = newVoter(1n, [1n]);
        r.state = from;
        become[to](r, term);
        expect(r).to.include({ state: to, term, lead });
      });
    }
    const forbidden: [from: StateType, to: StateType, text: string][] = [
      ['StateFollower', 'StateLeader', 'invalid transition [follower -> leader]'],
      ['StateLeader', 'StatePreCandidate', 'invalid transition [leader -> pre-candidate]'],
      ['StateLeader', 'StateCandidate', 'invalid transition [leader -> candidate]'],
    ];
    for (const [from, to, text] of forbidden) {
      it(`${from} to ${to}: throws`, () => {
        const r = newVoter(1n, [1n]);
        r.state = from;
        expect(() => become[to](r, 0)).to.throw(RaftPanic, text);
      });
    }
  });

  describe('RT-041 TestAllServerStepdown: a higher term makes a follower of any role, a leader only an append', () => {
    for (const state of states) {
      it(state, () => {
        const r = newVoter(1n, [1n, 2n, 3n]);
        enter(r, state);
        // A leader has its empty entry.
        const entries = state === 'StateLeader' ? 1 : 0;
        const rows = [
          { type: MessageType.MsgVote, lead: NONE },
          { type: MessageType.MsgApp, lead: 2n },
        ];
        for (const { type, lead } of rows) {
          step(r, message({ type, from: 2n, to: 1n, term: 3, logTerm: 3 }));
          expect(r).to.include({ state: 'StateFollower', term: 3, lead });
          expect(r.raftLog.lastIndex()).to.equal(entries);
          expect(r.raftLog.allEntries()).to.have.lengthOf(entries);
        }
      });
    }
  });

  it('RT-032 TestStepIgnoreOldTermMsg: a message of an earlier term changes nothing', () => {
    const r = newVoter(1n, [1n]);
    r.becomeFollower(2, NONE);
    r.electionElapsed = 3;
    step(r, message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 1, entries: [entry(1, 1)], commit: 1 }));
    expect(r).to.include({ state: 'StateFollower', term: 2, lead: NONE, electionElapsed: 3 });
    expect(r.raftLog.lastIndex()).to.equal(0);
    expect(readMessages(r)).to.deep.equal([]);

    // The same of this term does.
    step(r, message({ type: MessageType.MsgApp, from: 2n, to: 1n, term: 2, entries: [entry(1, 1)], commit: 1 }));
    expect(r).to.include({ state: 'StateFollower', term: 2, lead: 2n, electionElapsed: 0 });
    expect(r.raftLog.committed).to.equal(1);
  });
});
