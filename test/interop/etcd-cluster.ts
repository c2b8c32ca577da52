/** What the tests with real etcd servers have in common. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePeers } from '../raftexample/processes.js';
import { type EtcdMember, memberId } from './etcd-ids.js';
import { buildEtcd, type EtcdRelease, EtcdServer } from './etcd-server.js';
import { EtcdVoter } from './etcd-voter.js';

export const TOKEN = 'interop';

/** Generous: the figures that are printed say how long it really took. */
const PATIENCE_MS = 60_000;

/** A request to a server that has just lost its leader waits for long: it is given up, and made again. */
const TRY_MS = 400;

/** Resolves to what `look` finds, other than undefined and false. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  let last: unknown;
  while (performance.now() < end) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = error;
    }
    await sleep(50);
  }
  throw new Error(`not within a minute: ${what}; ${String(last)}`);
}

export function say(text: string): void {
  process.stdout.write(`      ${text}\n`);
}

/** Tries until both hold on this server: a put, and a linearizable read of it. Resolves to how long that took. */
export async function served(server: EtcdServer, key: string, value: string): Promise<number> {
  const began = performance.now();
  await eventually(`${server.name} serves`, async () => {
    await server.put(key, value, TRY_MS);
    return (await server.get(key, TRY_MS)) === value;
  });
  return Math.round(performance.now() - began);
}

/** Two etcd servers, and a place for a voter of ours. */
export class EtcdCluster {
  readonly etcds: [EtcdServer, EtcdServer];
  readonly members: readonly EtcdMember[];
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-interop-'));
  voter: EtcdVoter | undefined;

  private constructor(
    binary: string,
    members: readonly EtcdMember[],
    clients: readonly string[],
    flags: readonly string[],
  ) {
    this.members = members;
    const [a, b] = members.slice(0, 2).map((member, i) => {
      const clientUrl = clients[i] as string;
      return new EtcdServer({ binary, folder: this.folder, token: TOKEN, clientUrl, member, members, flags });
    });
    this.etcds = [a as EtcdServer, b as EtcdServer];
  }

  /** @param scheme of the members among themselves */
  static async create(
    binary: string,
    flags: readonly string[] = [],
    scheme: 'http' | 'https' = 'http',
  ): Promise<EtcdCluster> {
    const ports = (await freePeers(5)).map(({ port }) => port);
    const members = ['a', 'b', 'ours'].map((name, i): EtcdMember => {
      const peerUrls = [`${scheme}://127.0.0.1:${ports[i]}`];
      return { name, peerUrls, id: memberId(peerUrls, TOKEN) };
    });
    const clients = ports.slice(3).map((port) => `http://127.0.0.1:${port}`);
    return new EtcdCluster(binary, members, clients, flags);
  }

  async startVoter(start: 'boot' | 'empty', keepLeadership = false): Promise<EtcdVoter> {
    const self = this.members[2] as EtcdMember;
    this.voter = await EtcdVoter.start({
      self,
      members: this.members,
      folder: join(this.folder, 'ours'),
      start,
      keepLeadership,
    });
    return this.voter;
  }

  /** The etcd that leads, once both etcds agree on it. */
  leadingEtcd(): Promise<EtcdServer> {
    return eventually('an etcd leads', async () => {
      const [one, two] = await Promise.all(this.etcds.map((etcd) => etcd.leader()));
      return one === two ? this.etcds.find((etcd) => etcd.options.member.id === one) : undefined;
    });
  }

  other(etcd: EtcdServer): EtcdServer {
    return this.etcds[0] === etcd ? this.etcds[1] : this.etcds[0];
  }

  async end(): Promise<void> {
    await this.voter?.stop();
    await Promise.all(this.etcds.map((etcd) => etcd.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Builds this release before the tests of a suite. Returns where it will be. */
export function needsEtcd(release: EtcdRelease): string {
  const folder = mkdtempSync(join(tmpdir(), 'etcd-binary-'));
  const binary = join(folder, 'etcd');
  before(function build() {
    const why =
      process.env['RAFT_TS_INTEROP'] === undefined
        ? 'building etcd takes minutes; npm run test:interop runs these'
        : buildEtcd(release, binary);
    if (why === undefined) return;
    console.log(`      skipped: ${why}`);
    this.skip();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  return binary;
}
