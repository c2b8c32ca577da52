import { assertInvariants, type Raft } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { entry, makeLeader, mustAppendEntry, newVoter, progressOf, proposed, snapshotOf } from '../../helpers/index.js';

describe('assertInvariants', () => {
  /** A leader of three with entries 1 to 3, all unstable, two of them under way to member 2. */
  function leader(): Raft {
    const r = newVoter(1n, [1n, 2n, 3n]);
    makeLeader(r);
    mustAppendEntry(r, proposed('a'), proposed('b'));
    const pr = progressOf(r, 2n);
    pr.becomeReplicate();
    pr.next = 1;
    pr.sentEntries(1, 0);
    pr.sentEntries(1, 1);
    return r;
  }

  it('holds of a member that nobody has tampered with', () => {
    assertInvariants(leader());
    expect(progressOf(leader(), 2n).inflights.count).to.equal(2);
  });

  const broken: [string, (r: Raft) => void][] = [
    ['applied <= applying', ({ raftLog }) => (raftLog.applied = 1)],
    ['applying <= committed', ({ raftLog }) => (raftLog.applying = 1)],
    ['committed <= lastIndex', ({ raftLog }) => (raftLog.committed = 4)],
    ['applyingEntsSize >= 0', ({ raftLog }) => (raftLog.applyingEntsSize = -1)],
    ['terms do not decrease along the log', ({ raftLog }) => raftLog.unstable.truncateAndAppend([entry(0, 4)])],
    ['isLearner agrees with the configuration', (r) => (r.isLearner = true)],
    ['uncommittedSize >= 0', (r) => (r.uncommittedSize = -1)],
    ['an election timeout was drawn', (r) => (r.randomizedElectionTimeout = 0)],
    ['a leader knows that it leads', (r) => (r.lead = 2n)],
    ['a leader has a term', (r) => (r.term = 0)],
    ['a candidate votes for itself', (r) => Object.assign(r, { state: 'StateCandidate', vote: 2n })],
    ['a candidate knows no leader', (r) => (r.state = 'StateCandidate')],
    ['a pre-candidate knows no leader', (r) => (r.state = 'StatePreCandidate')],
    ['only a leader hands over leadership', (r) => Object.assign(r, { state: 'StateFollower', leadTransferee: 2n })],
    ['match < next', (r) => (progressOf(r, 3n).match = 9)],
    ['nothing is in flight outside StateReplicate', (r) => (progressOf(r, 2n).state = 'StateProbe')],
    ['a pending snapshot in StateSnapshot only', (r) => (progressOf(r, 3n).pendingSnapshot = 1)],
    ['indexes in flight increase', (r) => progressOf(r, 2n).inflights.add(1, 0)],
    ['nothing is in flight that was not sent', (r) => (progressOf(r, 2n).next = 2)],
  ];
  for (const [rule, tamper] of broken) {
    it(`sees that this is broken: ${rule}`, () => {
      const r = leader();
      tamper(r);
      expect(() => assertInvariants(r))
        .to.throw(`invariant broken: ${rule}`)
        .that.includes({ name: 'RaftPanic' });
    });
  }

  it('sees entries that do not follow each other', () => {
    const r = leader();
    (r.raftLog.unstable.entries[1] as { index: number }).index = 9;
    expect(() => assertInvariants(r)).to.throw('invariant broken: unstable entries are contiguous');
  });

  it('sees a snapshot that is written although there is none', () => {
    const r = newVoter(1n, [1n]);
    r.raftLog.unstable.restore(snapshotOf(3, 1, { voters: [1n] }));
    r.raftLog.unstable.acceptInProgress();
    r.raftLog.unstable.snapshot = undefined;
    r.raftLog.committed = 0;
    expect(() => assertInvariants(r)).to.throw('invariant broken: no snapshot in progress without a snapshot');
  });
});
