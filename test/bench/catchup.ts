/**
 * The `catchup` workload: one of three members of the store was away while much was written, and comes back under load.
 * How long it takes until it has what it lacked, from the log or by a snapshot, what that takes of memory at the leader
 * and at the member itself, and what is left of the others' throughput meanwhile. On members of ours, or on the
 * reference's in Go; the load comes from the reference's program on both.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { tell, Usage, Workshop } from './processes.js';
import { type Kind, memberFlags, StoreMembers } from './store-members.js';
import { print } from './workload.js';

const MIB = 2 ** 20;
/** More than is ever written here. */
const NEVER = 1_000_000_000;
/** A member that was away catches up from the log on this many keys, so that it is the log that is large. */
const FEW_KEYS = 100;
/** A member that does not exist: to add and to remove it makes members take a snapshot. */
const GHOST = { id: 9, url: 'http://127.0.0.1:1', learner: true };

const usage = `usage: node test/dist/bench/catchup.js --go DIR [--members ours|go] [--by log|snapshot] [--size MIB] …

  --go DIR         the programs member and load of test/reference, built
  --members KIND   ours (default) or go
  --by HOW         log, snapshot or both, with a comma between them (default: both)
  --size MIB       what is written while the member is away (default 1024)
  --value BYTES    of one value (default 65536)
  --connections N  of the load meanwhile (default 4)
  --seconds N      that the load is measured for before and after (default 5)
  --dir DIR        the disk to measure (default: that of temporary files)
  --node-flags=F   flags of Node.js for the members of ours, such as --cpu-prof`;

const { values } = parseArgs({
  options: {
    ...memberFlags,
    help: { type: 'boolean', default: false },
    by: { type: 'string', default: 'log,snapshot' },
    size: { type: 'string', default: '1024' },
    value: { type: 'string', default: '65536' },
    connections: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '5' },
  },
});
const [size, valueBytes, seconds] = [Number(values.size) * MIB, Number(values.value), Number(values.seconds)];
const entries = Math.ceil(size / valueBytes);
const kind = values.members as Kind;

type How = 'log' | 'snapshot';

/** What of the log stays: all of it, or nothing that the member could use. Snapshots come when they are asked for. */
function flagsFor(by: How): string[] {
  const kept = by === 'log' ? NEVER : 10;
  const counts = ['--snapshot-every', String(NEVER), '--catch-up', String(kept), '--timeout', '60s'];
  if (kind === 'go') return [...counts, '--snapshots', 'stream'];
  return [...counts, '--snapshot-bytes', String(2 ** 50), '--catch-up-bytes', String(by === 'log' ? 2 ** 50 : 1)];
}

/** Fills the log, or the state. */
async function write(members: StoreMembers, leader: number, by: How): Promise<void> {
  const keys = by === 'log' ? Math.min(FEW_KEYS, entries) : entries;
  for (let written = 0; written < entries; written += keys) {
    tell(`${values.members}, by ${by}: ${Math.round((written * valueBytes) / MIB)} of ${values.size} MiB written`);
    await members.fill(leader, keys, valueBytes);
  }
}

/** Makes the members save their state, and forget the log below it. */
async function snapshot(members: StoreMembers, leader: number, ids: readonly number[]): Promise<void> {
  const due = (await members.status(leader)).commit;
  await members.ask(leader, 'POST', '/members', GHOST);
  await members.ask(leader, 'DELETE', `/members/${GHOST.id}`);
  tell(`${values.members}: the others save their state`);
  for (const id of ids) {
    await members.until(`snapshot of member ${id}`, async () => {
      const { snapshotIndex, firstIndex } = await members.status(id);
      return snapshotIndex >= due + 2 && firstIndex > due - 100;
    });
  }
}

interface Span {
  readonly perSecond: number;
  readonly seconds: number;
  /** Processors that the leader, the other member, the load and the member that was away kept busy. */
  readonly cores: readonly number[];
}

/** What the cluster commits until the condition holds, besides what led to it. */
async function during(
  members: StoreMembers,
  leader: number,
  all: readonly Usage[],
  holds: () => Promise<boolean>,
): Promise<Span> {
  const [began, first] = [performance.now(), (await members.status(leader)).applied];
  const spent = all.map((one) => one.cpuSeconds);
  await members.until('end', holds);
  const last = await members.status(leader);
  if (last.leader !== leader) throw new Error('leadership changed: the machine is too busy to measure this');
  const took = (performance.now() - began) / 1000;
  const cores = all.map((one, i) => round((one.cpuSeconds - (spent[i] ?? 0)) / took));
  return { perSecond: Math.round((last.applied - first) / took), seconds: took, cores };
}

function forSeconds(count: number): () => Promise<boolean> {
  const end = performance.now() + count * 1000;
  return async () => performance.now() > end;
}

async function measure(workshop: Workshop, by: How): Promise<object> {
  const nodeFlags = values['node-flags'];
  const plan = { kind, count: 3, go: values.go as string, flags: flagsFor(by), nodeFlags };
  const members = await StoreMembers.start(workshop, plan);
  await members.fill(await members.leader(), FEW_KEYS, 256);
  const leader = await members.leader();
  const [away, other] = members.ids.filter((id) => id !== leader) as [number, number];
  const { lastIndex } = await members.status(away);
  await members.end(away);
  await write(members, leader, by);
  if (by === 'snapshot') await snapshot(members, leader, [leader, other]);
  const { firstIndex } = await members.status(leader);
  if (firstIndex <= lastIndex + 1 !== (by === 'log')) throw new Error(`the log begins at ${firstIndex}: not by ${by}`);

  const load = members.load(leader, ['-op', 'put', '-keys', '1', '-c', values.connections, '-warm', '0s', '-d', '1h']);
  await sleep(2000);
  tell(`${values.members}, by ${by}: the load without it`);
  const [first, second] = [members.usage(leader), members.usage(other)];
  first.watch();
  const others = [first, second, load.usage];
  const before = await during(members, leader, others, forSeconds(seconds));
  const peakBefore = first.peakMib;

  tell(`${values.members}, by ${by}: it comes back`);
  for (const one of [first, second]) one.watch();
  const { commit } = await members.status(leader);
  const spent = first.cpuSeconds;
  members.start(away);
  const third = members.usage(away);
  const [began, answers] = [performance.now(), { after: 0 }];
  const meanwhile = await during(members, leader, [...others, third], async () => {
    const status = await members.status(away).catch(() => undefined);
    if (status === undefined) return false;
    answers.after ||= (performance.now() - began) / 1000;
    return status.applied >= commit;
  });
  const cpu = { leader: first.cpuSeconds - spent, follower: third.cpuSeconds };
  const peaks = { leader: first.peakMib, follower: third.peakMib, other: second.peakMib };
  const after = await during(members, leader, [...others, third], forSeconds(seconds));
  const settled = third.residentMib;
  await members.stop(load);
  for (const id of members.ids) await members.end(id, 'SIGTERM');
  return {
    by,
    mib: Number(values.size),
    value_bytes: valueBytes,
    seconds: round(meanwhile.seconds),
    // Until it answers; part of the seconds.
    start_seconds: round(answers.after),
    mib_per_s: round(Number(values.size) / meanwhile.seconds),
    others_before_per_s: before.perSecond,
    others_meanwhile_per_s: meanwhile.perSecond,
    others_after_per_s: after.perSecond,
    // Before and after, because the machine may change its speed, and three members share it afterwards.
    others_share: round(meanwhile.perSecond / ((before.perSecond + after.perSecond) / 2)),
    // Processors that the leader, the other member, the load and the one that was away kept busy.
    cores_before: before.cores,
    cores_meanwhile: meanwhile.cores,
    cores_after: after.cores,
    leader_extra_mib: Math.max(0, peaks.leader - peakBefore),
    // Beyond what it holds once it has caught up, and what one holds that was never away.
    follower_extra_mib: Math.max(0, peaks.follower - Math.min(peaks.other, settled)),
    leader_peak_mib: peaks.leader,
    follower_peak_mib: peaks.follower,
    leader_cpu_s: round(cpu.leader),
    follower_cpu_s: round(cpu.follower),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

async function main(): Promise<void> {
  const ways = values.by.split(',');
  const bad = ways.some((way) => way !== 'log' && way !== 'snapshot') || !['ours', 'go'].includes(values.members);
  if (values.help || values.go === undefined || bad || !(entries > 0 && seconds > 0)) {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (!Usage.available) throw new Error('peaks of memory are read from /proc: Linux only');
  const results: object[] = [];
  for (const by of ways as How[]) {
    const workshop = new Workshop(values.dir, 'catchup');
    try {
      results.push(await measure(workshop, by));
    } finally {
      await workshop.close();
    }
  }
  print('catchup', results);
}

await main();
