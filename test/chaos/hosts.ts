/** Members as hosts: each in a network namespace of its own, with a router between them. Needs Linux and root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import type { LinkState } from '@raft-ts/raftexample/internal';
import type { Network, Place } from './network.js';

const INSIDE = 'RAFT_TS_CHAOS_HOSTS';
/** The environment that says to a process that it is the router. */
export const ROUTER: Readonly<Record<string, string>> = { [INSIDE]: 'inside' };

/** Is this process the router, in namespaces of its own? */
export function isRouter(): boolean {
  return process.env[INSIDE] === 'inside';
}

/** Why there can be no hosts here; `undefined` if there can. */
export function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are there on Linux alone';
  for (const [command, ...argv] of [['ip', '-V'], namespaces('true')] as const) {
    const { error, status, stderr } = spawnSync(command, argv, { encoding: 'utf8' });
    if (error !== undefined) return `there is no ${command}: ${error.message}`;
    if (status !== 0) return `it takes root to make them: ${stderr.trim()}`;
  }
  return undefined;
}

/** Runs a command in namespaces of its own: whatever is made there is gone with it, however it ends. */
export function namespaces(...command: readonly string[]): readonly [string, ...string[]] {
  return ['unshare', '--net', '--mount', '--propagation', 'private', '--', ...command];
}

/** Runs this program again in namespaces of its own, as the router. @returns its exit code */
export function runAsRouter(): number {
  const [command, ...argv] = namespaces(process.execPath, ...process.execArgv, ...process.argv.slice(1));
  const env = { ...process.env, ...ROUTER };
  return spawnSync(command, argv, { stdio: 'inherit', env }).status ?? 1;
}

/** Where a host is. Its process listens at the same ports as on any other host. */
export function addressOf(id: number): string {
  return `10.88.${id}.2`;
}

const ip = (...words: readonly string[]): void => void execFileSync('ip', words, { stdio: 'pipe' });
const hostOf = (id: number): string => `host-${id}`;
const wayTo = (id: number): string => `to-host-${id}`;

/** Drops what goes from one host to another; `unreachable` tells the sender. */
type Verdict = 'blackhole' | 'unreachable';

/** The hosts, and the router between them, which this process is. */
export class Hosts implements Network {
  private readonly made = new Set<number>();
  /** What the router does not carry: `FROM TO`. */
  private readonly rules = new Map<string, Verdict>();
  private readonly slow = new Map<number, number>();
  private readonly tell: (text: string) => void;
  private discipline: 'netem' | 'tbf' | 'none' | undefined;

  constructor(tell: (text: string) => void) {
    this.tell = tell;
    ip('link', 'set', 'lo', 'up');
    // The names of the hosts are nobody else's.
    mkdirSync('/run/netns', { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run/netns'], { stdio: 'pipe' });
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  }

  connect({ id }: Place): Promise<void> {
    if (!this.made.has(id)) this.make(id);
    return Promise.resolve();
  }

  private make(id: number): void {
    const [host, way, router] = [hostOf(id), wayTo(id), `10.88.${id}.1`];
    ip('netns', 'add', host);
    ip('link', 'add', way, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host);
    ip('addr', 'add', `${router}/24`, 'dev', way);
    ip('link', 'set', way, 'up');
    const there = (...words: readonly string[]): void => ip('-n', host, ...words);
    there('link', 'set', 'lo', 'up');
    there('addr', 'add', `${addressOf(id)}/24`, 'dev', 'eth0');
    there('link', 'set', 'eth0', 'up');
    there('route', 'add', 'default', 'via', router);
    this.made.add(id);
  }

  dials(): ReadonlyMap<number, string> {
    return new Map();
  }

  startedBy({ id }: Place): readonly string[] {
    return ['ip', 'netns', 'exec', hostOf(id)];
  }

  set(one: Place, other: Place, state: LinkState): void {
    const verdict = state === 'cut' ? 'unreachable' : state === 'silent' ? 'blackhole' : undefined;
    this.rule(one, other, verdict);
    this.rule(other, one, verdict);
  }

  silenceWay(from: Place, to: Place): void {
    this.rule(from, to, 'blackhole');
  }

  private rule({ id: from }: Place, { id: to }: Place, verdict: Verdict | undefined): void {
    const way = `${from} ${to}`;
    const before = this.rules.get(way);
    if (before === verdict) return;
    const change = (what: 'add' | 'del', rule: Verdict): void =>
      ip('rule', what, 'from', addressOf(from), 'to', addressOf(to), rule);
    if (before !== undefined) change('del', before);
    if (verdict === undefined) this.rules.delete(way);
    else {
      change('add', verdict);
      this.rules.set(way, verdict);
    }
  }

  /** What is on its way to a slow host takes longer, whoever sent it. */
  delay({ id }: Place, _other: Place, ms: number): void {
    if (this.slow.get(id) === ms) return;
    this.discipline ??= this.find();
    if (this.discipline === 'none') return;
    const how =
      this.discipline === 'netem'
        ? ['netem', 'delay', `${ms}ms`, `${Math.ceil(ms / 4)}ms`, 'loss', '1%']
        : ['tbf', 'rate', '400kbit', 'burst', '4kb', 'latency', `${ms}ms`];
    execFileSync('tc', ['qdisc', 'replace', 'dev', wayTo(id), 'root', ...how], { stdio: 'pipe' });
    this.slow.set(id, ms);
  }

  /** Which kernel has what slows a way down. */
  private find(): 'netem' | 'tbf' | 'none' {
    const tries = { netem: ['netem', 'delay', '1ms'], tbf: ['tbf', 'rate', '1mbit', 'burst', '4kb', 'latency', '1ms'] };
    let why = '';
    for (const name of ['netem', 'tbf'] as const) {
      const { error, status, stderr } = spawnSync('tc', ['qdisc', 'replace', 'dev', 'lo', 'root', ...tries[name]], {
        encoding: 'utf8',
      });
      if (status === 0) {
        spawnSync('tc', ['qdisc', 'del', 'dev', 'lo', 'root']);
        if (name === 'tbf')
          this.tell(`no netem (${why}): slow ways are ways with little bandwidth, which drop the rest`);
        return name;
      }
      why = error?.message ?? stderr.trim();
    }
    this.tell(`skipped: no slow ways, because tc has neither netem nor tbf: ${why}`);
    return 'none';
  }

  mend(): void {
    for (const way of [...this.rules.keys()]) {
      const [from, to] = way.split(' ').map((id) => ({ id: Number(id), host: '', peerPort: 0 })) as [Place, Place];
      this.rule(from, to, undefined);
    }
    for (const id of this.slow.keys()) {
      execFileSync('tc', ['qdisc', 'del', 'dev', wayTo(id), 'root'], { stdio: 'pipe' });
    }
    this.slow.clear();
  }

  /** Namespaces end with this process. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
