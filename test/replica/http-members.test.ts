import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type NodeId, silentLogger } from '@raft-ts/raft';
import { HttpTransport } from '@raft-ts/rafthttp';
import { DurableStorage } from '@raft-ts/raftwal';
import { type MemberAddress, Replica } from '@raft-ts/replica';
import { expect } from 'chai';
import express from 'express';
import { Counter } from './machines.js';

const CLUSTER = 0x1000n;

/** A machine: an address that stays, a folder, and the member that runs there. */
class Machine {
  readonly folder: string;
  replica: Replica<number, number> | undefined;
  counter = new Counter();
  private transport: HttpTransport | undefined;
  private readonly server: Server;

  constructor(root: string, name: string) {
    this.folder = join(root, name);
    // The server stands where `serve` would, because the addresses must be known before the first member starts.
    const app = express();
    app.use((req, res, next) => {
      if (this.transport === undefined) res.writeHead(503).end();
      else this.transport.handler()(req, res, next);
    });
    this.server = createServer({ requestTimeout: 0 }, app);
  }

  async listen(): Promise<void> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async start(id: NodeId, begin: { bootstrap?: { peers: readonly MemberAddress[] }; join?: true }): Promise<void> {
    const log = await DurableStorage.open(this.folder, { nodeId: id, clusterId: CLUSTER });
    this.counter = new Counter();
    this.replica = await Replica.start<number, number>({
      id,
      log,
      ...begin,
      transport: (receiver) => {
        this.transport = new HttpTransport({
          id,
          clusterId: CLUSTER,
          receiver,
          onRemoved: receiver.onRemoved,
          incarnation: log.incarnation,
          newLog: log.isNew,
          urls: [this.url],
          timings: { dialRetryMs: 20, probeIntervalMs: 200 },
        });
        return this.transport;
      },
      stateMachine: this.counter,
      tickMs: 20,
      logger: silentLogger,
      snapshots: { everyEntries: 20, keepEntries: 5, keepEntriesForSlow: 5 },
    });
  }

  async stop(): Promise<void> {
    await this.replica?.stop();
    this.replica = undefined;
    this.transport = undefined;
    // Connections of this machine end with its process; here the process stays.
    this.server.closeAllConnections();
  }

  wipe(): void {
    rmSync(this.folder, { recursive: true });
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

describe('replica: members over HTTP, with logs on disk', () => {
  let root: string;
  const machines: Machine[] = [];

  const machine = async (): Promise<Machine> => {
    const made = new Machine(root, `machine-${machines.length}`);
    await made.listen();
    machines.push(made);
    return made;
  };

  before(() => {
    root = mkdtempSync(join(tmpdir(), 'replica-members-'));
  });

  after(async () => {
    await Promise.all(machines.map((one) => one.stop()));
    for (const one of machines) one.close();
    rmSync(root, { recursive: true });
  });

  const member = (one: Machine | undefined): Replica<number, number> => one?.replica as Replica<number, number>;

  /** What a member reads is what was acknowledged anywhere before. */
  const valueAt = (one: Machine): Promise<number> => member(one).read(() => one.counter.value);

  it('one that was given another list of founders is refused and goes on, and is let in with the right one', async () => {
    const [a, b, c] = [await machine(), await machine(), await machine()];
    const peers = [a, b, c].map(({ url }, i) => ({ id: BigInt(i + 1), url }));
    // The first to be met is the one that is wrong.
    await c.start(3n, { bootstrap: { peers: peers.slice(1) } });
    await a.start(1n, { bootstrap: { peers } });
    const said = async (one: Machine): Promise<void> => {
      while (member(one).explain().code !== 'other-founders') await setTimeout(5);
    };
    const isApart = async (one: Machine, other: NodeId): Promise<void> => {
      while (member(one).explain({ member: other }).code !== 'other-founders') await setTimeout(5);
    };
    // Who leads may change meanwhile: a busy machine is late with its heartbeats.
    const inOrder = async (one: Machine): Promise<void> => {
      while (!['leading', 'following'].includes(member(one).explain().code)) await setTimeout(5);
    };
    await isApart(a, 3n);
    await b.start(2n, { bootstrap: { peers } });
    expect((await member(a).propose(1)).result).to.equal(1);
    await said(c);
    await c.stop();
    // It is not let in by a restart with the right list: its log is that of another cluster.
    await c.start(3n, { bootstrap: { peers } });
    await said(c);
    await c.stop();
    c.wipe();
    await c.start(3n, { bootstrap: { peers } });
    expect((await member(c).propose(1)).result).to.equal(2);
    for (const one of [a, b, c]) await inOrder(one);
    for (const one of [a, b, c]) await one.stop();
  });

  it('three are founded, a fourth is added, one removed, one restarted, one wiped and replaced', async () => {
    const [a, b, c, d, e] = [await machine(), await machine(), await machine(), await machine(), await machine()];
    const peers = [a, b, c].map(({ url }, i) => ({ id: BigInt(i + 1), url }));
    await Promise.all([a, b, c].map((one, i) => one.start(BigInt(i + 1), { bootstrap: { peers } })));
    for (let i = 0; i < 60; i++) await member(a).propose(1);
    expect(await valueAt(b)).to.equal(60);

    // A fourth: it is told no address, and gets everything from whoever writes to it.
    const added = await member(b).addMember(
      { url: d.url },
      { onProgress: ({ phase, id }) => (phase === 'added' ? void d.start(id, { join: true }) : undefined) },
    );
    expect(added).to.deep.equal({ id: 4n, url: d.url, role: 'voter' });
    expect(await valueAt(d)).to.equal(60);
    expect(d.counter.applied.length, 'a snapshot and the rest').to.be.below(40);
    expect((await member(d).propose(1)).result).to.equal(61);

    // One is removed, on another one: it is told so and ends, and its folder is refused from then on.
    const removed = member(a).ended;
    await member(d).removeMember(1n);
    expect((await removed).reason).to.equal('removed');
    await a.stop();
    await a.start(1n, { bootstrap: { peers } });
    expect((await member(a).ended).reason).to.equal('removed');
    await a.stop();

    // One is restarted after its log was compacted: it knows the fourth, of which its founders' list says nothing.
    await b.stop();
    for (let i = 0; i < 60; i++) await member(c).propose(1);
    await b.start(2n, { bootstrap: { peers } });
    expect(await valueAt(b)).to.equal(121);
    expect(member(b).members()).to.deep.equal(
      [c, d].reduce(
        (all, { url }, i) => [...all, { id: BigInt(i + 3), url, role: 'voter' }],
        [{ id: 2n, url: b.url, role: 'voter' }],
      ),
    );

    // One loses its disk: the others refuse it at first contact, and what ends it names the call that replaces it.
    await c.stop();
    c.wipe();
    await c.start(3n, { bootstrap: { peers } });
    const { reason, error } = await member(c).ended;
    expect(reason).to.equal('failed');
    expect(error).to.include({ code: 'ERR_RAFT_REFUSED', reason: 'incarnation' });
    expect((error as Error).message).to.include('replaceMember(3n, { url })');
    await c.stop();
    c.wipe();
    const replaced = await member(b).replaceMember(
      3n,
      { url: c.url },
      { onProgress: ({ phase, id }) => (phase === 'added' ? void c.start(id, { join: true }) : undefined) },
    );
    expect(replaced).to.deep.equal({ id: 5n, url: c.url, role: 'voter' });
    expect(await valueAt(c)).to.equal(121);

    // An address that nobody could dial does not get into the log.
    const refused = await member(b)
      .addMember({ url: 'nonsense' })
      .catch((failure: unknown) => failure);
    expect(refused).to.include({ code: 'ERR_RAFT_PEER_URL' });
    expect(member(b).members().length).to.equal(3);
    await e.stop();
  });

  it('a folder of another member or cluster is refused at start', async () => {
    const one = await machine();
    const open = (nodeId: bigint, clusterId: bigint): Promise<DurableStorage> =>
      DurableStorage.open(one.folder, { nodeId, clusterId });
    const storage = await open(7n, CLUSTER);
    await storage.save({ hardState: { term: 1, vote: 7n, commit: 0 } });
    await storage.close();
    const lost = join(one.folder, 'wal');
    for (const [nodeId, clusterId, advice] of [
      [8n, CLUSTER, 'replaceMember'],
      [7n, CLUSTER + 1n, 'with an empty folder'],
    ] as const) {
      const error = await open(nodeId, clusterId).catch((failure: unknown) => failure);
      expect(error).to.include({ code: 'ERR_RAFT_WAL_IDENTITY' });
      expect((error as Error).message).to.include(advice);
    }
    for (const name of readdirSync(lost)) if (name.endsWith('.wal')) rmSync(join(lost, name));
    const error = await open(7n, CLUSTER).catch((failure: unknown) => failure);
    expect(error).to.include({ code: 'ERR_RAFT_WAL_NOT_FOUND' });
    expect((error as Error).message).to.include('replaceMember');
  });
});
