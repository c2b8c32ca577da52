import { MessageType } from '@raft-ts/proto';
import { confStateKey } from '../base/records.js';
import type { Event } from '../cluster/event.js';
import type { World } from '../cluster/world.js';
import type { Member } from '../member/member.js';
import type { Action, Shape } from '../plan/action.js';
import type { Coverage } from './coverage.js';
import type { MarkName } from './marks.js';
import { leaders } from './sight.js';

const shapes: Partial<Record<Shape, MarkName>> = {
  bridge: 'two groups are joined by one member',
  ring: 'the members stand in a ring',
  chain: 'the members stand in a chain',
  star: 'all hear one member alone',
  'one-way': 'one direction between two members is cut',
  random: 'each direction is cut or not by chance',
  isolated: 'one member is alone',
};

const kinds: ReadonlyMap<number, MarkName> = new Map([
  [MessageType.MsgVote, 'votes are lost as a kind'],
  [MessageType.MsgApp, 'appends are lost as a kind'],
  [MessageType.MsgSnap, 'snapshots are lost as a kind'],
]);

/** Marks of what is not a message: what is about to be done to the cluster, or ends. */
export function acts(c: Coverage, world: World, what: Event): void {
  const { member } = what;
  switch (what.kind) {
    case 'action':
      if (what.action !== undefined) action(c, world, what.action);
      return;
    case 'heal':
      c.hit('a cut is mended');
      return;
    case 'thaw':
      if (member?.node === undefined) return;
      if (member.node.raft.state !== 'StateLeader') c.hit('a follower that was frozen wakes');
      else c.when(leaders(world).length > 1, 'a leader that was frozen wakes after another was elected');
      return;
    case 'snapshot-status':
      if (what.isGood) c.hit('a snapshot is reported as arrived');
      else c.hit('a snapshot is reported as lost');
      c.when(member?.leadsTerm === 0, 'a snapshot is reported to a member that leads no more');
      return;
    case 'unreachable': {
      const pr = member?.node?.raft.trk.progress.get(BigInt(what.value + 1));
      c.when(
        (member?.leadsTerm ?? 0) > 0 && pr?.state === 'StateReplicate',
        'a follower falls back to probing, because it is reported unreachable',
      );
      c.when(member?.node?.raft.lead === BigInt(what.value + 1), 'a leader is reported unreachable by a follower');
      return;
    }
    case 'written': {
      const term = what.ready?.hardState?.term ?? member?.writing[0]?.term ?? 0;
      c.when(term > 0 && (member?.node?.raft.term ?? 0) > term, 'a write ends in a later term than it began in');
      return;
    }
    case 'operate':
      c.hit('a lost member is replaced by a new one');
      return;
    default:
  }
}

const isRunning = ({ isUp, isFrozen }: Member): boolean => isUp && !isFrozen;

function action(c: Coverage, world: World, act: Action): void {
  switch (act.kind) {
    case 'propose':
      proposes(c, world, world.pick(act.via, isRunning), act.count);
      return;
    case 'read':
      reads(c, world.pick(act.via, isRunning));
      return;
    case 'connect': {
      const name = shapes[act.shape];
      if (name !== undefined) c.hit(name);
      c.cutShape = act.shape;
      return;
    }
    case 'lose-kind': {
      const name = kinds.get(act.type);
      if (name !== undefined) c.hit(name);
      return;
    }
    case 'freeze':
      c.when((world.pick(act.who, ({ isUp }) => isUp)?.leadsTerm ?? 0) > 0, 'a leader is frozen');
      return;
    case 'campaign': {
      const raft = world.pick(act.who, isRunning)?.node?.raft;
      c.when(
        raft !== undefined && raft.lead !== 0n && raft.lead !== raft.id,
        'a member campaigns although its leader is heard from',
      );
      return;
    }
    case 'forget-leader': {
      const raft = world.pick(act.who, isRunning)?.node?.raft;
      c.when(raft?.state === 'StateFollower' && raft.lead !== 0n, 'a member forgets its leader');
      return;
    }
    case 'transfer':
      transfers(c, world, act);
      return;
    case 'change':
      changing(c, world);
      return;
    case 'snapshot':
      compacts(c, world.pick(act.who, isRunning), act.keep);
      return;
    default:
  }
}

function proposes(c: Coverage, { settings }: World, member: Member | undefined, count: number): void {
  const raft = member?.node?.raft;
  if (raft === undefined) return;
  if (raft.state === 'StateLeader') {
    if (raft.leadTransferee !== 0n) c.hit('a proposal is refused, because leadership is being handed over');
    else if (raft.uncommittedSize >= raft.maxUncommittedSize)
      c.hit('a proposal is refused, because too much is uncommitted');
    else c.hit('a proposal is taken by a leader');
    c.when(count > 1, 'a batch of proposals is taken');
  } else if (raft.lead === 0n) {
    c.hit('a proposal is refused, because no leader is known');
  } else if (settings.disableProposalForwarding) {
    c.hit('a proposal is refused, because it must not be forwarded');
  } else {
    c.hit('a proposal is forwarded');
  }
}

function reads(c: Coverage, member: Member | undefined): void {
  const raft = member?.node?.raft;
  if (raft === undefined) return;
  if (raft.state === 'StateLeader') c.hit('a read is asked for at a leader');
  else if (raft.lead === 0n) c.hit('a read is asked for where no leader is known');
  else c.hit('a read is asked for at a follower');
}

function transfers(c: Coverage, world: World, act: Extract<Action, { kind: 'transfer' }>): void {
  const raft = world.pick(act.via, isRunning)?.node?.raft;
  const target = world.members[act.to % world.members.length];
  const pr = target === undefined ? undefined : raft?.trk.progress.get(target.id);
  if (raft?.state !== 'StateLeader' || pr === undefined || pr.id === raft.id || pr.isLearner) return;
  if (pr.match === raft.raftLog.lastIndex()) c.hit('leadership is handed over to a member that is up to date');
  else c.hit('leadership is to be handed over to a member that lags');
}

function changing(c: Coverage, world: World): void {
  const leader = world.leader();
  const raft = leader?.node?.raft;
  if (raft === undefined) return;
  c.when(raft.pendingConfIndex > raft.raftLog.applied, 'a second change is refused while one is under way');
  const own = confStateKey(raft.trk.config.confState());
  c.when(
    world.members.some(
      ({ node }) =>
        node !== undefined && node.raft.lead === raft.id && confStateKey(node.raft.trk.config.confState()) !== own,
    ),
    'a member counts by an older configuration than its leader',
  );
}

function compacts(c: Coverage, member: Member | undefined, keep: number): void {
  const raft = member?.node?.raft;
  if (member === undefined || raft === undefined) return;
  c.when(keep === 0 && member.applied === raft.raftLog.lastIndex(), 'a log is compacted up to its end');
  const isNeeded = raft.trk.ordered.some((pr) => pr.id !== raft.id && pr.match < member.applied - keep);
  c.when(raft.state === 'StateLeader' && isNeeded, 'a log is compacted on a leader while somebody needs it');
}

/** Marks of a cut that was just made: where it leaves the leader. */
export function connected(c: Coverage, world: World, shape: Shape): void {
  const leader = world.leader();
  if (leader === undefined) return;
  const voters = world.rules.history.configurations.at(-1)?.confState.voters ?? [];
  const others = voters.filter((id) => id !== leader.id).map((id) => Number(id) - 1);
  const heard = others.filter((slot) => world.network.isOpen(slot, leader.slot)).length;
  const hearing = others.filter((slot) => world.network.isOpen(leader.slot, slot)).length;
  if (shape === 'split') {
    const isMinority = 2 * (heard + 1) <= voters.length;
    c.hit(
      isMinority
        ? 'the network is split with the leader in the minority'
        : 'the network is split with the leader in the majority',
    );
  }
  c.when(shape === 'deaf' && others.length > 0 && heard === 0, 'a leader is deaf');
  c.when(shape === 'mute' && others.length > 0 && hearing === 0, 'a leader is mute');
}
