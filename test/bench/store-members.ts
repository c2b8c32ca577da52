/** Members of the store as processes on loopback, of ours or written in Go: both speak the same to clients. */
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePeers } from '../raftexample/processes.js';
import type { Started, Usage, Workshop } from './processes.js';

export type Kind = 'ours' | 'go';

/** The flags of every bench that starts members, for `parseArgs`. */
export const memberFlags = {
  go: { type: 'string' },
  members: { type: 'string', default: 'ours' },
  dir: { type: 'string', default: tmpdir() },
  'node-flags': { type: 'string', default: '' },
} as const;

/** The path of the program that a member of ours is. */
export const OUR_MEMBER: string = fileURLToPath(new URL('../../../raftexample/bin/raftexample.js', import.meta.url));

/** The part of GET /status that benches look at. */
export interface MemberStatus {
  readonly id: number;
  readonly leader: number;
  readonly commit: number;
  readonly applied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly snapshotIndex: number;
}

export interface MembersPlan {
  readonly kind: Kind;
  readonly count: number;
  /** The folder of the programs `member` and `load` of the reference. */
  readonly go: string;
  /** Flags of every member. */
  readonly flags: readonly string[];
  /** Flags of Node.js for members of ours. */
  readonly nodeFlags: string;
}

/** So long may anything take that is waited for here: a large state moves slowly on a busy machine. */
const PATIENCE_MS = 900_000;

/** The program gives up at the first answer that takes ten seconds, which a busy machine may need. */
const FILLING_TRIES = 20;

export class StoreMembers {
  private readonly workshop: Workshop;
  private readonly plan: MembersPlan;
  private readonly peers: string;
  private readonly clients: readonly string[];
  private readonly running = new Map<number, Started>();

  private constructor(workshop: Workshop, plan: MembersPlan, ports: readonly number[]) {
    this.workshop = workshop;
    this.plan = plan;
    this.peers = ports
      .slice(0, plan.count)
      .map((port, i) => `${i + 1}=http://127.0.0.1:${port}`)
      .join(',');
    this.clients = ports.slice(plan.count).map((port) => `127.0.0.1:${port}`);
  }

  /** Starts all members, and resolves once they agree on a leader. */
  static async start(workshop: Workshop, plan: MembersPlan): Promise<StoreMembers> {
    const ports = (await freePeers(2 * plan.count)).map(({ port }) => port);
    const members = new StoreMembers(workshop, plan, ports);
    for (const id of members.ids) members.start(id);
    await members.leader();
    return members;
  }

  get ids(): readonly number[] {
    return this.clients.map((_, i) => i + 1);
  }

  endpoint(id: number): string {
    return `http://${this.clients[id - 1]}`;
  }

  usage(id: number): Usage {
    return (this.running.get(id) as Started).usage;
  }

  /** Starts a member that does not run. */
  start(id: number): void {
    const { kind, go, flags, nodeFlags } = this.plan;
    const data = join(this.workshop.folder, `member-${id}`);
    const client = this.clients[id - 1] as string;
    const words = ['--id', String(id), '--peers', this.peers, '--client-addr', client, '--data', data, ...flags];
    const started =
      kind === 'go'
        ? this.workshop.start(join(go, 'member'), words, false)
        : this.workshop.start(
            process.execPath,
            [...nodeFlags.split(' ').filter(Boolean), OUR_MEMBER, 'kv', ...words],
            true,
          );
    this.running.set(id, started);
  }

  async end(id: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.workshop.end(this.running.get(id) as Started, signal);
    this.running.delete(id);
  }

  async status(id: number): Promise<MemberStatus> {
    const answer = await fetch(`${this.endpoint(id)}/status`);
    if (answer.status !== 200) throw new Error(`member ${id}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as MemberStatus;
  }

  /** Resolves with the leader that all running members name. */
  async leader(): Promise<number> {
    let leader = 0;
    await this.until('a leader', async () => {
      const all = await Promise.all([...this.running.keys()].map((id) => this.status(id).catch(() => undefined)));
      leader = all[0]?.leader ?? 0;
      return leader > 0 && all.every((status) => status?.leader === leader);
    });
    return leader;
  }

  /** Resolves once the condition holds. @throws Error if a member has ended meanwhile */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const began = performance.now();
    while (!(await holds())) {
      for (const [id, { child, errors }] of this.running) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`member ${id} has ended (${child.exitCode ?? child.signalCode}): ${errors.join('\n')}`);
      }
      if (performance.now() - began > PATIENCE_MS) throw new Error(`no ${what} after ${PATIENCE_MS / 1000} s`);
      await sleep(20);
    }
  }

  /** Sends a request to a member, again while it says that nothing happened. */
  async ask(id: number, method: string, path: string, body?: object): Promise<void> {
    await this.until(`answer to ${method} ${path}`, async () => {
      const content =
        body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
      const answer = await fetch(`${this.endpoint(id)}${path}`, { method, ...content });
      if (answer.status !== 200 && answer.status !== 503) throw new Error(`${method} ${path}: ${await answer.text()}`);
      await answer.arrayBuffer();
      return answer.status === 200;
    });
  }

  /** Writes every one of so many keys, at this member. */
  async fill(id: number, keys: number, valueBytes: number): Promise<void> {
    const flags = ['-op', 'get', '-c', '1', '-warm', '0s', '-d', '10ms', '-keys', `${keys}`, '-size', `${valueBytes}`];
    for (let left = FILLING_TRIES; ; left--) {
      const loading = this.load(id, flags);
      await once(loading.child, 'close');
      if (loading.child.exitCode === 0) return;
      if (left === 0) throw new Error(`filling failed: ${loading.errors.join('\n')}`);
    }
  }

  /** Puts load on a member. @param flags those of the reference's program `load` */
  load(id: number, flags: readonly string[]): Started {
    const words = ['-endpoints', this.endpoint(id), '-status=false', ...flags];
    return this.workshop.start(join(this.plan.go, 'load'), words, false);
  }

  stop(load: Started): Promise<void> {
    return this.workshop.end(load);
  }
}
