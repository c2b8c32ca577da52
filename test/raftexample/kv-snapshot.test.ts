import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { KvMachine, kvFormat } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { ask, type KvCluster, kvCluster } from './kv-cluster.js';

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}

const PUTS = 300;
const VALUE = 'x'.repeat(100_000);

/** Has a machine apply more than sockets hold, so that most of a copy is still unread when something happens. */
function fill(machine: KvMachine, index: number): void {
  for (let i = 0; i < PUTS; i++) {
    machine.apply({ op: 'put', key: `k${i}`, value: VALUE, ifIndex: undefined }, { index, term: 1, features: 0 });
  }
}

/** Asks for a copy; nothing of it is read yet. */
async function openSnapshot(port: number): Promise<IncomingMessage> {
  const sent = get({ host: '127.0.0.1', port, path: '/snapshot', agent: false });
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response.pause();
}

describe('the store: a copy of it', () => {
  let store: KvCluster;
  afterEach(() => store.stop());

  it('restored into a fresh machine is the same store, and says at which index', async () => {
    store = await kvCluster(3);
    for (let i = 0; i < 40; i++) {
      await ask(store.ports[i % 3] as number, 'PUT', `/kv/k${i % 30}%0A%22%F0%9F%98%80`, { body: `v${i}`.repeat(i) });
    }
    const { text: written } = await ask(store.ports[0] as number, 'PUT', '/kv/last', { body: 'x' });
    for (const port of store.ports) {
      const { status, headers, text } = await ask(port, 'GET', '/snapshot');
      expect(status).to.equal(200);
      expect(Number(headers['raft-index'])).to.be.at.least((JSON.parse(written) as { index: number }).index);
      const { head, state } = await kvFormat.unwrap(one(Buffer.from(text)));
      const machine = new KvMachine();
      await machine.restore(state, { index: Number(headers['raft-index']), term: 1 });
      expect((await head()).members.map(([id]) => id)).to.deep.equal([1n, 2n, 3n]);
      expect(machine.history.floor).to.equal(Number(headers['raft-index']));
      const own = store.machines.get(1n) as KvMachine;
      expect([...machine.entries()]).to.deep.equal([...own.entries()]);
      const fresh = await kvCluster(1, { createMachine: () => machine });
      const digest = (await ask(fresh.ports[0] as number, 'GET', '/digest')).text;
      await fresh.stop();
      const expected = (await ask(port, 'GET', '/digest')).text;
      expect((JSON.parse(digest) as { sha256: string }).sha256).to.equal(
        (JSON.parse(expected) as { sha256: string }).sha256,
      );
    }
  });

  it('is that of one moment, however slowly it is read; there are few at a time', async () => {
    store = await kvCluster(1, { limits: { maxSnapshots: 1 } });
    const [port] = store.ports as [number];
    const machine = store.machines.get(1n) as KvMachine;
    const { index: begin } = store.group.replica(1n).applied;
    fill(machine, begin);
    const response = await openSnapshot(port);
    const refused = await ask(port, 'GET', '/snapshot');
    expect(refused.status).to.equal(503);
    expect(JSON.parse(refused.text)).to.include({ code: 'ERR_KV_BUSY', reason: 'snapshots', retry: 'safe' });
    for (let i = 0; i < PUTS; i++) {
      const at = { index: begin, term: 1, features: 0 };
      machine.apply({ op: 'delete', key: `k${i}`, value: '', ifIndex: undefined }, at);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
    const { state } = await kvFormat.unwrap(one(Buffer.concat(chunks)));
    const restored = new KvMachine();
    await restored.restore(state, { index: begin, term: 1 });
    expect(restored.size).to.equal(PUTS);
    expect(restored.get(`k${PUTS - 1}`)).to.deep.equal({ value: VALUE, index: begin });
    expect((await ask(port, 'GET', '/snapshot')).status).to.equal(200);
  });

  it('is of the index that it names, whatever is applied before it is sent', async () => {
    store = await kvCluster(1);
    const [port] = store.ports as [number];
    const machine = store.machines.get(1n) as KvMachine;
    const replica = store.group.replica(1n);
    const read = replica.read.bind(replica) as (view: () => unknown, options?: object) => Promise<unknown>;
    Object.assign(replica, {
      read: async (view: () => unknown, options?: object): Promise<unknown> => {
        const seen = await read(view, options);
        const at = { index: replica.applied.index + 1, term: 1, features: 0 };
        machine.apply({ op: 'put', key: 'late', value: 'x', ifIndex: undefined }, at);
        return seen;
      },
    });
    const { text } = await ask(port, 'GET', '/snapshot');
    expect(machine.get('late')).to.not.equal(undefined);
    expect(text).to.not.include('late');
  });

  it('a client that hardly takes one loses its place to another', async () => {
    store = await kvCluster(1, { limits: { maxSnapshots: 1, slowSnapshotMs: 50, slowSnapshotBytes: 2 ** 40 } });
    const [port] = store.ports as [number];
    fill(store.machines.get(1n) as KvMachine, 5);
    const response = await openSnapshot(port);
    const closed = new Promise((resolve) => response.on('error', () => {}).once('close', resolve));
    let status = 503;
    while (status === 503) ({ status } = await ask(port, 'GET', '/snapshot'));
    expect(status).to.equal(200);
    response.resume();
    await closed;
    expect(response.complete).to.equal(false);
  });

  it('a client that goes away in the middle frees its place', async () => {
    store = await kvCluster(1, { limits: { maxSnapshots: 1 } });
    const [port] = store.ports as [number];
    fill(store.machines.get(1n) as KvMachine, 5);
    (await openSnapshot(port)).destroy();
    let status = 503;
    while (status === 503) ({ status } = await ask(port, 'GET', '/snapshot'));
    expect(status).to.equal(200);
  });
});
