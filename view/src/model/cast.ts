import { messageName } from '@raft-ts/proto';
import type { Member, World } from '@raft-ts/sim/by-hand';
import { roleOf } from './chronicle.js';
import type { Client } from './client.js';
import type { Cast } from './origin.js';

/** What a scene may ask of the cluster now. */
export function castOf(
  of: { readonly world: World; readonly client: Client; readonly broken: { readonly rule: string } | undefined },
  memory: Map<string, number>,
  elapsed: number,
): Cast {
  const { world, client } = of;
  const log = (slot: number): NonNullable<Member['node']>['raft']['raftLog'] | undefined =>
    world.members[slot]?.node?.raft.raftLog;
  return {
    elapsed,
    memory,
    slots: world.members.filter(({ isGone }) => !isGone).map(({ slot }) => slot),
    leader: world.leader()?.slot ?? -1,
    role: (slot) => roleOf(world.members[slot] as Member),
    term: (slot) => world.members[slot]?.node?.raft.term ?? 0,
    last: (slot) => log(slot)?.lastIndex() ?? 0,
    commit: (slot) => log(slot)?.committed ?? 0,
    applied: (slot) => world.members[slot]?.applied ?? 0,
    first: (slot) => log(slot)?.firstIndex() ?? 0,
    termAt: (slot, index) => log(slot)?.termOrZero(index) ?? 0,
    isSettled: (slots) => isSettled(world, slots),
    isJoint: (slot) => world.members[slot]?.node?.raft.trk.config.voters.isJoint === true,
    answer: client.newest?.verdict ?? '',
    broken: of.broken?.rule,
    underWay: (name, from, to) => {
      const keys: number[] = [];
      world.queue.forEach((_, { message, value }, key) => {
        if (message === undefined || value !== from || message.to !== BigInt(to + 1)) return;
        if (messageName(message.type) === name) keys.push(key);
      });
      return keys.sort((a, b) => a - b);
    },
  };
}

function isSettled(world: World, slots: readonly number[]): boolean {
  const leader = world.leader();
  const last = leader?.node?.raft.raftLog.lastIndex();
  if (leader === undefined || last === undefined) return false;
  return slots.every((slot) => {
    const { node, applied } = world.members[slot] as Member;
    return node?.raft.lead === leader.id && node.raft.raftLog.lastIndex() === last && applied === last;
  });
}
