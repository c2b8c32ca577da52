/** What goes wrong, drawn from a seed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.js';
import type { Cluster, Member } from './cluster.js';

export type Random = (n: number) => number;

/** A fault that has begun. */
export interface Fault {
  readonly what: string;
  /** Ends what `heal` of the cluster does not. */
  readonly end?: () => Promise<void> | void;
}

type Begin = (cluster: Cluster, random: Random) => Promise<Fault> | Fault;

function shuffled<T>(all: readonly T[], random: Random): T[] {
  const rest = [...all];
  return all.map(() => rest.splice(random(rest.length), 1)[0] as T);
}

const names = (members: readonly Member[]): string =>
  members
    .map(({ id }) => id)
    .sort((a, b) => a - b)
    .join(',');

/** The member that some member takes for the leader; any, if none is known. */
async function leaderOf(cluster: Cluster, random: Random): Promise<Member> {
  const present = shuffled(cluster.present, random);
  for (const member of present) {
    const answer = await ask(member, 'GET', '/status', { patienceMs: 300 });
    if (typeof answer !== 'object' || answer.status !== 200) continue;
    const { leader } = JSON.parse(answer.body) as { readonly leader: number };
    const found = present.find(({ id }) => id === leader);
    if (found !== undefined) return found;
  }
  return present[0] as Member;
}

/** Every pair of members that a topology does not connect. */
function cutAllBut(cluster: Cluster, connected: (i: number, k: number) => boolean, members: readonly Member[]): void {
  for (const [i, one] of members.entries()) {
    for (const [k, other] of members.entries()) {
      if (i < k && !connected(i, k)) cluster.setLinks(one, other, 'cut');
    }
  }
}

async function killSome(cluster: Cluster, victims: readonly Member[], what: string): Promise<Fault> {
  await Promise.all(victims.map((victim) => cluster.kill(victim, 'SIGKILL')));
  return { what };
}

const one = (cluster: Cluster, random: Random): Member => shuffled(cluster.present, random)[0] as Member;

/** Each fault, by its name. `heal` of the cluster starts and continues who is down. */
export const processFaults: Readonly<Record<string, Begin>> = {
  'kill one': (cluster, random) => {
    const victim = one(cluster, random);
    return killSome(cluster, [victim], `kill -9 of ${victim.id}`);
  },
  'kill the leader': async (cluster, random) => {
    const leader = await leaderOf(cluster, random);
    return killSome(cluster, [leader], `kill -9 of the leader, ${leader.id}`);
  },
  'kill some': (cluster, random) => {
    const victims = shuffled(cluster.present, random).slice(0, 2 + random(2));
    return killSome(cluster, victims, `kill -9 of ${names(victims)}`);
  },
  'kill all': (cluster) => killSome(cluster, cluster.present, 'kill -9 of all'),
  'stop one': async (cluster, random) => {
    const victim = one(cluster, random);
    await cluster.kill(victim, 'SIGTERM');
    return { what: `SIGTERM of ${victim.id}` };
  },
  'freeze one': (cluster, random) => {
    const victim = one(cluster, random);
    cluster.freeze(victim);
    return { what: `SIGSTOP of ${victim.id}` };
  },
  'freeze the leader': async (cluster, random) => {
    const leader = await leaderOf(cluster, random);
    cluster.freeze(leader);
    return { what: `SIGSTOP of the leader, ${leader.id}` };
  },
  'full disk': async (cluster, random) => {
    const victim = cluster.present.find(({ disk }) => disk !== undefined);
    if (victim === undefined) return killSome(cluster, [one(cluster, random)], 'kill -9');
    cluster.fillDisk(victim);
    if (random(2) === 0) return { what: `the disk of ${victim.id} is full` };
    await cluster.kill(victim, 'SIGKILL');
    await cluster.launch(victim);
    return { what: `kill -9 of ${victim.id}, which starts again on a full disk` };
  },
  'restart loop': (cluster, random) => {
    const victim = one(cluster, random);
    let ending = false;
    const loop = async (): Promise<void> => {
      while (!ending) {
        await cluster.kill(victim, 'SIGKILL');
        await cluster.launch(victim);
        await sleep(200 + random(1000));
      }
    };
    const done = loop();
    return {
      what: `restart loop of ${victim.id}`,
      end: () => {
        ending = true;
        return done;
      },
    };
  },
};

export const linkFaults: Readonly<Record<string, Begin>> = {
  'one way': (cluster, random) => {
    const [from, to] = shuffled(cluster.present, random) as [Member, Member];
    cluster.silenceWay(from, to);
    return { what: `nothing arrives from ${from.id} at ${to.id}` };
  },
  'deaf leader': async (cluster, random) => {
    const leader = await leaderOf(cluster, random);
    for (const other of cluster.present) if (other !== leader) cluster.silenceWay(other, leader);
    return { what: `nothing arrives at the leader, ${leader.id}` };
  },
  split: (cluster, random) => {
    const members = shuffled(cluster.present, random);
    cutAllBut(cluster, (i, k) => i < 2 === k < 2, members);
    return { what: `split ${names(members.slice(0, 2))} | ${names(members.slice(2))}` };
  },
  'isolate the leader': async (cluster, random) => {
    const leader = await leaderOf(cluster, random);
    for (const other of cluster.present) if (other !== leader) cluster.setLinks(leader, other, 'cut');
    return { what: `the leader, ${leader.id}, alone` };
  },
  bridge: (cluster, random) => {
    const members = shuffled(cluster.present, random);
    cutAllBut(cluster, (i, k) => i === 0 || i < 3 === k < 3, members);
    return { what: `bridge: ${names(members.slice(1, 3))} and ${names(members.slice(3))} meet at ${members[0]?.id}` };
  },
  ring: (cluster, random) => {
    const members = shuffled(cluster.present, random);
    cutAllBut(cluster, (i, k) => k - i === 1 || k - i === members.length - 1, members);
    return { what: `ring ${members.map(({ id }) => id).join('-')}` };
  },
  flapping: (cluster, random) => {
    const victim = one(cluster, random);
    const others = cluster.present.filter((other) => other !== victim);
    let cut = false;
    const timer = setInterval(() => {
      cut = !cut;
      for (const other of others) cluster.setLinks(victim, other, cut ? 'cut' : 'open');
    }, 100 + random(400));
    return { what: `the links of ${victim.id} flap`, end: () => clearInterval(timer) };
  },
  slow: (cluster, random) => {
    const ms = 20 + random(300);
    const victims = shuffled(cluster.present, random).slice(0, 1 + random(3));
    for (const victim of victims) {
      for (const other of cluster.present) if (other !== victim) cluster.delay(victim, other, ms);
    }
    return { what: `the links of ${names(victims)} take ${ms} ms` };
  },
  'half open': (cluster, random) => {
    const victim = one(cluster, random);
    for (const other of cluster.present) if (other !== victim) cluster.setLinks(victim, other, 'silent');
    return { what: `the connections of ${victim.id} carry nothing, and stay open` };
  },
};
