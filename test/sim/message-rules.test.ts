import { emptySnapshot, type Message, MessageType, newMessage } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { rules } from '@raft-ts/sim/internal';
import { entry } from '../helpers/index.js';
import { breaks, member, raft, sending, stored, voters, written } from './breaking.js';

const { MsgApp, MsgAppResp, MsgHeartbeat, MsgPreVote, MsgPreVoteResp, MsgSnap, MsgVote, MsgVoteResp } = MessageType;

/** What a follower in term 3 was like, which has voted for 2 and has committed 4 of its 6 entries. */
function before(fields: Partial<rules.Before> = {}): rules.Before {
  const usual = { term: 3, vote: 2n, lead: 2n, state: 'StateFollower', commit: 4, last: 6, lastTerm: 3, elapsed: 5 };
  return Object.assign(new rules.Before(), usual, fields);
}

/** What it is like now: the same, but for this. */
function after(fields: object = {}, log: object = {}): Raft {
  return raft({
    term: 3,
    vote: 2n,
    lead: 2n,
    state: 'StateFollower',
    electionElapsed: 5,
    msgsAfterAppend: [],
    raftLog: { committed: 4, lastIndex: () => 6, ...log },
    ...fields,
  });
}

function answer(type: MessageType, fields: Partial<Message> = {}): Message {
  return Object.assign(newMessage(type, 1n), { from: 2n, term: 3 }, fields);
}

const one = member(2n);

describe('the rules of the simulator, of a message that is handled', () => {
  it('stale-ignored: an earlier term that changes anything', () => {
    const m = sending(MsgHeartbeat, { term: 2 });
    rules.staleIgnored(one, after(), m, before());
    const wrong = [{ term: 2 }, { vote: 1n }, { lead: 1n }, { state: 'StateCandidate' }, { electionElapsed: 0 }];
    for (const fields of wrong) breaks('stale-ignored', () => rules.staleIgnored(one, after(fields), m, before()));
    breaks('stale-ignored', () => rules.staleIgnored(one, after({}, { committed: 5 }), m, before()));
    breaks('stale-ignored', () => rules.staleIgnored(one, after({}, { lastIndex: () => 7 }), m, before()));
    const leads = { lead: 2n, state: 'StateLeader' };
    const progress = (match: number): Raft =>
      after({ ...leads, trk: { progress: new Map([[1n, { match, next: 9 }]]) } });
    const acknowledged = sending(MsgAppResp, { term: 2, index: 8 });
    const known = before({ ...leads, match: 6, next: 9 });
    rules.staleIgnored(one, progress(6), acknowledged, known);
    breaks('stale-ignored', () => rules.staleIgnored(one, progress(8), acknowledged, known));
  });

  it('term-adopted: a later term that is not entered', () => {
    breaks('term-adopted', () => rules.termAdopted(one, after(), sending(MsgAppResp, { term: 4 }), before()));
    rules.termAdopted(one, after({ term: 4 }), sending(MsgAppResp, { term: 4 }), before());
    // Nobody has entered the term of a pre-vote yet; its refusal names one that the voter is in.
    rules.termAdopted(one, after(), sending(MsgPreVote, { term: 4 }), before());
    rules.termAdopted(one, after(), sending(MsgPreVoteResp, { term: 4 }), before());
    breaks('term-adopted', () =>
      rules.termAdopted(one, after(), sending(MsgPreVoteResp, { term: 4, reject: true }), before()),
    );
    rules.termAdopted(one, after(), sending(MsgVote, { term: 4 }), before({ hasLease: true }));
    breaks('term-adopted', () => rules.termAdopted(one, after(), sending(MsgVote, { term: 4 }), before()));
  });

  it('pre-vote-harmless: a pre-vote that changes the state or the timer', () => {
    const m = sending(MsgPreVote, { term: 4 });
    rules.preVoteHarmless(one, after(), m, before());
    breaks('pre-vote-harmless', () => rules.preVoteHarmless(one, after({ electionElapsed: 0 }), m, before()));
    breaks('pre-vote-harmless', () => rules.preVoteHarmless(one, after({ vote: 1n }), m, before()));
  });

  it('vote-owed: no vote for the first that may have it, or not again, or in another term', () => {
    const gives = (answers: readonly Message[], request: Message, was = before()): void =>
      rules.voteOwed(one, after({ msgsAfterAppend: answers }), request, was);
    const asks = sending(MsgVote, { term: 4, logTerm: 3, index: 6 });
    gives([answer(MsgVoteResp, { term: 4 })], asks);
    breaks('vote-owed', () => gives([], asks));
    breaks('vote-owed', () => gives([answer(MsgVoteResp, { term: 4, reject: true })], asks));
    breaks('vote-owed', () => gives([answer(MsgVoteResp)], asks));
    gives([], asks, before({ hasLease: true }));
    gives([], sending(MsgVote, { term: 4, logTerm: 3, index: 5 }));
    // Again, in the same term.
    gives([], sending(MsgVote, { term: 3, logTerm: 3, index: 6 }));
    breaks('vote-owed', () => gives([], sending(MsgVote, { term: 3, logTerm: 3, index: 6 }), before({ vote: 1n })));
  });

  it('vote-owed: a pre-vote in an earlier term that is not told the term', () => {
    const asks = sending(MsgPreVote, { term: 2, logTerm: 9, index: 9 });
    const tells = (...answers: Message[]): void =>
      rules.voteOwed(one, after({ msgsAfterAppend: answers }), asks, before());
    tells(answer(MsgPreVoteResp, { reject: true }));
    breaks('vote-owed', () => tells());
    breaks('vote-owed', () => tells(answer(MsgPreVoteResp, { reject: true, term: 2 })));
  });

  it('commit-told: more than the message of the leader says or covers', () => {
    const m = sending(MsgApp, {
      term: 3,
      index: 4,
      commit: 9,
      entries: [{ type: 0, term: 3, index: 5, data: undefined }],
    });
    rules.commitTold(one, after({}, { committed: 5 }), m, before());
    breaks('commit-told', () => rules.commitTold(one, after({}, { committed: 6 }), m, before()));
    breaks('commit-told', () =>
      rules.commitTold(one, after({}, { committed: 6 }), sending(MsgHeartbeat, { commit: 5 }), before()),
    );
    const { metadata, ...rest } = emptySnapshot();
    const snapshot = { ...rest, metadata: { ...metadata, index: 5 } };
    breaks('commit-told', () =>
      rules.commitTold(one, after({}, { committed: 6 }), sending(MsgSnap, { snapshot }), before()),
    );
  });

  it('append-accepted: an append that begins at the commit index or before, and is refused', () => {
    const handled = (index: number, ...answers: Message[]): void =>
      rules.appendAccepted(one, after({ msgsAfterAppend: answers }), sending(MsgApp, { term: 3, index }), before());
    handled(4, answer(MsgAppResp, { index: 4 }));
    handled(5, answer(MsgAppResp, { index: 5, reject: true }));
    breaks('append-accepted', () => handled(4, answer(MsgAppResp, { index: 4, reject: true })));
    breaks('append-accepted', () => handled(3));
  });

  it('snapshot-taken: a snapshot that is ahead, names its receiver, and is left', () => {
    const left = (confState = voters(1n, 2n), was = before()): void => {
      const snapshot = { data: undefined, metadata: { confState, index: 5, term: 3 } };
      rules.snapshotTaken(one, after(), sending(MsgSnap, { term: 3, snapshot }), was);
    };
    breaks('snapshot-taken', () => left());
    breaks('snapshot-taken', () => left({ ...voters(1n), votersOutgoing: [1n, 2n] }));
    left(voters(1n, 3n));
    left(voters(1n, 2n), before({ commit: 5 }));
    left(voters(1n, 2n), before({ areChangesInHand: true }));
  });

  it('stable-true: a log that is taken for stable beyond what is stored, or with another entry there', () => {
    const history = new rules.History();
    const entries = [entry(1, 1), entry(2, 2)];
    const one = written(history, stored(1n, 2, [entry(1, 1), entry(1, 2)]), entries);
    const upTo = (offset: number, snapshot?: object): void =>
      rules.stableTrue(one, raft({ raftLog: { unstable: { offset, snapshot } } }));
    upTo(2);
    breaks('stable-true', () => upTo(3));
    upTo(3, {});
    one.disk.save(undefined, [entry(2, 2)], undefined);
    breaks('stable-true', () => upTo(3));
    one.disk.sync(one.disk.end);
    upTo(3);
  });

  it('commit-passed-on: an acknowledgement that is new, and whose sender is not told what is committed', () => {
    const m = sending(MsgAppResp, { term: 3, index: 6 });
    const check = (fields: object): void => {
      const pr = {
        id: 1n,
        match: 6,
        next: 7,
        sentCommit: 4,
        state: 'StateReplicate',
        isPaused: () => false,
        ...fields,
      };
      rules.commitPassedOn(one, after({ trk: { progress: new Map([[1n, pr]]) } }), m, before({ match: 5 }));
    };
    check({});
    breaks('commit-passed-on', () => check({ sentCommit: 3 }));
    check({ sentCommit: 3, match: 5 });
    check({ sentCommit: 3, isPaused: () => true });
    check({ sentCommit: 3, state: 'StateProbe' });
  });
});
