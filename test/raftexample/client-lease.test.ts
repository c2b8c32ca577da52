import { type Lease, type Lock, StoreClient, type StoreError } from '@raft-ts/raftexample/client';
import { expect } from 'chai';
import { type KvCluster, kvCluster } from './kv-cluster.js';
import { type Act, json, problem, reset, Scripted, silence } from './scripted.js';

const aborted = (signal: AbortSignal): Promise<StoreError> =>
  new Promise((resolve) => {
    const done = (): void => resolve(signal.reason as StoreError);
    if (signal.aborted) done();
    else signal.addEventListener('abort', done, { once: true });
  });

describe('the client: leases and locks', () => {
  const noLease = problem(404, { code: 'ERR_KV_NOT_FOUND', reason: 'lease', retry: 'no' });

  describe('with answers as they may come', () => {
    let at: Scripted;
    let client: StoreClient;
    const scene = async (...acts: Act[]): Promise<void> => {
      at = await Scripted.start(...acts);
      client = new StoreClient({ endpoints: [at.url], learn: false, pauseMs: 1, longestPauseMs: 2 });
    };

    afterEach(async () => {
      await client.close();
      await at.stop();
    });

    it('a lease is granted once however often it is asked for, and kept three times in its time', async () => {
      const granted = json(200, { index: 7, id: 7, ttlMs: 1000 });
      await scene(reset, granted);
      const lease = await client.lease({ ttlMs: 1000 });
      expect([lease.id, lease.ttlMs, lease.lost.aborted]).to.deep.equal([7, 1000, false]);
      expect(at.asked).to.deep.equal(['POST /leases', 'POST /leases']);
      const [one, two] = at.received.map(({ headers }) => headers['idempotency-key']);
      expect(one).to.match(/^"[0-9a-f-]{36}"$/u);
      expect(two).to.equal(one);
      while (at.asked.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(at.asked.slice(2)).to.deep.equal(['POST /leases/7/keepalive', 'POST /leases/7/keepalive']);
      await lease.close();
      expect(at.asked.at(-1)).to.equal('DELETE /leases/7');
      expect(lease.lost.aborted).to.equal(true);
    });

    it('is lost when no member keeps it in time, or says that it has ended', async () => {
      await scene(json(200, { index: 7, id: 7, ttlMs: 1000 }), reset);
      const began = performance.now();
      const lease = await client.lease({ ttlMs: 1000 });
      expect(await aborted(lease.lost)).to.include({ code: 'ERR_CLIENT_LEASE_LOST' });
      // It is relied on for 99 % of its time.
      expect(performance.now() - began).to.be.at.least(980);
      // That it has ended already is no failure.
      at.play(noLease);
      await lease.close();
      at.play(json(200, { index: 8, id: 8, ttlMs: 1000 }), noLease);
      const other = await client.lease({ ttlMs: 1000 });
      expect((await aborted(other.lost)).message).to.equal('the lease has ended');
    });

    it('outlasts a keepalive that is not answered', async () => {
      const granted = json(200, { index: 7, id: 7, ttlMs: 2000 });
      await scene(granted, silence, json(200, { index: 8 }));
      const lease = await client.lease({ ttlMs: 2000 });
      let lost = false;
      lease.lost.addEventListener('abort', () => {
        lost = true;
      });
      while (at.asked.length < 4 && !lost) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(lost).to.equal(false);
      expect(new Set(at.asked.slice(1))).to.deep.equal(new Set(['POST /leases/7/keepalive']));
      await lease.close();
    });

    it('is lost when its client is closed', async () => {
      await scene(json(200, { index: 7, id: 7, ttlMs: 60_000 }));
      const lease = await client.lease({ ttlMs: 60_000 });
      await client.close();
      expect((await aborted(lease.lost)).message).to.equal('the client was closed');
    });

    it('a lock is asked for until it is free, and its lease ends if it is not had', async () => {
      const held = problem(409, { code: 'ERR_KV_LOCKED', reason: 'held', retry: 'no', name: 'n', lease: 3, fence: 4 });
      await scene(
        json(200, { index: 7, id: 7, ttlMs: 9000 }),
        held,
        reset,
        json(200, { index: 9, name: 'n', lease: 7, fence: 9 }),
      );
      const lock = (await client.lock('a/b', { ttlMs: 9000 })) as Lock;
      expect([lock.name, lock.fence]).to.deep.equal(['a/b', 9]);
      expect(at.asked).to.deep.equal(['POST /leases', ...Array<string>(3).fill('POST /locks/a%2Fb')]);
      expect(JSON.parse(at.received[1]?.body ?? '')).to.deep.equal({ lease: 7, waitMs: 3500 });
      at.play(json(200, { index: 8, id: 8, ttlMs: 9000 }), held, json(200, { index: 10 }));
      expect(await client.lock('n', { ttlMs: 9000, waitMs: 0 })).to.equal(undefined);
      expect(at.asked.slice(-3)).to.deep.equal(['POST /leases', 'POST /locks/n', 'DELETE /leases/8']);
      expect(JSON.parse(at.received.at(-2)?.body ?? '')).to.deep.equal({ lease: 8, waitMs: 0 });
      const wrong: unknown = await client.lock('').catch((error: unknown) => error);
      expect(wrong).to.include({ code: 'ERR_CLIENT_ARGUMENT' });
      expect(at.asked).to.have.length(7);
    });

    it('whoever stops waiting gives the lease back', async () => {
      const silent: Act = () => stop.abort(new RangeError('enough'));
      await scene(json(200, { index: 7, id: 7, ttlMs: 9000 }), silent, json(200, { index: 10 }));
      const stop = new AbortController();
      const error: unknown = await client.lock('n', { signal: stop.signal }).catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(RangeError);
      expect(at.asked.at(-1)).to.equal('DELETE /leases/7');
    });
  });

  describe('with members', () => {
    let store: KvCluster;
    let client: StoreClient;

    before(async () => {
      store = await kvCluster(3);
      client = new StoreClient({ endpoints: store.ports.map((port) => `http://127.0.0.1:${port}`) });
    });

    after(async () => {
      await client.close();
      await store.stop();
    });

    it('keys vanish with their lease', async () => {
      let lease: Lease;
      {
        await using held = await client.lease();
        lease = held;
        expect(await client.put('workers/1', 'here', { lease: held.id })).to.include({ outcome: 'done' });
        expect((await client.get('workers/1'))?.value).to.equal('here');
      }
      expect(lease.lost.aborted).to.equal(true);
      expect(await client.get('workers/1')).to.equal(undefined);
    });

    it('one at a time holds a lock, and each has a higher fence', async () => {
      let inside = 0;
      const fences: number[] = [];
      const worker = async (): Promise<void> => {
        await using lock = (await client.lock('nightly')) as Lock;
        expect(++inside).to.equal(1);
        fences.push(lock.fence);
        await new Promise(setImmediate);
        inside--;
      };
      await Promise.all([worker(), worker(), worker(), worker()]);
      expect(new Set(fences)).to.have.length(4);
      expect(fences).to.deep.equal([...fences].sort((a, b) => a - b));
      await using held = await client.lock('nightly');
      expect(held).not.to.equal(undefined);
      expect(await client.lock('nightly', { waitMs: 0 })).to.equal(undefined);
    });
  });
});
