import type { Act } from '../model/act.js';
import type { ReplicaRun } from './run.js';

/** What whoever reads along is shown next. */
export interface ReplicaChapter {
  readonly say: string;
  /** What is done when it begins. */
  readonly acts?: (run: ReplicaRun) => readonly Act[];
  /** Is it over? Asked after each event. */
  readonly until: (run: ReplicaRun, elapsed: number) => boolean;
}

export interface ReplicaScene {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly seed: number;
  readonly members: number;
  readonly chapters: readonly ReplicaChapter[];
  /** What is left to say. */
  readonly end: string;
}

const leader = ({ world }: ReplicaRun): number => world.leader()?.slot ?? 0;

/** The slot of a member that leads besides the old leader; -1 if there is none yet. */
function newLeader(run: ReplicaRun, old: number): number {
  const found = run.world.members.find(({ slot, leadsTerm }) => slot !== old && leadsTerm > 0);
  return found?.slot ?? -1;
}

/** The one whom the scene has cut off or frozen. */
function oldLeader({ world }: ReplicaRun): number {
  const { members, wire } = world;
  const found = members.find(
    ({ slot, process }) =>
      process?.isFrozen === true ||
      members.every((other) => other.slot === slot || !wire.network.isOpen(slot, other.slot)),
  );
  return found?.slot ?? -1;
}

const isAnswered = ({ client }: ReplicaRun): boolean => client.requests.every(({ verdict }) => verdict !== 'waiting');

const begin: ReplicaChapter = {
  say: 'Three replicas start on empty logs and elect a leader. Each of them promises, by an entry, not to vote while a lease lasts: with the promises of all voters the leader can have a lease.',
  until: ({ world }) => {
    const replica = world.leader()?.replica;
    const applied = replica?.applied.index;
    const isSame = world.members.every((member) => member.replica?.applied.index === applied);
    return isSame && replica?.explain({ lease: true }).code === 'no-lease-unconfirmed';
  },
};

const write: ReplicaChapter = {
  say: 'A client writes at a member that does not lead. The replica forwards it, and answers once it has applied it itself: look at “A client”.',
  acts: (run) => [{ kind: 'write', who: (leader(run) + 1) % 3 }],
  until: isAnswered,
};

const takeLease: ReplicaChapter = {
  say: 'A read by lease at the leader. No lease holds yet, so a majority is asked, and its answers are a lease: from now on heartbeats renew it, as long as somebody reads by lease.',
  acts: (run) => [{ kind: 'lease-read', who: leader(run) }],
  until: isAnswered,
};

const reads: ReplicaScene = {
  id: 'reads',
  title: 'Three ways to read',
  summary: 'Linearizable, by lease, and stale: what each costs, and what each says once its member is cut off.',
  seed: 1,
  members: 3,
  chapters: [
    begin,
    write,
    takeLease,
    {
      say: 'Three clients read at the leader. The linearizable read asks a majority first; the one by lease asks nobody, and is as fresh; the stale one never asks.',
      acts: (run) => (['read', 'lease-read', 'stale-read'] as const).map((kind) => ({ kind, who: leader(run) })),
      until: isAnswered,
    },
    {
      say: 'The leader is cut off, and does not know it yet. The others elect another one, and a client writes there.',
      acts: (run) => [{ kind: 'isolate', who: leader(run) }],
      until: (run) => newLeader(run, oldLeader(run)) >= 0,
    },
    {
      say: 'A client writes at the new leader.',
      acts: (run) => [{ kind: 'write', who: newLeader(run, oldLeader(run)) }],
      until: isAnswered,
    },
    {
      say: 'The same three reads at the one that is cut off. The stale one gets an answer, and it is old. The other two wait for somebody who can vouch for the answer, and give up rather than be wrong.',
      acts: (run) => (['read', 'lease-read', 'stale-read'] as const).map((kind) => ({ kind, who: oldLeader(run) })),
      until: isAnswered,
    },
    {
      say: 'The network heals; a linearizable read at the same member waits until it has applied what was written meanwhile.',
      acts: (run) => {
        const who = oldLeader(run);
        return [{ kind: 'heal' }, { kind: 'read', who }];
      },
      until: isAnswered,
    },
  ],
  end: 'A read is as fresh as you ask for, and an error where that cannot be had. Now break it yourself.',
};

const frozen: ReplicaScene = {
  id: 'frozen',
  title: 'A leader that stood still',
  summary:
    'Its process is frozen while another one is elected. The core alone would answer by its old lease; the replica notices.',
  seed: 2,
  members: 3,
  chapters: [
    begin,
    write,
    takeLease,
    {
      say: 'Another read by lease at the leader: nobody is asked, and the answer comes at once.',
      acts: (run) => [{ kind: 'lease-read', who: leader(run) }],
      until: isAnswered,
    },
    {
      say: 'The process of the leader is frozen, as by a long pause of a virtual machine. To itself it still leads, and has its lease. The others elect another one.',
      acts: (run) => [{ kind: 'freeze', who: leader(run) }],
      until: (run) => newLeader(run, oldLeader(run)) >= 0,
    },
    {
      say: 'A client writes at the new leader; another one asks the frozen one for a read by lease, which waits in its process.',
      acts: (run) => [
        { kind: 'write', who: newLeader(run, oldLeader(run)) },
        { kind: 'lease-read', who: oldLeader(run) },
      ],
      until: ({ client }) => client.requests.at(-2)?.verdict === 'done',
    },
    {
      say: 'It goes on. Its clock tells the replica that it stood still longer than a lease lasts, so the lease is dropped before anything is answered, and the read waits for a leader that can vouch for it.',
      acts: (run) => [{ kind: 'thaw', who: oldLeader(run) }],
      until: isAnswered,
    },
  ],
  end: 'The answer is the new value, or none: never the old one. The twelfth scene shows the same with the core alone, which has no clock to look at.',
};

export const REPLICA_SCENES: readonly ReplicaScene[] = [reads, frozen];

/** @throws Error if there is none of this id */
export function replicaSceneOf(id: string): ReplicaScene {
  const found = REPLICA_SCENES.find((scene) => scene.id === id);
  if (found === undefined) throw new Error(`there is no scene "${id}" of replicas`);
  return found;
}
