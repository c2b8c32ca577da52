import { isLocalMessage } from '@raft-ts/proto';
import {
  type ConfState,
  type Entry,
  EntryType,
  emptyConfState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  type NodeId,
  type Snapshot,
} from '@raft-ts/raft';
import { marshalConfChange, type Raft, TRANSFER_CONTEXT } from '@raft-ts/raft/internal';
import { bytes, message } from '../../helpers/index.js';
import { addVoter, changeV2 } from '../rawnode/changes.js';
import { pick, type Random } from './world.js';

const HUGE: readonly number[] = [2 ** 32, 2 ** 53 - 2 ** 32, 2 ** 53 - 2 ** 32 + 1, 2 ** 53 - 1];
const MEMBERS: readonly NodeId[] = [1n, 2n, 3n, 4n, 5n];
const STRANGERS: readonly NodeId[] = [0n, 6n, 7n, 2n ** 63n, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD];

function near(random: Random, value: number): number {
  return Math.max(0, value + pick(random, [-2, -1, 0, 0, 0, 1, 2]));
}

function term(random: Random, r: Raft): number {
  switch (random(8)) {
    case 0:
      return 0;
    case 1:
      return random(40) === 0 ? pick(random, HUGE) : r.term + 1 + random(3);
    case 2:
      return near(random, r.term);
    default:
      return r.term;
  }
}

/** A position that means something to this member, or nearly. */
function index(random: Random, r: Raft): number {
  const { raftLog } = r;
  const pr = r.trk.ordered[random(Math.max(1, r.trk.ordered.length))];
  const known = [
    0,
    raftLog.committed,
    raftLog.applied,
    raftLog.lastIndex(),
    raftLog.lastIndex(),
    raftLog.firstIndex(),
    raftLog.unstable.offset,
    pr?.match ?? 0,
    (pr?.next ?? 1) - 1,
    pr?.pendingSnapshot ?? 0,
    random(30),
  ];
  return random(150) === 0 ? pick(random, HUGE) : near(random, pick(random, known));
}

function logTerm(random: Random, r: Raft, at: number): number {
  const own = r.raftLog.termOrZero(at);
  return random(40) === 0
    ? pick(random, HUGE)
    : pick(random, [own, own, own, near(random, own), near(random, r.term), 0]);
}

function data(random: Random): Uint8Array | undefined {
  switch (random(6)) {
    case 0:
      return undefined;
    case 1:
      return new Uint8Array(0);
    case 2:
      return Uint8Array.from({ length: random(12) }, () => random(256));
    case 3:
      return marshalConfChange(addVoter(pick(random, MEMBERS))).data;
    case 4:
      return marshalConfChange(changeV2(pick(random, ['', 'v2 l3', 'r1 r2', 'r1 r2 r3 r4 r5', 'u9']))).data;
    default:
      return bytes('payload');
  }
}

function entries(random: Random, r: Raft, after: number, afterTerm: number): Entry[] {
  const list: Entry[] = [];
  let at = after;
  let entryTerm = afterTerm;
  for (let i = pick(random, [0, 1, 1, 1, 2, 3, 5]); i > 0; i--) {
    at = random(25) === 0 ? index(random, r) : at + 1;
    entryTerm =
      random(25) === 0 ? near(random, r.term) : pick(random, [entryTerm, entryTerm, Math.max(entryTerm, r.term)]);
    const type = pick(random, [
      undefined,
      undefined,
      EntryType.EntryNormal,
      EntryType.EntryConfChange,
      EntryType.EntryConfChangeV2,
      7 as EntryType,
    ]);
    list.push({ type, term: entryTerm, index: at, data: data(random) });
  }
  return list;
}

function idList(random: Random): NodeId[] {
  return Array.from({ length: random(4) }, () => pick(random, random(10) === 0 ? STRANGERS : MEMBERS));
}

function confState(random: Random, r: Raft): ConfState {
  if (random(2) === 0) return r.trk.config.confState();
  if (random(2) === 0) return { ...emptyConfState(), voters: [...new Set([1n, 2n, r.id])] };
  return {
    voters: idList(random),
    learners: random(2) === 0 ? [] : idList(random),
    votersOutgoing: random(2) === 0 ? [] : idList(random),
    learnersNext: random(3) === 0 ? idList(random) : [],
    autoLeave: random(3) === 0,
  };
}

function snapshot(random: Random, r: Raft): Snapshot | undefined {
  if (random(6) === 0) return undefined;
  const at = random(3) === 0 ? r.raftLog.committed + 1 + random(5) : index(random, r);
  return { data: data(random), metadata: { confState: confState(random, r), index: at, term: logTerm(random, r, at) } };
}

function context(random: Random, r: Raft): Uint8Array | undefined {
  switch (random(6)) {
    case 0:
      return TRANSFER_CONTEXT;
    case 1:
      return Uint8Array.from({ length: random(12) }, () => random(256));
    case 2:
      return Uint8Array.of(near(random, r.readOnly.lastRead) % 256, 0, 0, 0, 0, 0, 0, 0);
    default:
      return undefined;
  }
}

const allTypes = Object.values(MessageType);
const remoteTypes = allTypes.filter((type) => !isLocalMessage(type));

/** Mostly one that other members may send. */
function pickType(random: Random): MessageType {
  if (random(50) === 0) return (24 + random(100)) as MessageType;
  return pick(random, random(8) === 0 ? allTypes : remoteTypes);
}

/** What a storage thread would answer, had it been asked. */
function storageAnswer(random: Random, r: Raft): Message {
  const at = index(random, r);
  const append = random(2) === 0;
  return message({
    type: append ? MessageType.MsgStorageAppendResp : MessageType.MsgStorageApplyResp,
    to: r.id,
    from: append ? LOCAL_APPEND_THREAD : LOCAL_APPLY_THREAD,
    term: append ? term(random, r) : 0,
    logTerm: r.raftLog.termOrZero(at),
    index: at,
    entries: append ? [] : entries(random, r, at, r.raftLog.termOrZero(at)),
    snapshot: append && random(4) === 0 ? snapshot(random, r) : undefined,
  });
}

/**
 * Anything that can stand in a message, made to look as if it concerned this member: most fields lie at or beside
 * values that mean something to it. Everything follows from the numbers that are drawn.
 */
export function hostileMessage(random: Random, r: Raft): Message {
  const at = index(random, r);
  const atTerm = logTerm(random, r, at);
  if (random(50) === 0) return storageAnswer(random, r);
  const type = pickType(random);
  return message({
    type,
    to: random(10) === 0 ? pick(random, STRANGERS) : r.id,
    from: random(8) === 0 ? pick(random, [...STRANGERS, r.id, r.id]) : pick(random, MEMBERS),
    term: term(random, r),
    logTerm: atTerm,
    index: at,
    entries: random(8) === 0 ? [] : entries(random, r, at, atTerm),
    commit: index(random, r),
    vote: pick(random, MEMBERS),
    snapshot: random(3) === 0 || type === MessageType.MsgSnap ? snapshot(random, r) : undefined,
    reject: random(3) === 0,
    rejectHint: index(random, r),
    context: context(random, r),
  });
}
