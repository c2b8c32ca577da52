import { MessageType } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { message, newVoter, step } from '../../helpers/index.js';

const voters = [1n, 2n, 3n];

describe('the Raft paper, section 5.1: terms', () => {
  // 5.1: "If one server's current term is smaller than the other's, then it updates its current term to the larger
  // value. If a candidate or leader discovers that its term is out of date, it immediately reverts to follower state."
  function expectTermTaken(r: Raft): void {
    step(r, message({ type: MessageType.MsgApp, term: 2 }));
    expect(r.term).to.equal(2);
    expect(r.state).to.equal('StateFollower');
  }

  it('RP-001 TestFollowerUpdateTermFromMessage: a follower takes over a higher term from any message', () => {
    const r = newVoter(1n, voters);
    r.becomeFollower(1, 2n);
    expectTermTaken(r);
  });

  it('RP-002 TestCandidateUpdateTermFromMessage: a candidate that hears of a higher term becomes a follower of it', () => {
    const r = newVoter(1n, voters);
    r.becomeCandidate();
    expect(r.term).to.equal(1);
    expectTermTaken(r);
  });

  it('RP-003 TestLeaderUpdateTermFromMessage: a leader that hears of a higher term becomes a follower of it', () => {
    const r = newVoter(1n, voters);
    r.becomeCandidate();
    r.becomeLeader();
    expect(r.term).to.equal(1);
    expectTermTaken(r);
  });

  it('RP-004 TestRejectStaleTermMessage: a request of an earlier term is not processed', () => {
    // 5.1: "If a server receives a request with a stale term number, it rejects the request." Here it says nothing.
    const r = newVoter(1n, voters);
    let processed = 0;
    (r as unknown as { stepRole: () => unknown }).stepRole = () => {
      processed++;
      return { kind: 'done' };
    };
    r.loadState({ term: 2, vote: 0n, commit: 0 });
    step(r, message({ type: MessageType.MsgApp, term: 1 }));
    expect(processed).to.equal(0);
    expect(r.term).to.equal(2);
    expect(r.msgs).to.deep.equal([]);
    // The recorder does see what is not stale.
    step(r, message({ type: MessageType.MsgApp, term: 2 }));
    expect(processed).to.equal(1);
  });
});
