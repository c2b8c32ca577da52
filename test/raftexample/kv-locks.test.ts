import { setTimeout as sleep } from 'node:timers/promises';
import type { KvMachine } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { type Answer, ask, type KvCluster, kvCluster } from './kv-cluster.js';

type Json = Readonly<Record<string, unknown>>;

/** As long as a request may wait for a lock. */
const LONG_MS = 30_000;

describe('the store: leases and locks by HTTP', function http() {
  let store: KvCluster;

  before(async () => {
    store = await kvCluster(3, { limits: { maxLockWaiters: 2 } });
  });
  after(() => store.stop());

  /** Asks a member, another one each time. */
  let turn = 0;
  const port = (): number => store.ports[turn++ % 3] as number;
  const json = ({ text }: Answer): Json => JSON.parse(text) as Json;
  const grant = async (ttlMs = 60_000): Promise<number> => {
    const answer = await ask(port(), 'POST', '/leases', { body: JSON.stringify({ ttlMs }) });
    expect(answer.status, answer.text).to.equal(200);
    return json(answer)['id'] as number;
  };
  const put = (key: string, lease: number): Promise<Answer> =>
    ask(port(), 'PUT', `/kv/${key}?lease=${lease}`, { body: 'v' });
  const lock = (name: string, lease: number, waitMs = 0): Promise<Answer> =>
    ask(port(), 'POST', `/locks/${name}`, { body: JSON.stringify({ lease, waitMs }) });
  const release = (name: string, fence: unknown): Promise<Answer> =>
    ask(port(), 'DELETE', `/locks/${name}?fence=${String(fence)}`);

  it('a key vanishes with its lease, which is kept, on every member, until its holder stops', async () => {
    const lease = await grant(2000);
    const { index } = json(await put('mine', lease));
    for (let i = 0; i < 10; i++) {
      await sleep(300);
      const kept = await ask(port(), 'POST', `/leases/${lease}/keepalive`);
      expect(json(kept)).to.deep.include({ id: lease, ttlMs: 2000 });
    }
    expect((await ask(port(), 'GET', '/kv/mine')).headers['etag']).to.equal(`"${String(index)}"`);
    expect(json(await ask(port(), 'GET', `/leases/${lease}`))).to.deep.include({ id: lease, keys: ['mine'] });
    while ((await ask(port(), 'GET', '/kv/mine')).status !== 404) await sleep(50);
    const gone = await ask(port(), 'POST', `/leases/${lease}/keepalive`);
    expect(json(gone)).to.include({ status: 404, code: 'ERR_KV_NOT_FOUND', reason: 'lease' });
    expect((await put('mine', lease)).status).to.equal(404);
    const digests = await Promise.all(
      store.ports.map(async (one) => {
        // Each has applied what was acknowledged before.
        await ask(one, 'GET', '/kv/mine');
        return json(await ask(one, 'GET', '/digest'))['sha256'];
      }),
    );
    expect(new Set(digests).size).to.equal(1);
  });

  it('a lease that is revoked ends at once; conditions and keys of requests go with leases too', async () => {
    const once = { 'Idempotency-Key': '"grant"' };
    const body = '{"ttlMs":60000}';
    const [first, again] = [
      await ask(port(), 'POST', '/leases', { body, headers: once }),
      await ask(port(), 'POST', '/leases', { body, headers: once }),
    ];
    expect(json(again)).to.deep.equal(json(first));
    const lease = json(first)['id'] as number;
    expect((await put('k', lease)).status).to.equal(200);
    const absent = await ask(port(), 'PUT', `/kv/k?lease=${lease}`, { body: 'w', headers: { 'If-None-Match': '*' } });
    expect(absent.status).to.equal(412);
    const named = { body: 'x', headers: { 'Idempotency-Key': '"put"' } };
    const one = await ask(port(), 'PUT', `/kv/k2?lease=${lease}`, named);
    expect(json(await ask(port(), 'PUT', `/kv/k2?lease=${lease}`, named))).to.deep.equal(json(one));
    expect((await ask(port(), 'DELETE', `/leases/${lease}`)).status).to.equal(200);
    for (const key of ['k', 'k2']) expect((await ask(port(), 'GET', `/kv/${key}`)).status).to.equal(404);
    expect((await ask(port(), 'DELETE', `/leases/${lease}`)).status).to.equal(404);
  });

  it('one lease at a time holds a lock, and fences only grow', async () => {
    const [a, b] = [await grant(), await grant()];
    const taken = json(await lock('l', a));
    expect(taken).to.deep.include({ name: 'l', lease: a, fence: taken['index'] });
    expect(json(await lock('l', a))['fence'], 'asked again').to.equal(taken['fence']);
    const held = await lock('l', b);
    expect(json(held)).to.deep.include({
      status: 409,
      code: 'ERR_KV_LOCKED',
      retry: 'safe',
      lease: a,
      fence: taken['fence'],
    });
    expect(json(await ask(port(), 'GET', '/locks/l'))).to.deep.equal({ name: 'l', lease: a, fence: taken['fence'] });
    expect(json(await release('l', Number(taken['fence']) + 1))['released']).to.equal(false);
    expect(json(await release('l', taken['fence']))['released']).to.equal(true);
    const next = json(await lock('l', b));
    expect(next['fence']).to.be.above(taken['fence'] as number);
    await ask(port(), 'DELETE', `/leases/${b}`);
    expect((await ask(port(), 'GET', '/locks/l')).status).to.equal(404);
  });

  it('a request waits for a lock until it is given back, its holder’s lease ends, or its own time is over', async () => {
    const [a, b] = [await grant(), await grant()];
    const { fence } = json(await lock('w', a));
    const began = performance.now();
    expect((await lock('w', b, 200)).status).to.equal(409);
    expect(performance.now() - began).to.be.above(190);
    const waits = lock('w', b, 20_000);
    await sleep(50);
    await release('w', fence);
    expect(json(await waits)).to.include({ lease: b });
    const other = json(await lock('w2', await grant(2000)));
    const heir = json(await lock('w2', a, 20_000));
    expect(heir['lease']).to.equal(a);
    expect(heir['fence']).to.be.above(other['fence'] as number);
  });

  it('no more than so many wait on one member, and whoever goes away waits no longer', async () => {
    const [a, b] = [await grant(), await grant()];
    const { fence } = json(await lock('busy', a));
    const asked = { method: 'POST', body: JSON.stringify({ lease: b, waitMs: LONG_MS }) };
    const url = `http://127.0.0.1:${String(store.ports[0])}/locks/busy`;
    const { locks } = (store.machines.get(1n) as KvMachine).leases;
    const waiters = (): number => locks['waiting'].get('busy')?.size ?? 0;
    const until = async (number: number): Promise<void> => {
      while (waiters() !== number) await sleep(5);
    };
    const away = new AbortController();
    const gone = [1, 2].map(() => fetch(url, { ...asked, signal: away.signal }).catch(() => {}));
    await until(2);
    const more = await fetch(url, asked);
    expect(more.status).to.equal(503);
    expect(await more.json()).to.include({ code: 'ERR_KV_BUSY', reason: 'locks' });
    const left = performance.now();
    away.abort();
    await Promise.all(gone);
    await until(0);
    expect(performance.now() - left, 'nobody waited out their time').to.be.below(LONG_MS / 2);
    expect(json(await ask(port(), 'GET', '/locks/busy'))['lease']).to.equal(a);
    // Their places are free.
    const heir = fetch(url, asked);
    await Promise.race([heir, until(1)]);
    await release('busy', fence);
    expect(await (await heir).json()).to.include({ name: 'busy', lease: b });
  });

  it('what makes no sense is refused', async () => {
    for (const [method, path, body] of [
      ['POST', '/leases', '{"ttlMs":999}'],
      ['POST', '/leases', '{"ttlMs":86400001}'],
      ['POST', '/leases', '{"ttlMs":1000.5}'],
      ['POST', '/leases', '{"ttlMs":1000,"ttl":1}'],
      ['POST', '/leases', '[]'],
      ['PUT', '/kv/k?lease=x', 'v'],
      ['PUT', '/kv/k?lease=1&lease=2', 'v'],
      ['POST', '/locks/l', '{"lease":0}'],
      ['POST', '/locks/l', '{"lease":1,"waitMs":30001}'],
      ['POST', '/locks/l', '{"lease":1,"wait":1}'],
      ['DELETE', '/locks/l?fence=', undefined],
      ['POST', `/locks/${'é'.repeat(129)}`, '{"lease":1}'],
    ] as const) {
      const answer = await ask(port(), method, path, body === undefined ? {} : { body });
      expect(answer.status, `${method} ${path} ${String(body)}: ${answer.text}`).to.equal(400);
    }
  });
});
