import { type Message, MessageType } from '@raft-ts/raft';
import type { Progress, Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { message, newVoter, progressOf, prop, readMessages, step } from '../../helpers/index.js';

const WINDOW = 256;

function propose(r: Raft): Message[] {
  step(r, prop(1n, 'somedata'));
  return readMessages(r);
}

function expectOneAppend(messages: readonly Message[]): Message {
  expect(messages.map(({ type }) => type)).to.deep.equal([MessageType.MsgApp]);
  return messages[0] as Message;
}

/** A leader with as many appends under way to follower 2 as it may have. */
function leaderWithFullWindow(): { r: Raft; pr: Progress } {
  const r = newVoter(1n, [1n, 2n], { electionTick: 5 });
  r.becomeCandidate();
  r.becomeLeader();
  const pr = progressOf(r, 2n);
  pr.becomeReplicate();
  for (let i = 0; i < WINDOW; i++) {
    expect(pr.isPaused()).to.equal(false);
    expectOneAppend(propose(r));
  }
  return { r, pr };
}

// Section 10.2.2 of the dissertation: a leader pipelines appends, and bounds how many are under way.
describe('flow control of appends', () => {
  it('FC-001 TestMsgAppFlowControlFull: with a full window nothing is sent', () => {
    const { r, pr } = leaderWithFullWindow();
    expect(pr.isPaused()).to.equal(true);
    for (let i = 0; i < 10; i++) expect(propose(r)).to.deep.equal([]);
  });

  it('FC-002 TestMsgAppFlowControlMoveForward: an acknowledgement moves the window, an older one does not', () => {
    const { r, pr } = leaderWithFullWindow();
    const acknowledge = (index: number): void => {
      step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index }));
    };
    // Index 1 is the empty entry, which was sent with the first proposal at 2.
    for (let k = 2; k < WINDOW; k++) {
      acknowledge(k);
      readMessages(r);
      const sent = expectOneAppend(propose(r));
      expect(sent.entries.map(({ index }) => index)).to.deep.equal([r.raftLog.lastIndex()]);
      expect(pr.isPaused()).to.equal(true);
      for (let i = 0; i < k; i++) {
        acknowledge(i);
        expect(pr.isPaused(), `after ${k}, acknowledged ${i} again`).to.equal(true);
      }
    }
  });

  it("FC-003 TestMsgAppFlowControlRecvHeartbeat: with a full window each heartbeat's answer lets one empty append pass", () => {
    const { r, pr } = leaderWithFullWindow();
    const answer = (): void => {
      step(r, message({ type: MessageType.MsgHeartbeatResp, from: 2n, to: 1n }));
    };
    for (let k = 1; k < 5; k++) {
      for (let i = 0; i < k; i++) {
        expect(pr.isPaused()).to.equal(true);
        answer();
        expect(expectOneAppend(readMessages(r)).entries).to.deep.equal([]);
      }
      for (let i = 0; i < 10; i++) {
        expect(pr.isPaused()).to.equal(true);
        expect(propose(r)).to.deep.equal([]);
      }
      answer();
      readMessages(r);
    }
  });
});
