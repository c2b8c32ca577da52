/** Real etcd servers as processes, and their JSON gateway. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EtcdMember } from './etcd-ids.js';

/** Where the releases of etcd are built from, each its published module. */
const sources = {
  '3.7.1': '../../reference/etcd',
  '3.6.16': '../../interop/etcd-releases/v36',
  '3.5.21': '../../interop/etcd-releases/v35',
} as const;

export type EtcdRelease = keyof typeof sources;

/** Builds an etcd server; returns why if that is not possible. */
export function buildEtcd(release: EtcdRelease, binary: string): string | undefined {
  const folder = fileURLToPath(new URL(sources[release], import.meta.url));
  try {
    execFileSync('go', ['build', '-o', binary, '.'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: Buffer };
    return code === 'ENOENT' ? 'there is no Go toolchain' : `etcd does not build: ${String(stderr).slice(0, 200)}`;
  }
}

export interface EtcdOptions {
  readonly binary: string;
  readonly folder: string;
  readonly token: string;
  readonly clientUrl: string;
  readonly member: EtcdMember;
  readonly members: readonly EtcdMember[];
  readonly flags?: readonly string[];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export class EtcdServer {
  readonly options: EtcdOptions;
  private child: ChildProcess | undefined;

  constructor(options: EtcdOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.member.name;
  }

  get walFolder(): string {
    return join(this.options.folder, this.name, 'member/wal');
  }

  start(): void {
    const { binary, folder, token, clientUrl, member, members, flags = [] } = this.options;
    const [peerUrl] = member.peerUrls as [string];
    const args = {
      name: member.name,
      'data-dir': join(folder, member.name),
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'initial-cluster': members.map(({ name, peerUrls }) => `${name}=${peerUrls[0]}`).join(','),
      'initial-cluster-token': token,
      'log-level': 'error',
    };
    const list = Object.entries(args).flatMap(([name, value]) => [`--${name}`, value]);
    this.child = spawn(binary, [...list, ...flags], { stdio: 'ignore' });
  }

  get running(): boolean {
    return this.child?.exitCode === null && this.child.signalCode === null;
  }

  async kill(): Promise<void> {
    const { child } = this;
    if (child === undefined || !this.running) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** One call of the gateway. Rejects if the server does not answer within `timeoutMs`, or answers with an error. */
  async call(path: string, body: object, timeoutMs = 5000): Promise<Record<string, unknown>> {
    const answer = await fetch(`${this.options.clientUrl}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async put(key: string, value: string, timeoutMs?: number): Promise<void> {
    await this.call('kv/put', { key: base64(key), value: base64(value) }, timeoutMs);
  }

  /** A linearizable read. */
  async get(key: string, timeoutMs?: number): Promise<string | undefined> {
    const { kvs } = (await this.call('kv/range', { key: base64(key) }, timeoutMs)) as { kvs?: { value: string }[] };
    return kvs?.[0] === undefined ? undefined : Buffer.from(kvs[0].value, 'base64').toString();
  }

  /** Who this server thinks leads; 0 if nobody does. */
  async leader(): Promise<bigint> {
    const { leader } = (await this.call('maintenance/status', {})) as { leader?: string };
    return BigInt(leader ?? '0');
  }

  async version(): Promise<Record<string, string>> {
    const answer = await fetch(`${this.options.clientUrl}/version`, { signal: AbortSignal.timeout(60_000) });
    return (await answer.json()) as Record<string, string>;
  }
}
