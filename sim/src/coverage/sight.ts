import type { StateType } from '@raft-ts/raft';
import type { World } from '../cluster/world.js';
import type { Member } from '../member/member.js';

/** What a member was like at a moment, as far as the marks ask. */
export interface Sight {
  readonly role: StateType | 'down';
  readonly life: number;
  readonly term: number;
  readonly vote: bigint;
  readonly lead: bigint;
  readonly commit: number;
  readonly applied: number;
  readonly last: number;
  readonly lastTerm: number;
  /** Index of the first entry that is not known to be stable. */
  readonly offset: number;
  readonly hasSnapshot: boolean;
  readonly isJoint: boolean;
  readonly voters: number;
  readonly isVoter: boolean;
  readonly isLearner: boolean;
  readonly isMember: boolean;
  readonly transferee: bigint;
  /** Reads that wait for a quorum, and those that wait for the first commit of the term. */
  readonly reads: number;
  readonly earlyReads: number;
  readonly hasQuota: boolean;
}

const down: Sight = {
  role: 'down',
  life: 0,
  term: 0,
  vote: 0n,
  lead: 0n,
  commit: 0,
  applied: 0,
  last: 0,
  lastTerm: 0,
  offset: 0,
  hasSnapshot: false,
  isJoint: false,
  voters: 0,
  isVoter: false,
  isLearner: false,
  isMember: false,
  transferee: 0n,
  reads: 0,
  earlyReads: 0,
  hasQuota: true,
};

export function look(member: Member | undefined): Sight {
  const raft = member?.node?.raft;
  if (member === undefined || raft === undefined) return { ...down, life: member?.life ?? 0 };
  const { raftLog, trk, readOnly } = raft;
  const { voters } = trk.config;
  const { term, index } = raftLog.lastEntryId();
  return {
    role: raft.state,
    life: member.life,
    term: raft.term,
    vote: raft.vote,
    lead: raft.lead,
    commit: raftLog.committed,
    applied: raftLog.applied,
    last: index,
    lastTerm: term,
    offset: raftLog.unstable.offset,
    hasSnapshot: raftLog.unstable.snapshot !== undefined,
    isJoint: voters.isJoint,
    voters: voters.ids().length,
    isVoter: voters.has(member.id),
    isLearner: raft.isLearner,
    isMember: trk.progress.has(member.id),
    transferee: raft.leadTransferee,
    reads: readOnly.waiting,
    earlyReads: raft.pendingReadIndexMessages.length,
    hasQuota: raft.uncommittedSize < raft.maxUncommittedSize,
  };
}

/** The members that lead, as they believe themselves. */
export function leaders({ members }: World): Member[] {
  return members.filter(({ leadsTerm }) => leadsTerm > 0);
}
