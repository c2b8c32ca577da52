import type { Progress, Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';

/** What a leader believes of each member. */
export function progressSane(member: Member, raft: Raft, members: readonly Member[]): void {
  const last = raft.raftLog.lastIndex();
  const { ordered } = raft.trk;
  for (let i = 0; i < ordered.length; i++) {
    const pr = ordered[i] as Progress;
    const { match, state, inflights } = pr;
    if (state !== 'StateSnapshot' && match >= pr.next) fail(member, pr, `match ${match} is not before next ${pr.next}`);
    if (match > last) fail(member, pr, `match ${match} is after the leader's last index ${last}`);
    if (pr.next > last + 1) fail(member, pr, `next ${pr.next} is after the end of the leader's log, ${last}`);
    if (inflights.count > inflights.size) fail(member, pr, `${inflights.count} appends are in flight`);
    if (inflights.totalBytes < 0) fail(member, pr, `${inflights.totalBytes} bytes are in flight`);
    if (state !== 'StateReplicate' && inflights.count > 0) fail(member, pr, `appends are in flight in ${state}`);
    if ((state === 'StateSnapshot') !== pr.pendingSnapshot > 0) {
      fail(member, pr, `a snapshot of index ${pr.pendingSnapshot} is pending in ${state}`);
    }
    if (match > 0 && pr.id !== member.id) matchStored(member, pr, raft.term, members);
  }
}

/** The member has on stable storage what the leader believes it to have, unless it has entered a later term since. */
function matchStored(leader: Member, pr: Progress, term: number, members: readonly Member[]): void {
  const member = members[Number(pr.id) - 1];
  if (member === undefined || member.durableTerm > term) return;
  const { lastIndex } = member.disk.durable;
  if (pr.match > lastIndex) fail(leader, pr, `match ${pr.match} is after the end of what it has stored, ${lastIndex}`);
}

function fail({ id, leadsTerm }: Member, pr: Progress, what: string): never {
  throw new Violation('progress-sane', `Member ${id} leads in term ${leadsTerm}; of member ${pr.id}: ${what}.`);
}
