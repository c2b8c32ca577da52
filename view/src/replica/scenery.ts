import { EntryType } from '@raft-ts/proto';
import { type Cell, type Dot, dotOf, type MemberPicture, type Scenery } from '../model/picture.js';
import { roleOf } from './chronicler.js';
import type { ReplicaMember, ReplicaRun } from './run.js';

/** What is to be drawn of a cluster of replicas. */
export function sceneryOf(run: ReplicaRun): Scenery {
  const { members, wire } = run.world;
  const shown = members.map((member) => pictureOf(run, member));
  return {
    members: shown,
    isOpen: (from, to) => wire.network.isOpen(from, to),
    cells: (member, from, to) => cellsOf(run, shown, member, from, to),
  };
}

function pictureOf(run: ReplicaRun, member: ReplicaMember): MemberPicture {
  const { slot, replica, process } = member;
  const status = replica?.status();
  const log = run.logOf(slot);
  const stored = log?.initialState().hardState;
  const votes = [...(status?.election.votes.values() ?? [])];
  const granted = votes.filter((isGranted) => isGranted).length;
  return {
    slot,
    role: roleOf(member),
    isFrozen: process?.isFrozen === true,
    isLearner: false,
    isOutside: false,
    term: status?.hardState.term ?? stored?.term ?? 0,
    vote: status?.hardState.vote ?? stored?.vote ?? 0n,
    lead: status?.softState.lead ?? 0n,
    granted,
    refused: votes.length - granted,
    voters: status?.config.confState().voters.length ?? 0,
    elapsed: status?.election.elapsed ?? 0,
    timeout: status?.election.timeout ?? 0,
    commit: status?.hardState.commit ?? stored?.commit ?? 0,
    applied: replica?.applied.index ?? 0,
    first: log?.firstIndex() ?? 1,
    last: log?.lastIndex() ?? 0,
  };
}

function cellsOf(
  run: ReplicaRun,
  all: readonly MemberPicture[],
  { slot, commit, applied, first, last }: MemberPicture,
  from: number,
  to: number,
): Cell[] {
  const log = run.logOf(slot);
  const [low, high] = [Math.max(first, from, 1), Math.min(last, to)];
  if (log === undefined || low > high) return [];
  // A member may know that more is committed than it has stored itself.
  const stored = (member: MemberPicture): number => Math.min(member.commit, member.last);
  const judge = all.reduce((best, member) => (stored(member) > stored(best) ? member : best));
  return log.entries(low, high + 1, Number.POSITIVE_INFINITY).map(({ index, term, type, data }) => {
    const isChange = (type ?? EntryType.EntryNormal) !== EntryType.EntryNormal;
    const isEmpty = data === undefined || data.length === 0;
    const isKnown = index >= judge.first && index <= stored(judge);
    const theirs = isKnown ? run.logOf(judge.slot)?.term(index) : term;
    return {
      slot,
      index,
      term,
      kind: isChange ? 'change' : isEmpty ? 'empty' : 'write',
      text: isChange ? 'm' : isEmpty ? '' : 'w',
      isCommitted: index <= commit,
      isApplied: index <= applied,
      isConflicting: index > commit && theirs !== term,
    };
  });
}

/** The messages under way, at a moment that may lie between two events. */
export function dotsOf(run: ReplicaRun, now: number, most: number): Dot[] {
  return run.messages.slice(0, most).map((message) => dotOf(message, now));
}
