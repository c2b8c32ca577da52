/**
 * The `cluster` workload of test/reference/README.md on three members of the store, or on three written in Go: the
 * program `cluster` of the reference starts them on loopback with synced logs, puts load on them and measures both
 * kinds alike.
 */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { print } from './workload.js';

const { values } = parseArgs({
  options: {
    go: { type: 'string' },
    members: { type: 'string', default: 'ours' },
    target: { type: 'string', default: 'leader' },
    op: { type: 'string', default: 'put,get' },
    k: { type: 'string', default: '1,16,64,256' },
    dir: { type: 'string', default: tmpdir() },
    warm: { type: 'string', default: '2s' },
    seconds: { type: 'string', default: '10' },
    'node-flags': { type: 'string', default: '' },
  },
});

/** One run, as the program of the reference reports it. */
interface Run {
  readonly op: string;
  readonly target: string;
  readonly connections: number;
  readonly ops_per_s: number;
  readonly errors: number;
  readonly first_error?: string;
  readonly latency: { readonly p50_us: number; readonly p99_us: number };
  readonly members: readonly { readonly leader: boolean; readonly cpu_us_per_op: number }[];
}

interface Report {
  readonly results: readonly Run[];
  readonly peak_resident_mib: readonly number[];
}

/** The command of one member, whose places the program `cluster` fills in. */
function commandOf(folder: string): string {
  if (values.members === 'go') {
    return `'${join(folder, 'member')}' -id {id} -peers '{peers}' -client-addr {client} -data '{data}' {join}`;
  }
  const program = fileURLToPath(new URL('../../../raftexample/bin/raftexample.js', import.meta.url));
  const node = `'${process.execPath}' ${values['node-flags']}`;
  return `${node} '${program}' kv --id {id} --peers '{peers}' --client-addr {client} --data '{data}' {join}`;
}

function measure(folder: string): Report {
  const { op, target, k, dir, warm, seconds } = values;
  const load = ['-op', op, '-target', target, '-c', k, '-warm', warm, '-d', `${seconds}s`];
  const { status, stdout, stderr, error } = spawnSync(
    join(folder, 'cluster'),
    ['-cmd', commandOf(folder), '-data-root', dir, ...load],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`the load failed: ${error?.message ?? stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Report;
}

function figuresOf({ op, target, connections, ops_per_s, errors, first_error, latency, members }: Run): object {
  if (errors > 0) throw new Error(`${errors} requests failed, the first with ${first_error}`);
  const cpu = members.map(({ cpu_us_per_op }) => cpu_us_per_op);
  return {
    ...{ op, target, connections, ops_per_s },
    ...{ p50_us: latency.p50_us, p99_us: latency.p99_us },
    leader_cpu_us_per_op: members.find(({ leader }) => leader)?.cpu_us_per_op,
    members_cpu_us_per_op: Math.round(cpu.reduce((sum, one) => sum + one, 0) * 10) / 10,
  };
}

if (values.go === undefined) throw new Error('--go DIR must name the folder of the built programs cluster and member');
const { results, peak_resident_mib } = measure(values.go);
const largest = Math.round(Math.max(...peak_resident_mib));
print(
  'cluster',
  results.map((run) => ({ ...figuresOf(run), peak_resident_mib: largest })),
);
