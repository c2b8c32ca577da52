/**
 * The `embedded` workload: commands and linearizable reads of an application that keeps its state in a replica of its
 * own, within one of three members, or in three etcd servers behind the npm client `etcd3`, which is what users take
 * instead. Each member and each server is a process with a synced log; the state is the same map, and so is the load.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { freePeers } from '../raftexample/processes.js';
import type { LoopResult } from './closed-loop.js';
import { OPS, type Op, type Order, type Report } from './embedded-run.js';
import { type Started, tell, Usage, Workshop } from './processes.js';
import { print } from './workload.js';

/** The release that npm gives, by its number, so that two runs compare the same. */
const ETCD3 = 'etcd3@1.1.2';

const usage = `usage: node test/dist/bench/embedded.js [--side ours|etcd] [--go DIR] [--etcd3 DIR] [--k LIST] …

  --side SIDE    ours (default) or etcd
  --go DIR       holds the program etcd of test/reference/etcd, built
  --etcd3 DIR    a folder in which npm has installed ${ETCD3} (default: it is installed for this run)
  --op LIST      put, get, or both (default)
  --k LIST       calls under way (default 1,64,256)
  --value BYTES  of one value (default 256)
  --warm N, --seconds N   before measuring, and measured (default 2 and 5)
  --dir DIR      the disk to measure (default: that of temporary files)
  --node-flags=F flags of Node.js for members of ours and the client of etcd, such as --cpu-prof`;

const { values } = parseArgs({
  options: {
    side: { type: 'string', default: 'ours' },
    go: { type: 'string', default: '' },
    etcd3: { type: 'string' },
    op: { type: 'string', default: OPS.join(',') },
    k: { type: 'string', default: '1,64,256' },
    value: { type: 'string', default: '256' },
    warm: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
    dir: { type: 'string', default: tmpdir() },
    'node-flags': { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});

/** A process that carries out orders. */
class Application {
  readonly started: Started;
  private readonly child: ChildProcess;

  constructor(workshop: Workshop, program: string, words: readonly string[]) {
    const path = fileURLToPath(new URL(program, import.meta.url));
    const flags = ['--expose-gc', ...values['node-flags'].split(' ').filter(Boolean)];
    this.started = workshop.start(process.execPath, [...flags, path, ...words], true);
    this.child = this.started.child;
  }

  /** Resolves with what it reports next. @throws Error if it ends before */
  async next(): Promise<Exclude<Report, { kind: 'failed' }>> {
    const ended = once(this.child, 'exit').then(([code]) => {
      throw new Error(`a program of the bench has ended (${code}): ${this.started.errors.join('\n')}`);
    });
    const [one] = (await Promise.race([once(this.child, 'message'), ended])) as [Report];
    ended.catch(() => undefined);
    if (one.kind === 'failed') throw new Error(one.why);
    return one;
  }

  async run(order: Order): Promise<LoopResult> {
    this.child.send(order);
    const one = await this.next();
    if (one.kind !== 'done') throw new Error('a program of the bench is ready twice');
    return one.result;
  }
}

/** An application, where it stands, and all processes that serve it, itself included. */
interface Place {
  readonly at: string;
  readonly application: Application;
  readonly all: readonly Usage[];
}

async function members(workshop: Workshop): Promise<Place[]> {
  const peers = (await freePeers(3)).map(({ port }) => `http://127.0.0.1:${port}`).join(',');
  const all = [1, 2, 3].map(
    (id) =>
      new Application(workshop, 'embedded-member.js', ['--id', `${id}`, '--peers', peers, '--dir', workshop.folder]),
  );
  const ready = await Promise.all(all.map((one) => one.next()));
  const leader = ready.findIndex((one) => one.kind === 'ready' && one.leader);
  const usages = all.map(({ started }) => started.usage);
  const [first, other] = [all[leader], all[(leader + 1) % 3]];
  if (first === undefined || other === undefined) throw new Error('no member says that it leads: try again');
  return [
    { at: 'leader', application: first, all: usages },
    { at: 'follower', application: other, all: usages },
  ];
}

/** Returns a folder in which etcd3 is installed. */
function installed(workshop: Workshop): string {
  if (values.etcd3 !== undefined) return values.etcd3;
  const folder = join(workshop.folder, 'etcd3');
  mkdirSync(folder);
  tell(`npm install ${ETCD3}, into ${folder}`);
  const words = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', ETCD3];
  const { status, stderr, error } = spawnSync('npm', words, { encoding: 'utf8' });
  if (status === 0) return folder;
  throw new Error(`${ETCD3} cannot be installed here, so there is nothing to compare with: ${error?.message ?? stderr}
Install it elsewhere, and name that folder with --etcd3.`);
}

async function servers(workshop: Workshop): Promise<Place[]> {
  const program = join(values.go, 'etcd');
  if (!existsSync(program))
    throw new Error(`there is no ${program}: build test/reference/etcd, and name its folder with --go`);
  const etcd3 = installed(workshop);
  const urls = (await freePeers(6)).map(({ port }) => `http://127.0.0.1:${port}`);
  const [peers, hosts] = [urls.slice(0, 3), urls.slice(3)];
  const list = peers.map((url, i) => `m${i}=${url}`).join(',');
  const usages = peers.map((peer, i) => {
    const client = hosts[i] as string;
    const own = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--listen-client-urls', client];
    const data = ['--data-dir', join(workshop.folder, `etcd-${i}`), '--log-level', 'error'];
    const all = ['--name', `m${i}`, ...data, ...own, '--advertise-client-urls', client, '--initial-cluster', list];
    return workshop.start(program, all, false).usage;
  });
  await Promise.all(hosts.map(healthy));
  const words = ['--etcd3', etcd3, '--hosts', hosts.join(',')];
  const application = new Application(workshop, 'embedded-client.js', words);
  await application.next();
  // It has no other place, so it stands beside both of ours.
  return [{ at: 'client', application, all: [...usages, application.started.usage] }];
}

/** Resolves once a server says that it serves. */
async function healthy(host: string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const answer = await fetch(`${host}/health`).catch(() => undefined);
    if (answer?.status === 200) return;
    await sleep(100);
  }
  throw new Error(`etcd at ${host} does not serve after a minute`);
}

async function measure(place: Place, op: Op, inFlight: number): Promise<object> {
  tell(`${values.side}, at the ${place.at}: ${op}, ${inFlight} under way`);
  const [warmSeconds, seconds] = [Number(values.warm), Number(values.seconds)];
  const spent = (): number => place.all.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  const [before, began] = [spent(), performance.now()];
  const result = await place.application.run({ op, inFlight, warmSeconds, seconds, valueBytes: Number(values.value) });
  // What was spent before measuring is in it, so the same rate is taken for that time.
  const calls = (result.ops_per_s * (performance.now() - began)) / 1000;
  return {
    ...{ at: place.at, op, in_flight: inFlight, value_bytes: Number(values.value), ...result },
    cpu_us_per_op: Math.round(((spent() - before) * 1e6) / Math.max(1, calls)),
    peak_resident_mib: Math.max(...place.all.map(({ peakMib }) => peakMib)),
  };
}

async function main(): Promise<void> {
  const ops = values.op.split(',') as Op[];
  if (values.help || !['ours', 'etcd'].includes(values.side) || ops.some((op) => !OPS.includes(op))) {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (!Usage.available) throw new Error('times of processors are read from /proc: Linux only');
  const workshop = new Workshop(values.dir, 'embedded');
  const results: object[] = [];
  try {
    for (const place of values.side === 'ours' ? await members(workshop) : await servers(workshop)) {
      for (const op of ops) {
        for (const k of values.k.split(',').map(Number)) results.push(await measure(place, op, k));
      }
    }
  } finally {
    await workshop.close();
  }
  print('embedded', results);
}

await main();
