/**
 * The `scale` workload: what members of the store do as one thing grows, and the others stay: the number of members, of
 * keys, the size of a value, on members of ours or on the reference's in Go; and the number of watches, which those in
 * Go do not have. Load at the leader, from the reference's program, all processes on this machine.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { tell, Usage, Workshop } from './processes.js';
import { runCluster } from './reference-cluster.js';
import { type Kind, memberFlags, StoreMembers } from './store-members.js';
import { Watches } from './watches.js';
import { print } from './workload.js';

/** What grows, and what it grows to. The first of each is what the others are measured with. */
const STEPS = {
  members: [3, 5, 7, 9],
  keys: [1e3, 1e4, 1e5, 1e6],
  value: [256, 64, 1024, 4096, 65_536],
} as const;
type Growing = keyof typeof STEPS;

/** Who watches: nobody; all at the leader, keys that nobody writes; all at the leader, or a follower, every key. */
const AUDIENCES = ['nobody', 'idle', 'leader', 'follower'] as const;
type Audience = (typeof AUDIENCES)[number];

const usage = `usage: node test/dist/bench/scale.js --go DIR [--members ours|go] [--only members|keys|value|watches] …

  --go DIR         the programs cluster, load and member of test/reference, built
  --members KIND   ours (default) or go, which has no watches
  --only WHAT      what grows: members, keys, value or watches (default: each, one after the other)
  --most N         leaves out what is above it
  --op LIST        put, get, or both (default)
  --connections N  of the load (default 64)
  --watches N      (default 1000, as many as a member takes)
  --warm N, --seconds N   before measuring, and measured (default 2 and 5)
  --dir DIR        the disk to measure (default: that of temporary files)
  --node-flags=F   flags of Node.js for the members of ours, such as --cpu-prof`;

const { values } = parseArgs({
  options: {
    ...memberFlags,
    help: { type: 'boolean', default: false },
    only: { type: 'string' },
    most: { type: 'string', default: 'Infinity' },
    op: { type: 'string', default: 'put,get' },
    connections: { type: 'string', default: '64' },
    watches: { type: 'string', default: '1000' },
    warm: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '5' },
  },
});
const kind = values.members as Kind;
const time = ['-warm', `${values.warm}s`, '-d', `${values.seconds}s`];

function grow(go: string, what: Growing, to: number): object[] {
  tell(`${kind}: ${to.toLocaleString('en-US')} ${what === 'value' ? 'bytes a value' : what}`);
  const size = { members: STEPS.members[0], keys: STEPS.keys[0], value: STEPS.value[0], [what]: to };
  const counts = ['-members', `${size.members}`, '-keys', `${size.keys}`, '-size', `${size.value}`];
  const load = ['-op', values.op, '-c', values.connections, ...time, ...counts];
  const results = runCluster({ kind, go, dir: values.dir, nodeFlags: values['node-flags'], load });
  return results.map((result) => ({ growing: what, to, ...result }));
}

async function watched(go: string, by: Audience): Promise<object> {
  const workshop = new Workshop(values.dir, 'scale');
  const watches = new Watches();
  try {
    const nodeFlags = values['node-flags'];
    const members = await StoreMembers.start(workshop, { kind, count: 3, go, flags: [], nodeFlags });
    const leader = await members.leader();
    const at = by === 'follower' ? (leader % 3) + 1 : leader;
    const count = by === 'nobody' ? 0 : Number(values.watches);
    const before = members.usage(at).residentMib;
    tell(`${kind}: ${count} watches, by ${by}`);
    await watches.open(members.endpoint(at), by === 'idle' ? 'nothing/' : '', count);
    const usages = members.ids.map((id) => members.usage(id));
    const spent = (): number => usages.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
    const [cpu, began, seen] = [spent(), performance.now(), watches.events];
    const load = members.load(leader, ['-op', 'put', '-c', values.connections, ...time]);
    await once(load.child, 'close');
    const took = (performance.now() - began) / 1000;
    const [run] = (JSON.parse(load.lines.at(-1) as string) as { results: LoadRun[] }).results as [LoadRun];
    if (run.errors > 0) throw new Error(`${run.errors} requests failed`);
    const events = (watches.events - seen) / took;
    const { commit } = await members.status(leader);
    await watches.reach(by === 'idle' ? 0 : commit);
    return {
      ...{ growing: 'watches', by, watches: count, ops_per_s: run.ops_per_s, p99_us: run.latency.p99_us },
      events_per_s: Math.round(events),
      members_cpu_us_per_op: Math.round(((spent() - cpu) * 1e6) / Math.max(1, run.ops_per_s * took)),
      growth_mib: members.usage(at).peakMib - before,
      ended_watches: watches.ended,
    };
  } finally {
    watches.close();
    await workshop.close();
  }
}

interface LoadRun {
  readonly ops_per_s: number;
  readonly errors: number;
  readonly latency: { readonly p99_us: number };
}

async function main(): Promise<void> {
  const { go, only } = values;
  const known = [...Object.keys(STEPS), 'watches'];
  if (values.help || go === undefined || (only !== undefined && !known.includes(only))) {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (!Usage.available) throw new Error('memory and times of processors are read from /proc: Linux only');
  const results: object[] = [];
  for (const what of only === undefined ? known : [only]) {
    if (what === 'watches') {
      for (const by of kind === 'go' ? [] : AUDIENCES) results.push(await watched(go, by));
      continue;
    }
    for (const to of STEPS[what as Growing])
      if (to <= Number(values.most)) results.push(...grow(go, what as Growing, to));
  }
  print('scale', results);
}

await main();
