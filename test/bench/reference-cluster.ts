/** The reference's program `cluster`: it starts members of either kind, puts load on them and measures both alike. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type Kind, OUR_MEMBER } from './store-members.js';

/** One run, as that program reports it. */
interface ClusterRun {
  readonly op: string;
  readonly target: string;
  readonly connections: number;
  readonly ops_per_s: number;
  readonly errors: number;
  readonly first_error?: string;
  readonly latency: { readonly p50_us: number; readonly p99_us: number };
  readonly members: readonly { readonly leader: boolean; readonly cpu_us_per_op: number }[];
}

export interface ClusterPlan {
  readonly kind: Kind;
  /** The folder of the programs `cluster` and `member`. */
  readonly go: string;
  /** Where members keep their logs. */
  readonly dir: string;
  /** Flags of Node.js for members of ours. */
  readonly nodeFlags: string;
  /** Flags of the program. */
  readonly load: readonly string[];
}

/** The command of one member, whose places the program fills in. */
function commandOf({ kind, go, nodeFlags }: ClusterPlan): string {
  if (kind === 'go') {
    return `'${join(go, 'member')}' -id {id} -peers '{peers}' -client-addr {client} -data '{data}' {join}`;
  }
  const node = `'${process.execPath}' ${nodeFlags}`;
  return `${node} '${OUR_MEMBER}' kv --id {id} --peers '{peers}' --client-addr {client} --data '{data}' {join}`;
}

/** As the launcher and the files of deploy/ start members of ours. */
const OUR_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };

/** The figures of each run on one cluster. @throws Error if a request failed */
export function runCluster(plan: ClusterPlan): object[] {
  const { status, stdout, stderr, error } = spawnSync(
    join(plan.go, 'cluster'),
    ['-cmd', commandOf(plan), '-data-root', plan.dir, ...plan.load],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      env: { ...(plan.kind === 'ours' ? OUR_ENVIRONMENT : {}), ...process.env },
    },
  );
  if (status !== 0) throw new Error(`the load failed: ${error?.message ?? stderr}`);
  const { results, peak_resident_mib } = JSON.parse(stdout.trim().split('\n').at(-1) as string) as {
    readonly results: readonly ClusterRun[];
    readonly peak_resident_mib: readonly number[];
  };
  const largest = Math.round(Math.max(...peak_resident_mib));
  return results.map((run) => ({ ...figuresOf(run), peak_resident_mib: largest }));
}

function figuresOf({ op, target, connections, ops_per_s, errors, first_error, latency, members }: ClusterRun): object {
  if (errors > 0) throw new Error(`${errors} requests failed, the first with ${first_error}`);
  const cpu = members.map(({ cpu_us_per_op }) => cpu_us_per_op);
  return {
    ...{ op, target, connections, ops_per_s },
    ...{ p50_us: latency.p50_us, p99_us: latency.p99_us },
    leader_cpu_us_per_op: members.find(({ leader }) => leader)?.cpu_us_per_op,
    members_cpu_us_per_op: Math.round(cpu.reduce((sum, one) => sum + one, 0) * 10) / 10,
  };
}
