import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NodeId } from '@raft-ts/raft';
import {
  adminOf,
  createFace,
  type FaceHost,
  type FaceServer,
  FEATURES,
  type KvCommand,
  KvMachine,
  type KvResult,
  kvFormat,
  LeaseClock,
} from '@raft-ts/raftexample/internal';
import { type Replica, systemClock } from '@raft-ts/replica';
import { cluster, type MemoryCluster, type MemoryClusterOptions } from '@raft-ts/replica/memory';
import { Registry } from 'prom-client';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Asked {
  readonly body?: string | Uint8Array;
  readonly headers?: Record<string, string | string[]>;
}

/** A request whose path is sent as it is: no URL parser looks at it. */
export function ask(port: number, method: string, path: string, { body, headers = {} }: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers: received } = response;
        resolve({ status, headers: received, text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export interface KvClusterOptions
  extends Partial<Pick<FaceHost, 'maxValue' | 'limits' | 'token' | 'readyMs' | 'createServer'>> {
  readonly replica?: MemoryClusterOptions<KvCommand, KvResult>;
  readonly createMachine?: () => KvMachine;
}

/** Members of the store in this process, each with its HTTP face on a port of its own. */
export class KvCluster {
  readonly group: MemoryCluster<KvCommand, KvResult>;
  readonly machines: Map<NodeId, KvMachine>;
  /** Ports of the faces, that of member 1 first. */
  readonly ports: number[] = [];
  readonly faces: FaceServer[] = [];
  private readonly clocks: LeaseClock[] = [];
  private readonly options: KvClusterOptions;

  constructor(group: MemoryCluster<KvCommand, KvResult>, machines: Map<NodeId, KvMachine>, options: KvClusterOptions) {
    this.group = group;
    this.machines = machines;
    this.options = options;
  }

  /** Opens the face of a member, in the place of that which it had. */
  async open(replica: Replica<KvCommand, KvResult>): Promise<void> {
    const at = Number(replica.id) - 1;
    const machine = this.machines.get(replica.id) as KvMachine;
    const { maxValue = 2 ** 20, readyMs = 500, limits = {}, token, createServer } = this.options;
    const face = createFace({
      replica,
      machine,
      maxValue,
      readyMs,
      limits,
      token,
      createServer,
      registry: new Registry(),
      status: () => ({
        id: replica.id,
        clusterId: 2n ** 64n - 1n,
        leader: replica.leadership.leader,
        state: replica.leadership.leading ? 'leader' : 'follower',
        term: replica.leadership.term,
        commit: replica.status().hardState.commit,
        applied: replica.applied.index,
        firstIndex: 1,
        lastIndex: 1,
        snapshotIndex: 0,
        voters: idsOf(replica, 'voter'),
        learners: idsOf(replica, 'learner'),
        members: Object.fromEntries(replica.members().map(({ id, url }) => [id.toString(), url])),
        pid: 1,
        warnings: [],
      }),
      clients: () => Object.fromEntries(this.ports.map((port, i) => [String(i + 1), `http://127.0.0.1:${port}`])),
      admin: adminOf(replica, 1000, () => {}, 'http'),
      tell: (text) => {
        throw new Error(text);
      },
    });
    this.closeFace(at);
    this.clocks[at] = new LeaseClock({ replica, leases: machine.leases, clock: systemClock() });
    face.listen(this.ports[at] ?? 0, '127.0.0.1');
    await once(face, 'listening');
    this.faces[at] = face;
    this.ports[at] = (face.address() as AddressInfo).port;
  }

  closeFace(at: number): void {
    this.clocks[at]?.stop();
    this.faces[at]?.close();
    this.faces[at]?.closeAllConnections();
  }

  async stop(): Promise<void> {
    for (const at of this.faces.keys()) this.closeFace(at);
    await this.group.stop();
  }
}

function idsOf(replica: Replica<KvCommand, KvResult>, role: 'voter' | 'learner'): NodeId[] {
  return replica.members().flatMap((member) => (member.role === role ? [member.id] : []));
}

/** Starts so many members, and waits until one of them leads, and what they all understand is open. */
export async function kvCluster(size: number, options: KvClusterOptions = {}): Promise<KvCluster> {
  const machines = new Map<NodeId, KvMachine>();
  const group = await cluster(
    size,
    (id) => {
      const machine = options.createMachine?.() ?? new KvMachine();
      machines.set(id, machine);
      return machine;
    },
    { format: kvFormat, features: FEATURES, timeoutMs: 1000, ...options.replica },
  );
  await group.leader();
  const level = options.replica?.features ?? FEATURES;
  while (group.replicas.some(({ features }) => features.open < level)) await new Promise(setImmediate);
  const made = new KvCluster(group, machines, options);
  for (const replica of group.replicas) await made.open(replica);
  return made;
}
