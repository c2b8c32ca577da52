/**
 * Runs the hello cluster as processes while links between members are cut, silenced and mended and members are stopped
 * and continued, or killed and started again, all drawn from a seed, and checks that every process of every member has
 * logged the same entries without a gap.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { seededRandom } from '@raft-ts/raft/internal';
import type { Peer } from '@raft-ts/raftexample/internal';
import { Link, type LinkState } from '@raft-ts/raftexample/internal';
import { type Committed, expectAgreement, freePeers, type Program, Programs } from '../raftexample/processes.js';

const usage = `usage: npm run soak -- [--minutes N] [--members N] [--seed N] [--memory]

  --minutes N  how long to disturb the cluster (default 1)
  --members N  how many members (default 3)
  --seed N     draws the disturbances (default: a new one, printed)
  --memory     members keep their logs in memory, and are not killed`;

interface Plan {
  readonly minutes: number;
  readonly members: number;
  readonly seed: number;
  readonly memory: boolean;
}

interface Cluster {
  readonly members: Program[];
  /** The processes of members that were killed. */
  readonly earlier: Program[];
  /** Starts a process of the member with this position. */
  readonly launch: (member: number) => Program;
  /** links[from][to] */
  readonly links: readonly (readonly (Link | undefined)[])[];
}

async function start(programs: Programs, { members: count, memory }: Plan): Promise<Cluster> {
  const peers = await freePeers(count);
  const links: (Link | undefined)[][] = [];
  for (const from of peers) {
    const row: (Link | undefined)[] = [];
    for (const to of peers) row.push(to === from ? undefined : await Link.open(to));
    links.push(row);
  }
  const launch = (member: number): Program => {
    const seen = peers.map((peer, k): Peer => ({ ...peer, port: links[member]?.[k]?.port ?? peer.port }));
    const { port } = peers[member] as Peer;
    // Every member proposes, so that hello goes on whichever of them is away; each process shows all entries from the
    // first on.
    const flags = ['--hello-after', '1000', '--hello-every', '500', '--snapshot-every', '1000000000'];
    const here = ['--listen', `127.0.0.1:${port}`, ...(memory ? ['--memory'] : [])];
    return programs.member(member + 1, seen, ...flags, ...here);
  };
  return { members: peers.map((_, i) => launch(i)), earlier: [], launch, links };
}

/** Every process of every member. */
function logsOf({ members, earlier }: Cluster): Committed[][] {
  return [...members, ...earlier].map(({ committed }) => committed);
}

function setLinks({ links }: Cluster, member: number, state: LinkState): void {
  for (const [from, row] of links.entries()) {
    for (const [to, link] of row.entries()) if (from === member || to === member) link?.set(state);
  }
}

function mendAll({ links }: Cluster): void {
  for (const row of links) for (const link of row) link?.set('open');
}

/** One disturbance: what it is, and how it ends. */
function disturb(
  cluster: Cluster,
  { memory }: Plan,
  random: (n: number) => number,
): { what: string; mend: () => void } {
  const { members, links } = cluster;
  const victim = random(members.length);
  const member = members[victim] as Program;
  const mend = (): void => mendAll(cluster);
  switch (random(memory ? 4 : 6)) {
    case 0:
      member.process.kill('SIGSTOP');
      return { what: `member ${victim + 1} stopped`, mend: () => void member.process.kill('SIGCONT') };
    case 1:
      setLinks(cluster, victim, 'cut');
      return { what: `member ${victim + 1} cut off`, mend };
    case 2:
      setLinks(cluster, victim, 'silent');
      return { what: `member ${victim + 1} cut off without notice`, mend };
    case 3: {
      const other = (victim + 1 + random(members.length - 1)) % members.length;
      const state = random(2) === 0 ? 'cut' : 'silent';
      links[victim]?.[other]?.set(state);
      return { what: `the link from ${victim + 1} to ${other + 1} ${state}`, mend };
    }
    default:
      member.process.kill('SIGKILL');
      cluster.earlier.push(member);
      return { what: `member ${victim + 1} killed`, mend: () => void (members[victim] = cluster.launch(victim)) };
  }
}

async function soak(cluster: Cluster, plan: Plan): Promise<void> {
  const { minutes, seed } = plan;
  const random = seededRandom(seed);
  const end = performance.now() + minutes * 60_000;
  while (performance.now() < end) {
    const { what, mend } = disturb(cluster, plan, random);
    await sleep(1000 + random(6000));
    mend();
    await sleep(1000 + random(4000));
    const heights = cluster.members.map(({ committed }) => committed.at(-1)?.index ?? 0);
    console.log(`${what}; mended; committed: ${heights.join(', ')}`);
    expectAgreement(logsOf(cluster));
    const ended = cluster.members.findIndex(({ running }) => !running);
    if (ended >= 0) throw new Error(`member ${ended + 1} has ended:\n${cluster.members[ended]?.errors.join('\n')}`);
  }
}

/** All links are whole: every member comes to have what the furthest one has now. */
async function converge({ members }: Cluster): Promise<void> {
  const goal = Math.max(...members.map(({ committed }) => committed.length)) + 5;
  for (const [i, member] of members.entries()) {
    await member.until(`member ${i + 1} to log entry ${goal}`, () => member.committed.length >= goal);
  }
}

async function main(plan: Plan): Promise<void> {
  console.log(
    `seed ${plan.seed}; again: npm run soak -- --minutes ${plan.minutes} --members ${plan.members} --seed ${plan.seed}${plan.memory ? ' --memory' : ''}`,
  );
  const programs = new Programs();
  const cluster = await start(programs, plan);
  try {
    await soak(cluster, plan);
    await converge(cluster);
    const logs = logsOf(cluster);
    expectAgreement(logs);
    const shortest = Math.min(...cluster.members.map(({ committed }) => committed.length));
    const terms = new Set(logs.flatMap((log) => log.map(({ term }) => term))).size;
    console.log(
      `every member logged the same ${shortest} entries without a gap, in ${terms} terms; ${cluster.earlier.length} were killed`,
    );
  } finally {
    for (const member of cluster.members) member.process.kill('SIGCONT');
    await programs.endAll();
    for (const link of cluster.links.flat()) await link?.close();
  }
}

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    members: { type: 'string', default: '3' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 32)) },
    memory: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const plan = {
  minutes: Number(values.minutes),
  members: Number(values.members),
  seed: Number(values.seed),
  memory: values.memory,
};
if (values.help || !(plan.minutes > 0 && plan.members >= 2 && plan.seed >= 0)) {
  console.error(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  await main(plan);
}
