import type { NodeId } from '@raft-ts/proto';
import type { Progress, Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';

/**
 * What a leader believes of each member.
 * @param from whose message it has just handled: if neither its log nor its commit index has moved it has changed its
 * mind of nobody else, and a leader of many would spend more on this than on everything else
 */
export function progressSane(
  member: Member,
  raft: Raft,
  { members, from }: { readonly members: readonly Member[]; readonly from?: NodeId | undefined },
): void {
  const { raftLog, trk } = raft;
  const last = raftLog.lastIndex();
  const isOne = from !== undefined && last === member.led?.seenLast && raftLog.committed === member.seenCommit;
  if (isOne) {
    const pr = trk.progress.get(from);
    if (pr !== undefined) believes(member, raft, pr, members);
    return;
  }
  if (member.led !== undefined) member.led.seenLast = last;
  const { ordered } = trk;
  for (let i = 0; i < ordered.length; i++) believes(member, raft, ordered[i] as Progress, members);
}

function believes(member: Member, raft: Raft, pr: Progress, members: readonly Member[]): void {
  const last = raft.raftLog.lastIndex();
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
  const follower = members[Number(pr.id) - 1];
  if (follower !== undefined && follower !== member) matchStored(member, raft, follower);
}

/**
 * A leader believes a member to have something, or what that one has stored has changed: it has on stable storage what
 * the leader believes it to have, unless it has followed a leader of a later term since.
 */
export function matchStored(leader: Member, { term, trk }: Raft, { id, disk, durableTerm }: Member): void {
  const pr = trk.progress.get(id);
  if (pr === undefined || pr.match === 0) return;
  const { durable } = disk;
  if (pr.match <= durable.lastIndex || durableTerm > term || (durable.term(durable.lastIndex) ?? 0) > term) return;
  fail(leader, pr, `match ${pr.match} is after the end of what it has stored, ${durable.lastIndex}`);
}

function fail({ id, leadsTerm }: Member, pr: Progress, what: string): never {
  throw new Violation('progress-sane', `Member ${id} leads in term ${leadsTerm}; of member ${pr.id}: ${what}.`);
}
