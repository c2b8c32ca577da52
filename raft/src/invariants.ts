import { NONE } from '@raft-ts/proto';
import { checkInvariants } from './confchange/changer.js';
import { RaftPanic } from './errors.js';
import type { Raft } from './raft.js';
import type { Progress } from './tracker/progress.js';

function assert(holds: boolean, rule: string): void {
  if (!holds) throw new RaftPanic('invariant', `invariant broken: ${rule}`);
}

/**
 * Checks what must hold for a member between any two calls. Takes time in proportion to the unstable log: for tests and
 * simulation.
 * @throws RaftPanic naming the first broken rule
 */
export function assertInvariants(r: Raft): void {
  assertLog(r);
  assertRole(r);
  checkInvariants(r.trk);
  for (const pr of r.trk.ordered) assertProgress(r, pr);
}

function assertLog({ raftLog }: Raft): void {
  const { unstable } = raftLog;
  assert(raftLog.applied <= raftLog.applying, 'applied <= applying');
  assert(raftLog.applying <= raftLog.committed, 'applying <= committed');
  assert(raftLog.committed <= raftLog.lastIndex(), 'committed <= lastIndex');
  assert(raftLog.applyingEntsSize >= 0, 'applyingEntsSize >= 0');
  assert(unstable.offset <= unstable.offsetInProgress, 'unstable.offset <= offsetInProgress');
  assert(unstable.offsetInProgress <= unstable.offset + unstable.length, 'offsetInProgress within the unstable log');
  assert(unstable.snapshot !== undefined || !unstable.snapshotInProgress, 'no snapshot in progress without a snapshot');
  const before = raftLog.term(unstable.offset - 1);
  let term = typeof before === 'number' ? before : 0;
  let index = unstable.offset;
  for (const entry of unstable.entries) {
    assert(entry.index === index, 'unstable entries are contiguous');
    assert(entry.term >= term, 'terms do not decrease along the log');
    term = entry.term;
    index++;
  }
}

function assertRole(r: Raft): void {
  const own = r.trk.progress.get(r.id);
  assert(r.isLearner === (own?.isLearner ?? false), 'isLearner agrees with the configuration');
  assert(r.uncommittedSize >= 0, 'uncommittedSize >= 0');
  assert(r.randomizedElectionTimeout > 0, 'an election timeout was drawn');
  switch (r.state) {
    case 'StateLeader':
      assert(r.lead === r.id, 'a leader knows that it leads');
      assert(r.term > 0, 'a leader has a term');
      break;
    case 'StateCandidate':
      assert(r.vote === r.id, 'a candidate votes for itself');
      assert(r.lead === NONE, 'a candidate knows no leader');
      break;
    case 'StatePreCandidate':
      assert(r.lead === NONE, 'a pre-candidate knows no leader');
      break;
    case 'StateFollower':
      assert(r.leadTransferee === NONE, 'only a leader hands over leadership');
      break;
  }
}

function assertProgress(r: Raft, pr: Progress): void {
  const { inflights } = pr;
  // A member that joins with a longer log than the leader's acknowledges more than its snapshot covers.
  assert(pr.state === 'StateSnapshot' || pr.match < pr.next, 'match < next');
  assert(inflights.count <= inflights.size, 'no more in flight than allowed');
  assert(inflights.totalBytes >= 0, 'bytes in flight >= 0');
  assert(pr.state === 'StateReplicate' || inflights.count === 0, 'nothing is in flight outside StateReplicate');
  assert(pr.state === 'StateSnapshot' || pr.pendingSnapshot === 0, 'a pending snapshot in StateSnapshot only');
  if (r.state !== 'StateLeader') return;
  let last = 0;
  for (const { index } of inflights) {
    assert(index > last, 'indexes in flight increase');
    assert(index < pr.next, 'nothing is in flight that was not sent');
    last = index;
  }
}
