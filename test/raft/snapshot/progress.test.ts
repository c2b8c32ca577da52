import { MessageType, type NodeId } from '@raft-ts/raft';
import { type Progress, type Raft, restore } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  message,
  newVoter,
  progressOf,
  prop,
  readMessages,
  skipInvariants,
  snapshotOf,
  step,
} from '../../helpers/index.js';

/** Leader 1 of voters 1 and 2, whose log begins after a snapshot at 11; its empty entry stands at 12. */
function leaderAfterSnapshot(voters: readonly NodeId[]): { r: Raft; pr: Progress } {
  const r = newVoter(1n, voters);
  restore(r, snapshotOf(11, 11, { voters: [1n, 2n] }));
  skipInvariants(r, 'its term, 1, is lower than that of the snapshot that it was given');
  r.becomeCandidate();
  r.becomeLeader();
  expect(r.raftLog.lastIndex()).to.equal(12);
  return { r, pr: progressOf(r, 2n) };
}

/** The same, while a snapshot is on its way to a follower of which nothing else is known. */
function sendingSnapshot(): { r: Raft; pr: Progress } {
  const leader = leaderAfterSnapshot([1n, 2n]);
  leader.pr.next = 1;
  leader.pr.becomeSnapshot(11);
  return leader;
}

describe('snapshots for followers (section 7 of the paper)', () => {
  it('SN-001 TestSendingSnapshotSetPendingSnapshot: a follower that lacks what is compacted is sent the snapshot', () => {
    const { r, pr } = leaderAfterSnapshot([1n]);
    pr.next = r.raftLog.firstIndex();
    expect(pr.next).to.equal(12);
    step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: pr.next - 1, reject: true }));
    expect(pr.state).to.equal('StateSnapshot');
    expect(pr.pendingSnapshot).to.equal(11);
    const sent = readMessages(r).filter(({ type }) => type === MessageType.MsgSnap);
    expect(sent.map((m) => [m.to, m.snapshot?.metadata.index])).to.deep.equal([[2n, 11]]);
  });

  it('SN-002 TestPendingSnapshotPauseReplication: nothing is appended while a snapshot is on its way', () => {
    const { r, pr } = leaderAfterSnapshot([1n, 2n]);
    pr.becomeSnapshot(11);
    step(r, prop(1n, 'somedata'));
    expect(readMessages(r)).to.deep.equal([]);
  });

  it('SN-003 TestSnapshotFailure: after a failed snapshot the follower is probed from where it was', () => {
    const { r, pr } = sendingSnapshot();
    step(r, message({ type: MessageType.MsgSnapStatus, from: 2n, to: 1n, reject: true }));
    expect(pr.state).to.equal('StateProbe');
    expect(pr.pendingSnapshot).to.equal(0);
    expect(pr.next).to.equal(1);
    expect(pr.msgAppFlowPaused).to.equal(true);
  });

  it('SN-004 TestSnapshotSucceed: after a snapshot that arrived the follower is probed from just after it', () => {
    const { r, pr } = sendingSnapshot();
    step(r, message({ type: MessageType.MsgSnapStatus, from: 2n, to: 1n, reject: false }));
    expect(pr.state).to.equal('StateProbe');
    expect(pr.pendingSnapshot).to.equal(0);
    expect(pr.next).to.equal(12);
    expect(pr.msgAppFlowPaused).to.equal(true);
  });

  it('SN-005 TestSnapshotAbort: an acknowledgement at or beyond the snapshot ends the wait for it', () => {
    const { r, pr } = sendingSnapshot();
    step(r, message({ type: MessageType.MsgAppResp, from: 2n, to: 1n, index: 11 }));
    expect(pr.state).to.equal('StateReplicate');
    expect(pr.pendingSnapshot).to.equal(0);
    // The empty entry at 12 was sent ahead.
    expect(pr.next).to.equal(13);
    expect(pr.inflights.count).to.equal(1);
  });
});
