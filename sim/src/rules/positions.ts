import type { Raft } from '@raft-ts/raft/internal';
import { Violation } from '../base/violation.js';
import type { Member } from '../member/member.js';

/** The positions of a running member, against those at the last look. */
export function positionsOrdered(member: Member, { term, raftLog }: Raft): void {
  const { committed, applied } = raftLog;
  const { id, seenTerm, seenCommit, seenApplied } = member;
  if (term < seenTerm) fail(id, `its term fell from ${seenTerm} to ${term}`);
  if (committed < seenCommit) fail(id, `its commit index fell from ${seenCommit} to ${committed}`);
  if (applied < seenApplied) fail(id, `its applied index fell from ${seenApplied} to ${applied}`);
  if (applied > committed) fail(id, `it has applied ${applied}, but committed only ${committed}`);
  const last = raftLog.lastIndex();
  if (committed > last) fail(id, `it has committed ${committed}, but its log ends at ${last}`);
  member.seenTerm = term;
  member.seenCommit = committed;
  member.seenApplied = applied;
}

function fail(id: bigint, what: string): never {
  throw new Violation('positions-ordered', `Member ${id}: ${what}.`);
}
