import { type Message, MessageType, type NodeId } from '@raft-ts/raft';
import type { Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  advanceMessagesAfterAppend,
  hup,
  idsBySize,
  message,
  mustAppendEntry,
  newVoter,
  proposed,
  readMessages,
  sortMessages,
  step,
  takeMessagesAfterAppend,
  tick,
} from '../../helpers/index.js';

const voters = [1n, 2n, 3n];

describe('the Raft paper, section 5.2: leader election', () => {
  it('RP-005 TestStartAsFollower: a server begins as a follower', () => {
    // 5.2: "When servers start up, they begin as followers."
    expect(newVoter(1n, voters).state).to.equal('StateFollower');
  });

  it('RP-006 TestLeaderBcastBeat: a leader sends empty heartbeats to all followers at its interval', () => {
    // 5.2: "Leaders send periodic heartbeats (AppendEntries RPCs that carry no log entries) to all followers."
    const r = newVoter(1n, voters, { heartbeatTick: 1 });
    r.becomeCandidate();
    r.becomeLeader();
    for (let i = 0; i < 10; i++) mustAppendEntry(r, proposed(String(i)));
    tick(r);
    expect(sortMessages(readMessages(r))).to.deep.equal([
      message({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n, term: 1 }),
      message({ type: MessageType.MsgHeartbeat, from: 1n, to: 3n, term: 1 }),
    ]);
  });

  describe('an election timeout', () => {
    // 5.2: "To begin an election, a follower increments its current term and transitions to candidate state. It then
    // votes for itself and issues RequestVote RPCs in parallel to each of the other servers in the cluster."
    function expectElection(r: Raft): void {
      tick(r, 19);
      advanceMessagesAfterAppend(r);
      expect(r.term).to.equal(2);
      expect(r.state).to.equal('StateCandidate');
      expect(r.vote).to.equal(1n);
      expect(r.trk.votes.get(1n)).to.equal(true);
      expect(sortMessages(readMessages(r))).to.deep.equal([
        message({ type: MessageType.MsgVote, from: 1n, to: 2n, term: 2 }),
        message({ type: MessageType.MsgVote, from: 1n, to: 3n, term: 2 }),
      ]);
    }

    it('RP-007 TestFollowerStartElection: makes a follower a candidate that votes for itself and asks all others', () => {
      const r = newVoter(1n, voters);
      r.becomeFollower(1, 2n);
      expectElection(r);
    });

    it('RP-008 TestCandidateStartNewElection: makes a candidate without a majority begin a new election', () => {
      // 5.2: "each candidate will time out and start a new election by incrementing its term"
      const r = newVoter(1n, voters);
      r.becomeCandidate();
      expect(r.term).to.equal(1);
      expectElection(r);
    });
  });

  describe('RP-009 TestLeaderElectionInOneRoundRPC: one round of votes decides, or does not', () => {
    // 5.2: "A candidate wins an election if it receives votes from a majority of the servers in the full cluster for
    // the same term", and it goes on as a candidate while neither side has a majority.
    const cases: readonly [size: number, votes: string, role: Raft['state']][] = [
      [1, '', 'StateLeader'],
      [3, '2y 3y', 'StateLeader'],
      [3, '2y', 'StateLeader'],
      [5, '2y 3y 4y 5y', 'StateLeader'],
      [5, '2y 3y 4y', 'StateLeader'],
      [5, '2y 3y', 'StateLeader'],
      [3, '2n 3n', 'StateFollower'],
      [5, '2n 3n 4n 5n', 'StateFollower'],
      [5, '2y 3n 4n 5n', 'StateFollower'],
      [3, '', 'StateCandidate'],
      [5, '2y', 'StateCandidate'],
      [5, '2n 3n', 'StateCandidate'],
      [5, '', 'StateCandidate'],
    ];
    for (const [size, votes, role] of cases) {
      const answers = votes === '' ? [] : votes.split(' ');
      for (const [order, list] of [
        ['ascending', answers],
        ['descending', answers.toReversed()],
      ] as const) {
        it(`${size} servers, votes [${votes}] in ${order} order: ${role}`, () => {
          const r = newVoter(1n, idsBySize(size));
          step(r, hup(1n));
          advanceMessagesAfterAppend(r);
          for (const answer of list) {
            const from = BigInt(answer.slice(0, -1));
            const reject = answer.endsWith('n');
            step(r, message({ type: MessageType.MsgVoteResp, from, to: 1n, term: r.term, reject }));
          }
          expect(r.state).to.equal(role);
          expect(r.term).to.equal(1);
        });
      }
    }
  });

  describe('RP-010 TestFollowerVote: a server votes for one candidate a term, first come, first served', () => {
    // 5.2: "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis."
    const cases: readonly [vote: NodeId, candidate: NodeId, reject: boolean][] = [
      [0n, 2n, false],
      [0n, 3n, false],
      [2n, 2n, false],
      [3n, 3n, false],
      [2n, 3n, true],
      [3n, 2n, true],
    ];
    for (const [vote, candidate, reject] of cases) {
      it(`having voted for ${vote}, asked by ${candidate}: ${reject ? 'refused' : 'granted'}`, () => {
        const r = newVoter(1n, voters);
        r.loadState({ term: 1, vote, commit: 0 });
        step(r, message({ type: MessageType.MsgVote, from: candidate, to: 1n, term: 1 }));
        expect(takeMessagesAfterAppend(r)).to.deep.equal([
          message({ type: MessageType.MsgVoteResp, from: 1n, to: candidate, term: 1, reject }),
        ]);
        expect(r.vote).to.equal(reject ? vote : candidate);
      });
    }
  });

  describe('RP-011 TestCandidateFallback: a candidate that hears of a leader of its term, or a later one, follows it', () => {
    // 5.2: "If the leader's term (included in its RPC) is at least as large as the candidate's current term, then the
    // candidate recognizes the leader as legitimate and returns to follower state."
    for (const term of [1, 2]) {
      it(`term ${term}`, () => {
        const r = newVoter(1n, voters);
        step(r, hup(1n));
        expect(r.state).to.equal('StateCandidate');
        expect(r.term).to.equal(1);
        step(r, message({ type: MessageType.MsgApp, from: 2n, to: 1n, term }));
        expect(r.state).to.equal('StateFollower');
        expect(r.term).to.equal(term);
        expect(r.lead).to.equal(2n);
      });
    }
  });

  // 5.2: "Raft uses randomized election timeouts to ensure that split votes are rare and that they are resolved
  // quickly. [...] election timeouts are chosen randomly from a fixed interval"
  type Begin = (r: Raft, lead: NodeId) => void;
  const asFollower: Begin = (r, lead) => r.becomeFollower(r.term + 1, lead);
  const asCandidate: Begin = (r) => r.becomeCandidate();

  function expectAllTimeouts(begin: Begin): void {
    const r = newVoter(1n, voters);
    const seen = new Set<number>();
    for (let round = 0; round < 500; round++) {
      begin(r, 2n);
      let ticks = 0;
      for (let sent: readonly Message[] = []; sent.length === 0; sent = readMessages(r)) {
        r.tick();
        ticks++;
      }
      seen.add(ticks);
    }
    expect([...seen].sort((a, b) => a - b)).to.deep.equal([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  }

  it('RP-012 TestFollowerElectionTimeoutRandomized: each timeout from one to nearly two intervals occurs at a follower', () => {
    expectAllTimeouts(asFollower);
  });

  it('RP-013 TestCandidateElectionTimeoutRandomized: each timeout from one to nearly two intervals occurs at a candidate', () => {
    expectAllTimeouts(asCandidate);
  });

  function expectFewConflicts(begin: Begin): void {
    const servers = idsBySize(5).map((id) => newVoter(id, idsBySize(5)));
    let conflicts = 0;
    for (let round = 0; round < 1000; round++) {
      for (const r of servers) begin(r, 0n);
      let campaigning = 0;
      while (campaigning === 0) {
        for (const r of servers) {
          r.tick();
          if (readMessages(r).length > 0) campaigning++;
        }
      }
      if (campaigning > 1) conflicts++;
    }
    expect(conflicts / 1000).to.be.at.most(0.3);
  }

  it('RP-014 TestFollowersElectionTimeoutNonconflict: two followers seldom begin an election at the same time', () => {
    expectFewConflicts(asFollower);
  });

  it('RP-015 TestCandidatesElectionTimeoutNonconflict: two candidates seldom begin a new election at the same time', () => {
    expectFewConflicts(asCandidate);
  });
});
