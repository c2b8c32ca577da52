import type { StateMachine } from '@raft-ts/replica';
import { Stream } from '../base/random.js';
import type { StackAction } from '../plan/stack-action.js';
import type { Medium } from './medium.js';
import type { StackMember } from './member.js';
import { Gone } from './process.js';
import type { StackWorld } from './world.js';

/** Does what an action says to the cluster. */
export function perform<Command, Result, Machine extends StateMachine<Command, Result>>(
  world: StackWorld<Command, Result, Machine>,
  action: StackAction,
): void {
  const { network } = world.wire;
  switch (action.kind) {
    case 'connect': {
      const slots = world.members.filter(({ isGone }) => !isGone).map(({ slot }) => slot);
      network.connect(action.shape, action.choice, slots);
      world.time.post(world.time.now + action.forMs, () => network.heal());
      return;
    }
    case 'heal':
      network.heal();
      return;
    case 'weather':
      network.weather = action.weather;
      return;
    case 'lose-kind':
      network.lostKind = action.type;
      world.time.post(world.time.now + action.forMs, () => {
        network.lostKind = -1;
      });
      return;
    case 'add':
      world.operator.add(action.via, action.learner);
      return;
    case 'remove':
      world.operator.remove(action.via, action.who);
      return;
    case 'replace':
      world.operator.replace(action.via, action.who);
      return;
    default: {
      const member = world.pick('via' in action ? action.via : action.who);
      if (member === undefined) return;
      if (action.kind === 'propose' || action.kind === 'read' || action.kind === 'transfer' || action.kind === 'lead')
        call(world, member, action);
      else harm(world, member, action);
    }
  }
}

type Call = Extract<StackAction, { kind: 'propose' | 'read' | 'transfer' | 'lead' }>;
type Harm = Extract<
  StackAction,
  {
    kind:
      | 'freeze'
      | 'clock'
      | 'disk'
      | 'unreachable'
      | 'crash'
      | 'full-disk'
      | 'failing-sync'
      | 'bit-rot'
      | 'misdirected-write';
  }
>;

function call<Command, Result, Machine extends StateMachine<Command, Result>>(
  world: StackWorld<Command, Result, Machine>,
  member: StackMember<Command, Result, Machine>,
  action: Call,
): void {
  switch (action.kind) {
    case 'propose':
      world.clients.propose(member, action.count, action.choice);
      return;
    case 'read':
      void world.clients.read(member, action.choice);
      return;
    case 'transfer': {
      const to = world.members[action.to % world.members.length];
      if (to !== undefined) void transfer(world, member, to.id);
      return;
    }
    case 'lead':
      void world.tasks.run(member, action.forMs);
  }
}

async function transfer<Command, Result, Machine extends StateMachine<Command, Result>>(
  world: StackWorld<Command, Result, Machine>,
  { process }: StackMember<Command, Result, Machine>,
  to: bigint,
): Promise<void> {
  const replica = process?.replica;
  if (process === undefined || replica === undefined || process.isFrozen) return;
  try {
    await process.guard(replica.transferLeadership(to, { timeoutMs: 3000 }));
  } catch (error) {
    if (!(error instanceof Gone) && (error as Error).name !== 'MembershipError')
      world.broke('no-failure', `A transfer ends in an error that is none of its own: ${String(error)}.`, error);
  }
}

function rot(medium: Medium, choice: number): void {
  const random = new Stream(choice);
  medium.rot((n) => random.int(n));
}

function harm<Command, Result, Machine extends StateMachine<Command, Result>>(
  { time, members, operator }: StackWorld<Command, Result, Machine>,
  member: StackMember<Command, Result, Machine>,
  action: Harm,
): void {
  const { process, medium } = member;
  switch (action.kind) {
    case 'crash':
      member.crash(action.loss);
      time.post(time.now + action.forMs, () => member.start());
      return;
    case 'freeze':
      process?.freeze();
      time.post(time.now + action.forMs, () => process?.thaw());
      return;
    case 'clock':
      member.rate = action.rate;
      process?.setRate(action.rate);
      return;
    case 'disk':
      member.writeMs = action.writeMs;
      member.applyMs = action.applyMs;
      return;
    case 'full-disk':
      member.restarts = action.restarts;
      medium.room = action.room;
      time.post(time.now + action.forMs, () => {
        medium.room = undefined;
      });
      return;
    case 'failing-sync':
      member.restarts = action.restarts;
      medium.failsNextSync = true;
      time.post(time.now + action.forMs, () => {
        medium.failsNextSync = false;
      });
      return;
    case 'bit-rot':
      if (operator.mayDamage(member.id)) rot(medium, action.choice);
      return;
    case 'misdirected-write':
      if (!operator.mayDamage(member.id)) return;
      medium.straysNextSync = true;
      time.post(time.now + action.forMs, () => {
        medium.straysNextSync = false;
      });
      return;
    case 'unreachable':
      process?.receiver?.reportUnreachable((members[action.about % members.length] as { readonly id: bigint }).id);
  }
}
