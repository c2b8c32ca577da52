import { type ConfState, MessageType, RawNode } from '@raft-ts/raft';
import { assertInvariants, MAX_MEMBERS, MAX_WAITING_READS, MajorityConfig } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import {
  changeV2,
  confChangeEntry,
  message,
  newTestConfig,
  newTestMemoryStorage,
  proposed,
  snapshotOf,
} from '../../helpers/index.js';
import { memberOf } from './member-in-state.js';

// A rule whose cost grows with the square of the input takes minutes for what stands here: the time-out notices it.

function idsFrom(first: number, count: number): bigint[] {
  return Array.from({ length: count }, (_, i) => BigInt(first + i));
}

/** Memberships of as many ids as are allowed, in which member 1 votes. */
function largestMembership(joint: boolean): Partial<ConfState> {
  const quarter = MAX_MEMBERS / 4;
  const leaving = idsFrom(1 + 2 * quarter, quarter);
  return joint
    ? {
        voters: idsFrom(1, quarter),
        learners: idsFrom(1 + quarter, quarter),
        votersOutgoing: leaving,
        learnersNext: leaving,
        autoLeave: true,
      }
    : { voters: idsFrom(1, 2 * quarter), learners: idsFrom(1 + 2 * quarter, 2 * quarter) };
}

describe('messages that are large and well formed cost what they weigh', () => {
  for (const joint of [false, true]) {
    it(`a snapshot with the largest ${joint ? 'joint' : 'simple'} membership is taken, and refused with one id more`, () => {
      const { rawNode } = memberOf('follower');
      const largest = largestMembership(joint);
      const snap = (membership: Partial<ConfState>) =>
        message({ type: MessageType.MsgSnap, from: 2n, to: 1n, term: 3, snapshot: snapshotOf(9, 3, membership) });
      const learners = [...(largest.learners ?? []), BigInt(2 * MAX_MEMBERS)];
      expect(() => rawNode.step(snap({ ...largest, learners })))
        .to.throw()
        .with.property('reason', 'snapshot');
      rawNode.step(snap(largest));
      expect(rawNode.raft.trk.config.confState()).to.include({ autoLeave: joint });
      expect(rawNode.raft.trk.progress.size).to.equal(joint ? (3 * MAX_MEMBERS) / 4 : MAX_MEMBERS);
      assertInvariants(rawNode.raft);
    });
  }

  it('a leader of the largest membership counts its acknowledgements', () => {
    const storage = newTestMemoryStorage();
    storage.applySnapshot(snapshotOf(9, 3, { voters: idsFrom(1, MAX_MEMBERS) }));
    const rawNode = new RawNode(newTestConfig(1n, storage));
    const { raft } = rawNode;
    raft.becomeCandidate();
    raft.becomeLeader();
    const acknowledge = (from: number): void =>
      rawNode.step(message({ type: MessageType.MsgAppResp, from: BigInt(from), to: 1n, term: raft.term, index: 9 }));
    for (let id = 2; id <= 300; id++) acknowledge(id);
    expect(raft.raftLog.committed).to.equal(9);
    expect(raft.trk.committed()).to.equal(0);
  });

  it('a quorum of any size, whatever the order of its indexes', () => {
    const ids = idsFrom(0, 300_000);
    const descending = { ackedIndex: (id: bigint) => ids.length - Number(id) };
    expect(new MajorityConfig(ids).committedIndex(descending)).to.equal(ids.length / 2);
  });

  it('a membership change of more steps than there can be members is refused', () => {
    const { rawNode } = memberOf('leader');
    const change = changeV2('v4');
    const [step] = change.changes;
    const propose = (steps: number): void => {
      const changes = Array.from({ length: steps }, () => step as NonNullable<typeof step>);
      const entries = [confChangeEntry({ ...change, changes })];
      rawNode.step(message({ type: MessageType.MsgProp, from: 2n, to: 1n, entries }));
    };
    expect(() => propose(MAX_MEMBERS + 1))
      .to.throw()
      .with.property('reason', 'conf-change-data');
    propose(MAX_MEMBERS);
    expect(rawNode.raft.raftLog.lastIndex()).to.equal(5);
  });

  it('reads that no quorum confirms: those beyond the bound are dropped', () => {
    const { rawNode } = memberOf('leader');
    const { raft } = rawNode;
    const read = message({ type: MessageType.MsgReadIndex, from: 2n, to: 1n, entries: [proposed('read')] });
    const waiting = (): number => raft.readOnly.waiting + raft.pendingReadIndexMessages.length;
    for (let i = 0; i < MAX_WAITING_READS + 100; i++) rawNode.step({ ...read });
    expect(waiting()).to.equal(MAX_WAITING_READS);
    // The member's own reads are the application's business.
    rawNode.readIndex(Uint8Array.of(1));
    expect(waiting()).to.equal(MAX_WAITING_READS + 1);
  });
});
