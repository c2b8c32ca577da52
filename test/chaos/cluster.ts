/** The members as processes, with a proxy on every way between two of them. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkState } from '@raft-ts/raftexample/internal';
import type { Exit, Program, Programs } from '../raftexample/processes.js';
import type { Door } from './ask.js';
import { SmallDisk } from './disk.js';
import { addressOf, Hosts } from './hosts.js';
import { type Network, type Place, Proxies } from './network.js';

export interface ClusterPlan {
  readonly founders: number;
  /** Members that can be added later. */
  readonly spares: number;
  readonly tickMs: number;
  readonly snapshotEvery: number;
  readonly catchUp: number;
  readonly snapshots: 'inline' | 'stream';
  /** One member in five has a disk that can be filled, as far as this process may mount one. */
  readonly smallDisks: boolean;
  /** Each member on a host of its own. */
  readonly hosts: boolean;
  readonly tell: (text: string) => void;
}

/** One member, from its first start until it has been removed. */
export interface Member extends Place, Door {
  readonly programs: Program[];
  /** `spare`: not started yet; `leaving`: somebody asked for its removal, so that it may end by itself. */
  phase: 'spare' | 'member' | 'leaving' | 'gone';
  stopped: boolean;
  disk: SmallDisk | undefined;
  /** It may end with the exit code of a log that cannot be written. */
  diskFull: boolean;
}

/** Exit codes of a member that was removed. */
const REMOVED = [0, 3];
/** That of a member that cannot write its log. */
const CANNOT_WRITE = 4;

export class Cluster {
  readonly plan: ClusterPlan;
  readonly members: readonly Member[];
  /** What no fault explains. */
  readonly findings: string[] = [];
  private readonly programs: Programs;
  /** Those that were told to end, by whatever signal. */
  private readonly killed = new Set<Program>();
  /** Those of them that were killed. */
  private readonly struck = new Set<Program>();
  private readonly network: Network;

  private constructor(plan: ClusterPlan, programs: Programs, ports: readonly number[]) {
    this.plan = plan;
    this.programs = programs;
    this.network = plan.hosts ? new Hosts(plan.tell) : new Proxies();
    this.members = Array.from({ length: plan.founders + plan.spares }, (_, i) => ({
      id: i + 1,
      host: plan.hosts ? addressOf(i + 1) : '127.0.0.1',
      peerPort: ports[2 * i] as number,
      clientPort: ports[2 * i + 1] as number,
      programs: [],
      phase: i < plan.founders ? 'member' : 'spare',
      stopped: false,
      disk: undefined,
      diskFull: false,
    }));
  }

  static async start(plan: ClusterPlan, programs: Programs): Promise<Cluster> {
    const ports = await stablePorts(2 * (plan.founders + plan.spares));
    const cluster = new Cluster(plan, programs, ports);
    for (const member of cluster.present) await cluster.launch(member);
    return cluster;
  }

  /** Those that belong to the cluster, running or not. */
  get present(): Member[] {
    return this.members.filter(({ phase }) => phase === 'member' || phase === 'leaving');
  }

  runs({ programs }: Member): boolean {
    return programs.at(-1)?.running === true;
  }

  urlOf({ host, peerPort }: Member): string {
    return `http://${host}:${peerPort}`;
  }

  /** Starts the member, unless it runs. */
  async launch(member: Member): Promise<void> {
    if (this.runs(member) || member.phase === 'gone') return;
    await this.network.connect(
      member,
      this.members.filter((other) => other !== member),
    );
    // Its links were being opened.
    if (this.runs(member)) return;
    const { plan } = this;
    const joins = member.id > plan.founders;
    const peers = joins ? new Set([...this.present, member]) : this.members.slice(0, plan.founders);
    const list = [...peers].map((peer) => `${peer.id}=${this.urlOf(peer)}`).join(',');
    const dials = [...this.network.dials(member)].map(([id, url]) => `--dial=${id}=${url}`);
    const flags = [
      `--id=${member.id}`,
      `--peers=${list}`,
      `--client-addr=${member.host}:${member.clientPort}`,
      `--data=${this.folderOf(member)}`,
      `--tick=${plan.tickMs}ms`,
      `--snapshot-every=${plan.snapshotEvery}`,
      `--catch-up=${plan.catchUp}`,
      `--snapshots=${plan.snapshots}`,
      '--timeout=1500ms',
      ...(joins ? ['--join'] : []),
      // Nobody but this program reaches the hosts.
      ...(plan.hosts ? ['--insecure'] : []),
    ];
    const program = this.programs.start(
      'raftexample.js',
      ['kv', ...flags, ...dials],
      {},
      this.network.startedBy(member),
    );
    member.programs.push(program);
    member.stopped = false;
    void program.ended.then((exit) => this.noteEnd(member, program, exit));
  }

  private folderOf(member: Member): string {
    const folder = join(this.programs.folder, `data-${member.id}`);
    if (!this.plan.smallDisks || member.id % 5 !== 0) return folder;
    if (member.programs.length === 0) {
      const disk = SmallDisk.mount(folder);
      if (typeof disk === 'string') this.plan.tell(`skipped: no full disks, because ${disk}`);
      else member.disk = disk;
    }
    return member.disk?.folder ?? folder;
  }

  /** The member's disk is full until `heal`. */
  fillDisk(member: Member): void {
    member.diskFull = true;
    member.disk?.fill();
  }

  private noteEnd(member: Member, program: Program, { code, signal }: Exit): void {
    if (this.killed.has(program)) return;
    const isRemoved = member.phase === 'leaving' || member.phase === 'gone';
    if (isRemoved && REMOVED.includes(code ?? -1)) return;
    if (member.diskFull && code === CANNOT_WRITE) return;
    const last = [...program.lines.slice(-20), ...program.errors.slice(-10)].join('\n    ');
    this.findings.push(`member ${member.id} ended by itself, with ${code ?? signal}:\n    ${last}`);
  }

  /** Ends its process, as the signal says. */
  async kill(member: Member, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const program = member.programs.at(-1);
    if (program?.running !== true) return;
    this.killed.add(program);
    if (signal === 'SIGKILL') this.struck.add(program);
    const { code, signal: by } = await program.kill(signal);
    // Two faults may choose the same member: who dies of one does not end well of the other.
    if (this.struck.has(program)) return;
    // Node.js dies of a signal that comes before it runs the first line of the program, which may take long.
    const hadBegun = by !== 'SIGTERM' || program.lines.length > 0 || program.errors.length > 0;
    if (signal === 'SIGTERM' && hadBegun && code !== 0 && !(member.phase === 'leaving' && code === 3)) {
      this.findings.push(
        `member ${member.id} ended with ${code ?? by} at SIGTERM:\n    ${program.lines.slice(-20).join('\n    ')}`,
      );
    }
  }

  freeze(member: Member): void {
    member.stopped = true;
    member.programs.at(-1)?.process.kill('SIGSTOP');
  }

  thaw(member: Member): void {
    member.stopped = false;
    member.programs.at(-1)?.process.kill('SIGCONT');
  }

  /** Everything that goes from one member to another, whichever of them dialled. */
  silenceWay(from: Member, to: Member): void {
    this.network.silenceWay(from, to);
  }

  setLinks(one: Member, other: Member, state: LinkState): void {
    this.network.set(one, other, state);
  }

  delay(one: Member, other: Member, ms: number): void {
    this.network.delay(one, other, ms);
  }

  /** Ends all faults: what an operator does who repairs nothing and starts what is down. */
  async heal(): Promise<void> {
    this.network.mend();
    for (const member of this.present) {
      member.disk?.free();
      if (member.stopped) this.thaw(member);
      if (member.phase === 'member') await this.launch(member);
      // A write that failed may end it a moment later still.
      if (member.diskFull) await this.endsOrServes(member);
    }
  }

  private async endsOrServes(member: Member): Promise<void> {
    const program = member.programs.at(-1);
    await Promise.race([program?.ended, sleep(2000)]);
    member.diskFull = false;
    if (member.phase === 'member') await this.launch(member);
  }

  /** What members logged as errors, numbers left out, and how often. */
  errorLines(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { programs } of this.members) {
      for (const line of programs.flatMap(({ lines }) => lines)) {
        const [, text] = /^\[\d+\] error: (.*)$/u.exec(line) ?? [];
        if (text === undefined) continue;
        const shape = text.replace(/\d+/gu, 'N').slice(0, 160);
        counts.set(shape, (counts.get(shape) ?? 0) + 1);
      }
    }
    return counts;
  }

  async close(): Promise<void> {
    for (const { programs } of this.members) for (const program of programs) this.killed.add(program);
    for (const { programs } of this.members) await programs.at(-1)?.kill('SIGKILL');
    this.unmountAll();
    await this.programs.endAll();
    await this.network.close();
  }

  /** Before the folders are removed. */
  private unmountAll(): void {
    for (const member of this.members) {
      member.disk?.unmount();
      member.disk = undefined;
    }
  }
}

/**
 * Ports below those that systems give to outgoing connections: while a member is down, nobody else is given its port.
 */
async function stablePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  for (let port = 10_000 + (process.pid % 500) * 40; found.length < count; port++) {
    if (port > 32_000) throw new Error('too few free ports');
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
    } catch {
      continue;
    }
    found.push(port);
    server.close();
    await once(server, 'close');
  }
  return found;
}
