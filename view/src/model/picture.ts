import type { Message, NodeId } from '@raft-ts/proto';
import { EntryType, messageName } from '@raft-ts/proto';
import { numberOf, type World } from '@raft-ts/sim/by-hand';
import { type Chronicle, roleOf } from './chronicle.js';
import { type Family, familyOf, isAnswer } from './names.js';
import type { Role } from './origin.js';

/** A member, as it is to be drawn. */
export interface MemberPicture {
  readonly slot: number;
  readonly role: Role;
  readonly isFrozen: boolean;
  readonly isLearner: boolean;
  /** Does the leader not count it among the members: not yet, or not any more? */
  readonly isOutside: boolean;
  readonly term: number;
  /** For whom it voted in this term; 0 for nobody. */
  readonly vote: NodeId;
  readonly lead: NodeId;
  /** Votes that a candidate was given and refused, and how many there could be. */
  readonly granted: number;
  readonly refused: number;
  readonly voters: number;
  /** Ticks since it heard of a leader, and the ticks at which it would campaign. */
  readonly elapsed: number;
  readonly timeout: number;
  readonly commit: number;
  readonly applied: number;
  readonly first: number;
  readonly last: number;
}

/** An entry of a log. */
export interface Cell {
  readonly slot: number;
  readonly index: number;
  readonly term: number;
  readonly kind: 'empty' | 'write' | 'change' | 'compacted';
  /** `w3` for a write. */
  readonly text: string;
  readonly isCommitted: boolean;
  readonly isApplied: boolean;
  /** Another entry was committed there, or stands there in the log of the leader. */
  readonly isConflicting: boolean;
}

/** What is to be drawn: a simulated cluster, or a real one. */
export interface Scenery {
  readonly members: readonly MemberPicture[];
  /** Is the direction from one slot to another open? */
  readonly isOpen: (from: number, to: number) => boolean;
  /** By how many milliseconds it is late, where links are slowed down one by one. */
  readonly delayOf?: (from: number, to: number) => number;
  /** The entries of a member from one index up to another, both included: those that it has or had. */
  readonly cells: (member: MemberPicture, from: number, to: number) => readonly Cell[];
}

export function sceneryOf(world: World): Scenery {
  return {
    members: world.members.map(({ slot }) => pictureOf(world, slot)),
    isOpen: (from, to) => world.network.isOpen(from, to),
    cells: (member, from, to) => cellsOf(world, member, from, to),
  };
}

/** A message under way. */
export interface Dot {
  /** By which it is found in the queue. */
  readonly key: number;
  readonly message: Message;
  readonly from: number;
  readonly to: number;
  readonly name: string;
  readonly family: Family;
  readonly isAnswer: boolean;
  readonly isRefusal: boolean;
  /** From 0 to 1. */
  readonly progress: number;
  readonly sentAt: number;
  readonly arrivesAt: number;
}

export function pictureOf(world: World, slot: number): MemberPicture {
  const member = world.members[slot];
  if (member === undefined) throw new Error(`there is no member ${slot}`);
  const { node, disk } = member;
  const role = roleOf(member);
  const raft = node?.raft;
  const hardState = disk.durable.hardState;
  const votes = raft === undefined ? [] : [...raft.trk.votes.values()];
  const granted = votes.filter((each) => each).length;
  return {
    slot,
    role,
    isFrozen: member.isFrozen,
    isLearner: raft?.isLearner === true,
    isOutside: isOutside(world, member.id),
    term: raft?.term ?? hardState?.term ?? 0,
    vote: raft?.vote ?? hardState?.vote ?? 0n,
    lead: raft?.lead ?? 0n,
    granted,
    refused: votes.length - granted,
    voters: raft?.trk.voterNodes().length ?? 0,
    elapsed: raft?.electionElapsed ?? 0,
    timeout: raft?.randomizedElectionTimeout ?? 0,
    commit: raft?.raftLog.committed ?? hardState?.commit ?? 0,
    applied: node === undefined ? 0 : member.applied,
    first: raft?.raftLog.firstIndex() ?? disk.storage.firstIndex(),
    last: raft?.raftLog.lastIndex() ?? disk.storage.lastIndex(),
  };
}

function isOutside(world: World, id: NodeId): boolean {
  const raft = world.leader()?.node?.raft;
  return raft !== undefined && raft.trk.ordered.every((progress) => progress.id !== id);
}

/** The entries of a member's log from one index up to another, both included: those that it has or had. */
export function cellsOf(
  world: World,
  { slot, commit, applied, first, last }: MemberPicture,
  from: number,
  to: number,
): Cell[] {
  const member = world.members[slot];
  if (member === undefined) return [];
  const cells: Cell[] = [];
  for (let index = Math.max(1, from); index < Math.min(first, to + 1); index++) {
    const term = world.rules.history.terms[index] ?? 0;
    cells.push({
      slot,
      index,
      term,
      kind: 'compacted',
      text: '',
      isCommitted: true,
      isApplied: true,
      isConflicting: false,
    });
  }
  const low = Math.max(first, from);
  const high = Math.min(last, to);
  if (low > high) return cells;
  const log = member.node?.raft.raftLog;
  const entries =
    log === undefined
      ? member.disk.storage.entries(low, high + 1, Number.POSITIVE_INFINITY)
      : log.slice(low, high + 1, Number.POSITIVE_INFINITY);
  if (typeof entries === 'string') return cells;
  for (const { index, term, type, data } of entries) {
    const isChange = (type ?? EntryType.EntryNormal) !== EntryType.EntryNormal;
    const number = isChange || data === undefined || data.length === 0 ? undefined : numberOf(data);
    cells.push({
      slot,
      index,
      term,
      kind: isChange ? 'change' : number === undefined ? 'empty' : 'write',
      text: isChange ? 'm' : number === undefined ? '' : `w${number}`,
      isCommitted: index <= commit,
      isApplied: index <= applied,
      isConflicting: index > commit && conflicts(world, index, term),
    });
  }
  return cells;
}

function conflicts(world: World, index: number, term: number): boolean {
  const committed = world.rules.history.terms[index];
  if (committed !== undefined) return committed !== term;
  const log = world.leader()?.node?.raft.raftLog;
  return log !== undefined && (index > log.lastIndex() || log.termOrZero(index) !== term);
}

/**
 * The messages under way, at a moment that may lie between two events.
 * @param most how many; of more, this is a sample
 * @param isDrawn was it drawn before? Those come first, so that no message vanishes on its way because of others
 */
export function dotsOf(
  world: World,
  chronicle: Chronicle,
  now: number,
  most: number,
  isDrawn: (message: Message) => boolean = () => false,
): { dots: Dot[]; left: number } {
  const dots: Dot[] = [];
  let left = 0;
  for (const wanted of [true, false]) {
    world.queue.forEach((at, { kind, message, value }, key) => {
      if (kind !== 'deliver' || message === undefined || isDrawn(message) !== wanted) return;
      if (dots.length >= most) {
        left++;
        return;
      }
      const sentAt = chronicle.sentWhen(message, world.now);
      const arrivesAt = chronicle.arrives(message, at);
      dots.push(dotOf({ message, from: value, sentAt, arrivesAt, key, endsAt: at }, now));
    });
  }
  return { dots, left };
}

/** A message on its way. */
export interface UnderWay {
  readonly message: Message;
  /** The slot of its sender. */
  readonly from: number;
  readonly sentAt: number;
  readonly arrivesAt: number;
  /** By which it is found in the queue. */
  readonly key?: number;
  /** When it is taken, if that is not when it arrives. */
  readonly endsAt?: number;
}

/** A message as it is drawn at a moment of its way. */
export function dotOf({ message, from, sentAt, arrivesAt, key = 0, endsAt = arrivesAt }: UnderWay, now: number): Dot {
  return {
    key,
    message,
    from,
    to: Number(message.to) - 1,
    name: messageName(message.type),
    family: familyOf(message),
    isAnswer: isAnswer(message),
    isRefusal: message.reject,
    progress: Math.min(1, Math.max(0, (now - sentAt) / Math.max(1, arrivesAt - sentAt))),
    sentAt,
    arrivesAt: endsAt,
  };
}
