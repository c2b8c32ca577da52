/** Clusters of members as processes, on etcd's packages or ours, whose links can be cut. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Authority } from '../rafthttp/certificates.js';
import { freePort } from '../rafthttp/members.js';

export const releases = { '3.7.1': 'v37', '3.6.16': 'v36', '3.5.21': 'v35' } as const;
export type Release = keyof typeof releases;

const sources = fileURLToPath(new URL('../../interop/go', import.meta.url));

/** Builds the Go member of a release into this folder; returns why if that is not possible. */
export function buildMember(release: Release, folder: string): string | undefined {
  const name = releases[release];
  const flags: string[] = [];
  if (name === 'v35') {
    // The source of 3.6 with the older import paths.
    const source = readFileSync(join(sources, 'v36/member.go'), 'utf8')
      .replaceAll('go.etcd.io/raft/v3', 'go.etcd.io/etcd/raft/v3')
      .replaceAll('server/v3/storage/wal', 'server/v3/wal');
    writeFileSync(join(folder, 'member.go'), source);
    const overlay = { Replace: { [join(sources, 'v35/member.go')]: join(folder, 'member.go') } };
    writeFileSync(join(folder, 'overlay.json'), JSON.stringify(overlay));
    flags.push('-overlay', join(folder, 'overlay.json'));
  }
  try {
    execFileSync('go', ['build', ...flags, '-o', join(folder, name), '.'], {
      cwd: join(sources, name),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    return code === 'ENOENT' ? 'there is no Go toolchain' : `it does not build: ${String(stderr).slice(0, 200)}`;
  }
}

/** A way from one member to another, through a port of its own. */
class Link {
  private readonly server: Server;
  private readonly target: number;
  private readonly sockets = new Set<Socket>();
  private cutOff = false;

  constructor(target: number) {
    this.target = target;
    this.server = createServer((near) => this.join(near));
  }

  async open(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    this.cutOff = true;
    for (const socket of this.sockets) socket.destroy();
  }

  mend(): void {
    this.cutOff = false;
  }

  close(): void {
    this.server.close();
    this.cut();
  }

  private join(near: Socket): void {
    if (this.cutOff) {
      near.destroy();
      return;
    }
    const far = createConnection(this.target, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(one);
      one.setNoDelay();
      one.on('error', () => undefined);
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

export interface Status {
  readonly lead: number;
  readonly applied: number;
  /** Entries with text. */
  readonly count: number;
  /** Snapshots received, within their message and streamed beside it. */
  readonly inline: number;
  readonly streamed: number;
}

export interface ClusterOptions {
  readonly folder: string;
  /** For each member the program of a Go release, or `ours`. */
  readonly programs: readonly string[];
  readonly stream: boolean;
  readonly authority?: Authority | undefined;
}

/** A member's process. */
export class LogProcess {
  readonly id: number;
  readonly isOurs: boolean;
  private readonly command: readonly string[];
  private child: ChildProcess | undefined;
  private lines: Interface | undefined;

  constructor(id: number, program: string, args: readonly string[]) {
    this.id = id;
    this.isOurs = program === 'ours';
    const ours = fileURLToPath(new URL('log-member.js', import.meta.url));
    this.command = this.isOurs ? [process.execPath, ours, ...args] : [program, ...args];
  }

  async start(): Promise<void> {
    const [program, ...args] = this.command as [string, ...string[]];
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface(this.child.stdout as NodeJS.ReadableStream);
    await this.answer(/^ready$/u);
  }

  async kill(): Promise<void> {
    if (this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.ask('status', /^\{/u)) as Status;
  }

  async transfer(to: number): Promise<void> {
    await this.ask(`transfer ${to}`, /^transferred$/u);
  }

  /** Resolves when all of it was applied at this member. */
  async propose(prefix: string, count: number): Promise<void> {
    await this.ask(`propose ${prefix} ${count}`, new RegExp(`^proposed ${prefix}$`, 'u'));
  }

  async dump(file: string): Promise<string> {
    await this.ask(`dump ${file}`, /^dumped$/u);
    return readFileSync(file, 'utf8');
  }

  private ask(line: string, form: RegExp): Promise<string> {
    const answered = this.answer(form);
    this.child?.stdin?.write(`${line}\n`);
    return answered;
  }

  private answer(form: RegExp): Promise<string> {
    const lines = this.lines as Interface;
    return new Promise((resolve, reject) => {
      const over = (): void => {
        lines.off('line', look);
        lines.off('close', gone);
      };
      const look = (line: string): void => {
        if (!form.test(line)) return;
        over();
        resolve(line);
      };
      const gone = (): void => {
        over();
        reject(new Error(`member ${this.id} ended before it answered ${form}`));
      };
      lines.on('line', look);
      lines.on('close', gone);
    });
  }
}

/** Members 1 to n, and a link for each pair in each direction. */
export class LogCluster {
  readonly members: readonly LogProcess[];
  private readonly links: ReadonlyMap<string, Link>;
  private readonly folder: string;

  private constructor(members: readonly LogProcess[], links: ReadonlyMap<string, Link>, folder: string) {
    this.members = members;
    this.links = links;
    this.folder = folder;
  }

  static async start({ folder, programs, stream, authority }: ClusterOptions): Promise<LogCluster> {
    const ids = programs.map((_, i) => i + 1);
    const ports = new Map<number, number>();
    for (const id of ids) ports.set(id, await freePort());
    const links = new Map<string, Link>();
    const members: LogProcess[] = [];
    const scheme = authority === undefined ? 'http' : 'https';
    for (const [i, program] of programs.entries()) {
      const id = i + 1;
      const peers: string[] = [];
      for (const other of ids) {
        const direct = ports.get(other) as number;
        const link = new Link(direct);
        if (other !== id) links.set(`${id} ${other}`, link);
        peers.push(`${other}=${scheme}://127.0.0.1:${other === id ? direct : await link.open()}`);
      }
      const args = ['-id', String(id), '-peers', peers.join(','), '-listen', `127.0.0.1:${ports.get(id)}`];
      args.push('-data', join(folder, String(id)), '-snapshot-every', '500', '-keep', '50');
      if (stream) args.push('-stream');
      if (authority !== undefined) {
        const { certFile, keyFile } = authority.issue(`member-${id}`, { cn: String(id), hosts: ['127.0.0.1'] });
        args.push('-cert', certFile, '-key', keyFile, '-ca', authority.caFile);
      }
      members.push(new LogProcess(id, program, args));
    }
    await Promise.all(members.map((member) => member.start()));
    return new LogCluster(members, links, folder);
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    for (const link of this.links.values()) link.close();
  }

  /** Cut all links of this member, in both directions. */
  cut({ id }: LogProcess): void {
    for (const link of this.linksOf(id)) link.cut();
  }

  mend({ id }: LogProcess): void {
    for (const link of this.linksOf(id)) link.mend();
  }

  /** Wait until this member leads, helping if another one does. */
  async lead(member: LogProcess, others: readonly LogProcess[]): Promise<void> {
    await this.until(`member ${member.id} leads`, async () => {
      const { lead } = await member.status();
      if (lead === member.id) return true;
      await others.find(({ id }) => id === lead)?.transfer(member.id);
      await sleep(300);
      return false;
    });
  }

  /** The state of each, when all have applied as much. */
  async dumps(): Promise<string[]> {
    await this.until('all have applied the same', async () => {
      const applied = await Promise.all(this.members.map(async (member) => (await member.status()).applied));
      return applied.every((one) => one === applied[0]);
    });
    return Promise.all(this.members.map((member) => member.dump(join(this.folder, `dump-${member.id}`))));
  }

  async until(what: string, holds: () => Promise<boolean>, seconds = 60): Promise<void> {
    const end = Date.now() + seconds * 1000;
    while (!(await holds())) {
      if (Date.now() > end) {
        const states = await Promise.all(this.members.map((member) => member.status().catch(String)));
        throw new Error(`not within ${seconds} s: ${what}; ${JSON.stringify(states)}`);
      }
      await sleep(50);
    }
  }

  private linksOf(id: number): Link[] {
    return [...this.links].filter(([key]) => key.split(' ').includes(String(id))).map(([, link]) => link);
  }
}
