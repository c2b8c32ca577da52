import { type Message, MessageType, type NodeId } from '@raft-ts/raft';
import { MAX_TERM_RISE, Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  idsBySize,
  message,
  Network,
  newTestConfig,
  newTestMemoryStorage,
  newVoter,
  type Overrides,
  readMessages,
  withPeers,
} from '../../helpers/index.js';
import { RecordingLogger } from '../node/harness.js';

const three = idsBySize(3);
const HIGHEST = 2 ** 53 - 2 ** 32;

function from(sender: NodeId, type: MessageType, fields: Partial<Message> = {}): Message {
  return message({ type, from: sender, to: 1n, ...fields });
}

function withLog(overrides: Overrides = {}): { r: Raft; logger: RecordingLogger } {
  const logger = new RecordingLogger();
  return { r: newVoter(1n, three, { ...overrides, logger }), logger };
}

const raising = [
  MessageType.MsgApp,
  MessageType.MsgHeartbeat,
  MessageType.MsgSnap,
  MessageType.MsgVote,
  MessageType.MsgAppResp,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgVoteResp,
  MessageType.MsgTimeoutNow,
  MessageType.MsgReadIndex,
  MessageType.MsgProp,
];

describe('the term rises by 2^24 at most between two ticks', () => {
  for (const type of raising) {
    it(`by one message of kind ${type}: it goes to the bound, forgets its vote, and drops the message`, () => {
      const { r, logger } = withLog();
      r.becomeFollower(5, 2n);
      r.tick();
      r.vote = 3n;
      r.step(from(2n, type, { term: HIGHEST, index: 9, logTerm: HIGHEST, commit: 0 }));
      expect(r).to.include({ term: 5 + MAX_TERM_RISE, vote: 0n, lead: 0n, state: 'StateFollower', termJumps: 1 });
      expect(r.msgs).to.deep.equal([]);
      expect(r.msgsAfterAppend).to.deep.equal([]);
      expect(r.raftLog.lastIndex()).to.equal(0);
      const warnings = logger.lines.filter((line) => line.startsWith('warn'));
      expect(warnings).to.have.lengthOf(1);
      expect(warnings[0]).to.match(/message from 2 whose term 9007194959773\d+ is more than 16777216 above/);
    });
  }

  it('by a million of them: not any further, nor is the election timer set back, nor a line said for each', () => {
    const { r, logger } = withLog();
    r.tick();
    for (let i = 0; i < 3; i++) r.tick();
    r.step(from(2n, MessageType.MsgHeartbeat, { term: HIGHEST }));
    for (let i = 0; i < 3; i++) r.electionElapsed++;
    for (let i = 0; i < 1_000_000; i++) r.step(from(2n, MessageType.MsgHeartbeat, { term: HIGHEST - (i % 7) }));
    expect(r).to.include({ term: MAX_TERM_RISE, electionElapsed: 3, termJumps: 1_000_001 });
    expect(logger.lines.filter((line) => line.startsWith('warn'))).to.have.lengthOf(1);
    expect(logger.lines).to.have.length.below(10);
    // The cluster elects as it did before.
    for (let i = 0; i < 20 && r.state === 'StateFollower'; i++) r.tick();
    expect(r).to.include({ term: MAX_TERM_RISE + 1, state: 'StateCandidate' });
    r.step(from(2n, MessageType.MsgVoteResp, { term: r.term }));
    r.step(from(1n, MessageType.MsgVoteResp, { term: r.term }));
    expect(r.state).to.equal('StateLeader');
  });

  it('by many steps between two ticks no further than by one', () => {
    const { r } = withLog();
    for (let term = 1; term < 4 * MAX_TERM_RISE; term += MAX_TERM_RISE / 4) {
      r.step(from(2n, MessageType.MsgHeartbeat, { term }));
    }
    expect(r.term).to.equal(MAX_TERM_RISE);
    r.tick();
    r.step(from(2n, MessageType.MsgHeartbeat, { term: 2 * MAX_TERM_RISE }));
    expect(r).to.include({ term: 2 * MAX_TERM_RISE, lead: 2n });
    r.step(from(2n, MessageType.MsgHeartbeat, { term: 2 * MAX_TERM_RISE + 1 }));
    expect(r.term).to.equal(2 * MAX_TERM_RISE);
  });

  it('what may not raise the term does not: votes while a leader is heard, pre-votes and their consents', () => {
    const { r } = withLog({ checkQuorum: true, preVote: true });
    r.becomeFollower(5, 2n);
    r.tick();
    r.step(from(3n, MessageType.MsgVote, { term: HIGHEST }));
    r.step(from(3n, MessageType.MsgPreVote, { term: HIGHEST }));
    expect(r).to.include({ term: 5, lead: 2n, termJumps: 0 });
    r.becomePreCandidate();
    r.step(from(3n, MessageType.MsgPreVoteResp, { term: HIGHEST }));
    expect(r).to.include({ termJumps: 0 });
    expect(r.term).to.be.at.most(6);
  });

  it('a refused pre-vote of such a term raises it to the bound', () => {
    const { r } = withLog({ preVote: true });
    r.becomePreCandidate();
    r.step(from(3n, MessageType.MsgPreVoteResp, { term: HIGHEST, reject: true }));
    expect(r).to.include({ term: MAX_TERM_RISE, state: 'StateFollower' });
  });

  for (const [name, term] of [
    ['a member that joins, of term 0', 0],
    ['a member that returns, of term 7', 7],
  ] as const) {
    it(`${name}, reaches a cluster that was driven up as fast as that was, and then follows it`, () => {
      const cluster = 50 * MAX_TERM_RISE + 12_345;
      const storage = newTestMemoryStorage(withPeers(...three));
      if (term > 0) storage.setHardState({ term, vote: 0n, commit: 0 });
      const r = new Raft(newTestConfig(1n, storage));
      let ticks = 0;
      while (r.term < cluster && ticks < 100) {
        r.step(from(2n, MessageType.MsgHeartbeat, { term: cluster }));
        r.tick();
        ticks++;
      }
      expect(ticks).to.equal(51);
      r.step(from(2n, MessageType.MsgHeartbeat, { term: cluster }));
      expect(r).to.include({ term: cluster, lead: 2n });
    });
  }

  for (const [name, overrides] of [
    ['with neither', {}],
    ['with pre-votes', { preVote: true }],
    ['with the check of the quorum', { checkQuorum: true }],
    ['with both', { preVote: true, checkQuorum: true }],
  ] as const) {
    for (const victim of [1n, 2n]) {
      it(`members that were driven apart through member ${victim} for a minute come together in seconds: ${name}`, () => {
        const net = new Network(['fresh', 'fresh', 'fresh'], overrides);
        const tick = (): void => {
          for (const member of net.members) {
            member.tick();
            net.send(...readMessages(member));
          }
        };
        net.send(message({ type: MessageType.MsgHup, from: 1n, to: 1n }));
        expect(net.member(1n).state).to.equal('StateLeader');
        for (let i = 0; i < 600; i++) {
          net.send(message({ type: MessageType.MsgHeartbeatResp, from: 3n, to: victim, term: HIGHEST }));
          tick();
        }
        const isTogether = (): boolean => {
          const [one, ...others] = net.members;
          return one?.lead !== 0n && others.every(({ term, lead }) => term === one?.term && lead === one.lead);
        };
        let ticks = 0;
        for (; ticks < 100 && !isTogether(); ticks++) tick();
        expect(isTogether(), `after ${ticks} ticks`).to.equal(true);
        expect(net.member(victim).term).to.be.within(599 * MAX_TERM_RISE, 602 * MAX_TERM_RISE);
      });
    }
  }

  it('a member that hears a leader before the next tick leaves it alone', () => {
    const { r } = withLog();
    r.becomeFollower(5, 2n);
    r.tick();
    r.step(from(3n, MessageType.MsgHeartbeatResp, { term: HIGHEST }));
    r.step(from(2n, MessageType.MsgHeartbeat, { term: r.term }));
    r.tick();
    expect(r).to.include({ state: 'StateFollower', lead: 2n, term: 5 + MAX_TERM_RISE });
  });

  it('a request for a vote of a term that far below is answered, unlike others of an earlier term', () => {
    const { r } = withLog();
    r.becomeFollower(MAX_TERM_RISE + 2, 2n);
    r.step(from(3n, MessageType.MsgVote, { term: 2 }));
    expect(r.msgsAfterAppend).to.deep.equal([]);
    r.step(from(3n, MessageType.MsgVote, { term: 1 }));
    expect(r.msgsAfterAppend).to.have.lengthOf(1);
    expect(r.msgsAfterAppend[0]).to.include({ type: MessageType.MsgVoteResp, to: 3n, reject: true, term: r.term });
  });

  it('begins at the stored term after a restart', () => {
    const storage = newTestMemoryStorage(withPeers(...three));
    storage.setHardState({ term: 3 * MAX_TERM_RISE, vote: 3n, commit: 0 });
    const r = new Raft(newTestConfig(1n, storage));
    r.step(from(2n, MessageType.MsgHeartbeat, { term: 4 * MAX_TERM_RISE }));
    expect(r).to.include({ term: 4 * MAX_TERM_RISE, lead: 2n, termJumps: 0 });
  });
});
