import { MessageType } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  hup,
  makeLeader,
  message,
  newVoter,
  prop,
  step,
  stepOrSend,
  takeMessagesAfterAppend,
  three,
} from '../../helpers/index.js';

describe('a member’s own votes and acknowledgements that become stable late', () => {
  const heartbeat = (r: Raft, term: number) => message({ type: MessageType.MsgHeartbeat, from: 2n, to: r.id, term });

  function testLateSelfVote(preVote: boolean): void {
    const r = newVoter(1n, three, { electionTick: 5, preVote });
    step(r, hup(1n));
    const held = takeMessagesAfterAppend(r);
    expect(held).to.have.lengthOf(1);

    step(r, heartbeat(r, r.term));
    expect(r.state).to.equal('StateFollower');
    stepOrSend(r, held);
    expect(r.state).to.equal('StateFollower');
    expect(r.trk.tallyVotes().granted).to.equal(0);
  }

  it('RT-044 TestCandidateSelfVoteAfterLostElection: a self-vote after the election is lost counts nothing', () => {
    testLateSelfVote(false);
  });

  it('RT-045 TestCandidateSelfVoteAfterLostElectionPreVote: nor does one of a pre-election that is over', () => {
    testLateSelfVote(true);
  });

  it('RT-046 TestCandidateDeliversPreCandidateSelfVoteAfterBecomingCandidate: a pre-vote is no vote', () => {
    const r = newVoter(1n, three, { electionTick: 5, preVote: true });
    step(r, hup(1n));
    expect(r.state).to.equal('StatePreCandidate');
    const ownPreVote = takeMessagesAfterAppend(r);

    // Nor is a vote a pre-vote.
    for (const from of [2n, 3n]) step(r, message({ type: MessageType.MsgVoteResp, from, to: 1n, term: r.term }));
    expect(r.state).to.equal('StatePreCandidate');

    for (const from of [2n, 3n]) {
      step(r, message({ type: MessageType.MsgPreVoteResp, from, to: 1n, term: r.term + 1 }));
    }
    expect(r.state).to.equal('StateCandidate');
    const ownVote = takeMessagesAfterAppend(r);

    stepOrSend(r, ownPreVote);
    expect(r.state).to.equal('StateCandidate');
    expect(r.trk.tallyVotes().granted).to.equal(0);

    step(r, message({ type: MessageType.MsgVoteResp, from: 2n, to: 1n, term: r.term }));
    expect(r.state).to.equal('StateCandidate');
    stepOrSend(r, ownVote);
    expect(r.state).to.equal('StateLeader');
  });

  it('RT-047 TestLeaderMsgAppSelfAckAfterTermChange: an acknowledgement of an earlier term is ignored', () => {
    const r = newVoter(1n, three, { electionTick: 5 });
    makeLeader(r);
    step(r, prop(1n, 'somedata'));
    const held = takeMessagesAfterAppend(r);
    expect(held.length).to.be.greaterThan(0);

    step(r, heartbeat(r, r.term + 1));
    expect(r.state).to.equal('StateFollower');
    stepOrSend(r, held);
    expect(r.state).to.equal('StateFollower');
    expect(r.raftLog.committed).to.equal(0);
  });
});
