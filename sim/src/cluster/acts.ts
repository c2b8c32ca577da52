import type { NodeId } from '@raft-ts/proto';
import type { AnyConfChange } from '@raft-ts/raft';
import { isV2 } from '@raft-ts/raft/internal';
import { numbered } from '../base/bytes.js';
import type { Member } from '../member/member.js';
import type { Action } from '../plan/action.js';
import { type Event, event } from './event.js';
import { MAX_SLOTS } from './network.js';
import { chooseChange, dispensable, replacement } from './operator.js';
import type { World } from './world.js';

const isRunning = (member: Member): boolean => member.isUp && !member.isFrozen;
const isUp = (member: Member): boolean => member.isUp;

/** How often whoever runs the cluster looks after a replacement. */
const LOOK_MS = 1000;

/** Does what an action says to the cluster. */
export function act(world: World, { kind, action, value }: Event): void {
  if (kind === 'operate') lookAfter(world, value);
  else if (action !== undefined) perform(world, action);
}

function perform(world: World, action: Action): void {
  switch (action.kind) {
    case 'propose':
    case 'read':
    case 'change':
    case 'transfer':
    case 'campaign':
    case 'forget-leader':
    case 'snapshot':
    case 'unreachable':
      call(world, action);
      return;
    case 'crash':
    case 'freeze':
    case 'clock':
    case 'disk':
    case 'replace':
      harm(world, action);
      return;
    case 'connect': {
      const slots = world.members.filter(({ isGone }) => !isGone).map(({ slot }) => slot);
      const first = action.around === 'leader' ? world.leader()?.slot : undefined;
      world.network.connect(action.shape, action.choice, slots, first);
      world.post(world.now + action.forMs, event('heal'));
      return;
    }
    case 'apart': {
      const { length } = world.members;
      const group = new Set<number>();
      for (let bit = 0; bit < 31; bit++) if ((action.group & (1 << bit)) !== 0) group.add(bit % length);
      const isApart = (from: number, to: number): boolean => group.has(from) !== group.has(to);
      world.network.connectWhere(length, (from, to) => !isApart(from, to) || (action.deaf === true && !group.has(to)));
      world.post(world.now + action.forMs, event('heal'));
      return;
    }
    case 'heal':
      world.network.heal();
      return;
    case 'weather':
      world.network.weather = action.weather;
      return;
    case 'lose-kind':
      world.network.lostKind = action.type;
      world.post(world.now + action.forMs, event('all-kinds'));
  }
}

type Harm = Extract<Action, { kind: 'crash' | 'freeze' | 'clock' | 'disk' | 'replace' }>;

function harm(world: World, action: Harm): void {
  if (action.kind === 'replace') {
    replace(world, action.choice);
    return;
  }
  const member = world.pick(action.who, isUp);
  if (member === undefined) return;
  switch (action.kind) {
    case 'crash':
      world.crash(member, action.kept);
      world.post(world.now + action.forMs, event('restart', member));
      return;
    case 'freeze':
      member.isFrozen = true;
      world.post(world.now + action.forMs, event('thaw', member));
      return;
    case 'clock':
      member.rate = action.rate;
      return;
    case 'disk':
      member.disk.writeMs = action.writeMs;
      member.disk.applyMs = action.applyMs;
      member.disk.answerMs = action.answerMs ?? 0;
  }
}

type Call = Exclude<Action, Harm | { kind: 'connect' | 'apart' | 'heal' | 'weather' | 'lose-kind' }>;

function call(world: World, action: Call): void {
  const member = world.pick('via' in action ? action.via : action.who, isRunning);
  if (member === undefined) return;
  switch (action.kind) {
    case 'propose':
      propose(world, member, action.count, action.size);
      return;
    case 'read':
      read(world, member);
      return;
    case 'change':
      change(world, member, action);
      return;
    case 'transfer':
      world.input(member, (node) => node.transferLeadership(idOf(world, action.to)));
      return;
    case 'campaign':
      world.input(member, (node) => node.campaign());
      return;
    case 'forget-leader':
      world.input(member, (node) => node.forgetLeader());
      return;
    case 'unreachable':
      world.input(member, (node) => node.reportUnreachable(idOf(world, action.about)));
      return;
    case 'snapshot':
      makeSnapshot(world, member, action.keep);
  }
}

function idOf({ members }: World, choice: number): NodeId {
  return (members[choice % members.length] as Member).id;
}

/** Proposes what a client asks of a member. */
export function propose(world: World, member: Member, count: number, size: number): void {
  const { history } = world.rules;
  const payloads = Array.from({ length: count }, () => numbered(++history.proposals, size));
  world.input(member, (node) => {
    if (count === 1) node.propose(payloads[0]);
    else node.proposeBatch(payloads);
  });
}

/** Asks a member for a read. Returns its number. */
export function read(world: World, member: Member): number {
  const { history } = world.rules;
  const number = ++history.readsAsked;
  history.reads.set(number, { slot: member.slot, life: member.life, bound: history.committed, asked: world.events });
  world.input(member, (node) => node.readIndex(numbered(number)));
  return number;
}

/** Makes a snapshot of what a member has applied, and drops its log but for the last `keep` entries. */
export function makeSnapshot(world: World, member: Member, keep: number): void {
  const { disk, applied, state, confState } = member;
  const { storage } = disk;
  const { index: newest } = storage.snapshot().metadata;
  // What is applied may be ahead of the log that this member reads, while a snapshot is being installed.
  if (applied <= newest || applied > storage.lastIndex() || applied < storage.firstIndex() - 1) return;
  // What is applied may also be ahead of the commit index that is written: a log refuses a snapshot from there.
  if (applied > (storage.initialState().hardState?.commit ?? 0)) return;
  const term = storage.term(applied);
  const made = { data: numbered(state), metadata: { confState, index: applied, term } };
  world.rules.snapshotMade(member, made);
  disk.keepSnapshot(made);
  // What raft has not heard of as applied yet it may still read.
  const upTo = Math.min(applied - keep, member.node?.raft.raftLog.applied ?? 0);
  const compacts = upTo >= storage.firstIndex();
  world.tracer?.madeSnapshot(member, compacts ? upTo : 0);
  if (!compacts) return;
  disk.compact(upTo);
  member.log.compact(upTo);
}

// Membership.

function change(world: World, member: Member, { shape, choice, whom }: Extract<Action, { kind: 'change' }>): void {
  const { raft } = member.node ?? {};
  if (raft?.state !== 'StateLeader') return;
  const cs = raft.trk.config.confState();
  const fresh = world.hasRoom ? world.freshId : 0n;
  const sight = { members: world.members, history: world.rules.history };
  const leaver = whom === 'leader' ? member.id : undefined;
  const wanted = chooseChange(sight, cs, { shape, choice, fresh, leaver });
  if (wanted !== undefined) proposeChange(world, member, wanted);
}

/** Proposes a change at a leader, after starting whoever joins. */
export function proposeChange(world: World, leader: Member, wanted: AnyConfChange): void {
  const ids = isV2(wanted) ? wanted.changes.map(({ nodeId }) => nodeId) : [wanted.nodeId];
  if (ids.includes(world.freshId)) world.start(world.addMember());
  world.input(leader, (node) => node.proposeConfChange(wanted));
}

function replace(world: World, choice: number): void {
  if (!world.hasRoom) return;
  const candidates = dispensable({ members: world.members, history: world.rules.history });
  const lost = candidates[choice % Math.max(1, candidates.length)];
  if (lost === undefined) return;
  lost.forgetLife();
  lost.isGone = true;
  const fresh = world.addMember();
  world.start(fresh);
  world.post(world.now + LOOK_MS, event('operate', undefined, lost.slot * MAX_SLOTS + fresh.slot));
}

/**
 * Proposes that one member takes the place of another one, until it has. @param slots the lost one's, and the new one's
 */
function lookAfter(world: World, slots: number): void {
  const lost = Math.floor(slots / MAX_SLOTS);
  const fresh = slots % MAX_SLOTS;
  const sight = { members: world.members, history: world.rules.history };
  const current = world.rules.history.configurations.at(-1)?.confState;
  const lostId = BigInt(lost + 1);
  if (current === undefined || (!current.voters.includes(lostId) && current.votersOutgoing.length === 0)) return;
  world.post(world.now + LOOK_MS, event('operate', undefined, slots));
  const leader = world.leader();
  const { raft } = leader?.node ?? {};
  if (leader === undefined || leader.isFrozen || raft === undefined) return;
  const wanted = replacement(sight, raft.trk.config.confState(), lostId, BigInt(fresh + 1));
  if (wanted !== undefined) proposeChange(world, leader, wanted);
}
