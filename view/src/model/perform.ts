import { type AnyConfChange, type ConfChangeSingle, ConfChangeTransition, ConfChangeType } from '@raft-ts/raft';
import { FAIR, leaveJoint, type Member, makeSnapshot, type World } from '@raft-ts/sim/by-hand';
import { type Act, slotsOf } from './act.js';
import type { Chronicle } from './chronicle.js';
import type { Client } from './client.js';
import { describeCut, isWhole } from './cut.js';

/** What acts reach. */
export interface Reach {
  readonly world: World;
  readonly client: Client;
  readonly chronicle: Chronicle;
}

/** Most members that the picture has room for. */
export const MOST_MEMBERS = 9;

/** Does to the cluster what the act says; nothing if that is not possible now. */
export function perform(reach: Reach, act: Act): void {
  const { world } = reach;
  const member = act.who === undefined ? undefined : world.members[act.who];
  switch (act.kind) {
    case 'crash':
    case 'start':
    case 'freeze':
    case 'thaw':
    case 'campaign':
    case 'snapshot':
      if (member !== undefined && !member.isGone) toMember(reach, member, act.kind);
      return;
    case 'cut':
    case 'open':
    case 'split':
    case 'isolate':
    case 'heal':
    case 'weather':
      toNetwork(reach, act);
      return;
    case 'lose':
      world.lose(act.value ?? 0);
      return;
    case 'delay':
      delay(reach, act);
      return;
    case 'write':
      reach.client.write(act.who ?? 0);
      return;
    case 'read':
    case 'lease-read':
      // Whether the core reads by lease is how it was built.
      reach.client.read(act.who ?? 0);
      return;
    case 'stale-read':
      reach.client.readStale(act.who ?? 0);
      return;
    case 'transfer':
    case 'change':
    case 'leave':
      toLeader(reach, act);
  }
}

/** Delays are counted from when the message would have arrived. */
function delay({ world, chronicle }: Reach, { value = 0, ms = 0 }: Act): void {
  world.queue.forEach((at, { message }, key) => {
    if (key !== value || message === undefined) return;
    chronicle.delayed(message);
    world.delay(key, at + ms);
  });
}

function toMember(
  { world }: Reach,
  member: Member,
  kind: 'crash' | 'start' | 'freeze' | 'thaw' | 'campaign' | 'snapshot',
): void {
  switch (kind) {
    case 'crash':
      if (member.isUp) world.crash(member, 0);
      break;
    case 'start':
      if (!member.isUp) world.start(member);
      break;
    case 'freeze':
      member.isFrozen = member.isUp;
      break;
    case 'thaw':
      member.isFrozen = false;
      break;
    case 'campaign':
      if (!member.isFrozen) world.input(member, (node) => node.campaign());
      break;
    case 'snapshot':
      if (member.isUp) makeSnapshot(world, member, 0);
  }
}

function toNetwork({ world, chronicle }: Reach, act: Act): void {
  const { network, members } = world;
  const { timeline } = chronicle;
  const [who, to] = [act.who ?? 0, act.to ?? 0];
  if (Math.max(who, to) >= members.length && act.kind !== 'weather') return;
  if (act.kind === 'heal') {
    network.heal();
    timeline.healed(world.now);
    return;
  }
  if (act.kind === 'weather') {
    const [minDelay, maxDelay] = [act.ms ?? 0, act.to ?? 0];
    network.weather = { ...FAIR, minDelay, maxDelay: Math.max(minDelay, maxDelay), loss: (act.value ?? 0) / 100 };
    return;
  }
  const side = act.kind === 'split' ? slotsOf(act.value ?? 0) : [who];
  if (act.kind === 'cut' || act.kind === 'open') {
    network.setOpen(who, to, act.kind === 'open');
  } else {
    for (const one of side) {
      for (const other of members) {
        if (side.includes(other.slot)) continue;
        network.setOpen(one, other.slot, false);
        network.setOpen(other.slot, one, false);
      }
    }
  }
  const slots = members.filter(({ isGone }) => !isGone).map(({ slot }) => slot);
  const isOpen = (from: number, other: number): boolean => network.isOpen(from, other);
  if (isWhole(slots, isOpen)) timeline.healed(world.now);
  else timeline.parted(world.now, describeCut(slots, isOpen));
}

function toLeader({ world, chronicle }: Reach, act: Act): void {
  const leader = world.leader();
  if (leader === undefined || leader.isFrozen) {
    chronicle.tell(world.now, 'There is no leader who could do that.', true);
    return;
  }
  if (act.kind === 'transfer') {
    world.input(leader, (node) => node.transferLeadership(BigInt((act.who ?? 0) + 1)));
    return;
  }
  const wanted = act.kind === 'leave' ? leaveJoint() : change(world, act);
  if (wanted !== undefined) world.input(leader, (node) => node.proposeConfChange(wanted));
}

/** The change that is asked for; whoever joins is started first, with an empty disk. */
function change(world: World, { who = -1, value = 0 }: Act): AnyConfChange | undefined {
  const changes: ConfChangeSingle[] = [];
  for (let i = 0; i < value && world.members.length < MOST_MEMBERS; i++) {
    const fresh = world.addMember();
    world.start(fresh);
    changes.push({ type: ConfChangeType.ConfChangeAddNode, nodeId: fresh.id });
  }
  if (who >= 0 && who < world.members.length) {
    changes.push({ type: ConfChangeType.ConfChangeRemoveNode, nodeId: BigInt(who + 1) });
  }
  if (changes.length === 0) return undefined;
  // More than one step goes through a joint configuration, which is left by hand: there is something to see.
  const transition =
    changes.length > 1
      ? ConfChangeTransition.ConfChangeTransitionJointExplicit
      : ConfChangeTransition.ConfChangeTransitionAuto;
  return { transition, changes, context: undefined };
}
