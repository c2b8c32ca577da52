import { type Message, MessageType, NONE } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  confChangeEntry,
  hup,
  message,
  newTestMemoryStorage,
  newTestRaft,
  newVoter,
  readMessages,
  removeNode,
  setRandomizedElectionTimeout,
  step,
  three,
  tick,
  typesOf,
  withPeers,
} from '../../helpers/index.js';

/** A follower of three that draws the shortest timeout, 10 ticks, whenever it draws one. */
function follower(): Raft {
  return newVoter(1n, three, { random: () => 0 });
}

function voteRequest(term: number): Message {
  return message({ type: MessageType.MsgVote, from: 2n, to: 1n, term });
}

describe('the election timer', () => {
  it('starts anew for a vote in the present term: who has helped a candidate does not compete with it', () => {
    const r = follower();
    r.becomeFollower(1, NONE);
    tick(r, 9);
    step(r, voteRequest(1));
    expect(r.vote).to.equal(2n);
    tick(r, 9);
    expect(r.state).to.equal('StateFollower');
    tick(r);
    expect(r.state).to.equal('StateCandidate');
  });

  it('starts anew for a term that is learned from a candidate who does not get the vote', () => {
    const storage = newTestMemoryStorage(withPeers(...three));
    storage.append([{ type: undefined, term: 1, index: 1, data: undefined }]);
    const r = newTestRaft(1n, storage, { random: () => 0 });
    r.becomeFollower(1, NONE);
    tick(r, 9);
    step(r, voteRequest(2));
    expect(r).to.include({ term: 2, vote: NONE });
    tick(r, 9);
    expect(r.state).to.equal('StateFollower');
  });

  it('lets a pre-candidate that nobody answers ask once a timeout, not once a tick', () => {
    const r = newVoter(1n, three, { preVote: true, random: () => 0 });
    tick(r, 10);
    expect(typesOf(readMessages(r))).to.deep.equal(['MsgPreVote', 'MsgPreVote']);
    tick(r, 9);
    expect(typesOf(readMessages(r))).to.deep.equal([]);
    tick(r);
    expect(typesOf(readMessages(r))).to.deep.equal(['MsgPreVote', 'MsgPreVote']);
  });

  it('runs on through a pre-vote, with the timeout that was drawn', () => {
    const r = newVoter(1n, three, { preVote: true });
    setRandomizedElectionTimeout(r, 17);
    tick(r, 5);
    step(r, hup(1n));
    expect(r).to.include({ state: 'StatePreCandidate', electionElapsed: 5, randomizedElectionTimeout: 17 });
  });
});

describe('a member with a membership change to apply', () => {
  for (const [form, cc] of [
    ['in the first form', removeNode(3n)],
    ['in the second form', { transition: 0, changes: [{ type: removeNode(3n).type, nodeId: 3n }], context: undefined }],
  ] as const) {
    it(`does not campaign before it has applied it: ${form}`, () => {
      const storage = newTestMemoryStorage(withPeers(...three));
      storage.append([{ ...confChangeEntry(cc), term: 1, index: 1 }]);
      storage.setHardState({ term: 1, vote: NONE, commit: 1 });
      const r = newTestRaft(1n, storage);
      step(r, hup(1n));
      expect(r.state).to.equal('StateFollower');
      r.raftLog.appliedTo(1, 0);
      step(r, hup(1n));
      expect(r.state).to.equal('StateCandidate');
    });
  }
});
