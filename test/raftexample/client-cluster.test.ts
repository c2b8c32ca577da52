import { StoreClient, type StoreError } from '@raft-ts/raftexample/client';
import { expect } from 'chai';
import { type KvCluster, kvCluster } from './kv-cluster.js';

describe('the client: with members', () => {
  let store: KvCluster;
  let client: StoreClient;

  const endpoints = (): string[] => store.ports.map((port) => `http://127.0.0.1:${port}`);

  before(async () => {
    store = await kvCluster(3, { token: 'the-token-of-clients' });
    client = new StoreClient({ endpoints: endpoints(), token: 'the-token-of-clients', pauseMs: 5 });
  });

  after(async () => {
    await client.close();
    await store.stop();
  });

  it('reads what it wrote, with versions, conditions, pages and snapshots', async () => {
    const first = await client.put('doc/a', 'eins', { if: 'absent' });
    if (first.outcome !== 'done') throw new Error(first.outcome);
    expect(await client.get('doc/a')).to.deep.equal({ key: 'doc/a', value: 'eins', index: first.index });
    expect(await client.put('doc/a', 'zwei', { if: 'absent' })).to.deep.equal({
      outcome: 'condition-failed',
      current: first.index,
    });
    expect(await client.put('doc/a', 'zwei', { if: first.index })).to.include({ outcome: 'done' });
    expect(await client.delete('doc/a', { if: first.index })).to.include({ outcome: 'condition-failed' });
    expect(await client.delete('doc/none')).to.include({ outcome: 'done' });
    expect(await client.get('doc/none')).to.equal(undefined);
    const second = (await client.put('doc/b', '2')) as { index: number };
    await client.put('doc/c', '3');
    const keys: string[] = [];
    for await (const { key } of client.list({ prefix: 'doc/', pageSize: 2 })) keys.push(key);
    expect(keys).to.deep.equal(['doc/a', 'doc/b', 'doc/c']);
    const chunks: Uint8Array[] = [];
    const snapshot = await client.snapshot();
    for await (const chunk of snapshot.chunks) chunks.push(chunk);
    expect(JSON.parse(Buffer.concat(chunks).toString()).kv['doc/b']).to.deep.equal(['2', second.index]);
  });

  it('carries out transactions, and writes with a key once', async () => {
    const put = await client.put('once', 'v', { idempotencyKey: 'first' });
    await client.put('once', 'later');
    expect(await client.put('once', 'v', { idempotencyKey: 'first' })).to.deep.equal(put);
    expect((await client.get('once'))?.value).to.equal('later');
    const seat = {
      if: [{ key: 'seat', index: 'absent' }],
      do: [
        { op: 'put', key: 'seat', value: 'ada' },
        { op: 'get', key: 'once' },
        { op: 'get', key: 'none' },
      ],
    } as const;
    const taken = await client.transact(seat, { idempotencyKey: 'seat' });
    if (taken.outcome !== 'done') throw new Error(taken.outcome);
    expect(taken.reads?.map((read) => read?.value)).to.deep.equal(['later', undefined]);
    expect(await client.transact(seat, { idempotencyKey: 'seat' })).to.deep.equal(taken);
    expect(await client.transact(seat)).to.deep.equal({
      outcome: 'condition-failed',
      key: 'seat',
      current: taken.index,
    });
  });

  it('every call without the token is refused', async () => {
    await using stranger = new StoreClient({ endpoints: endpoints(), token: 'another-one' });
    const calls = [stranger.get('k'), stranger.put('k', 'v'), stranger.members(), stranger.watch().opened()];
    for (const call of [...calls, stranger.snapshot(), stranger.removeMember(9n)]) {
      const error: StoreError = await Promise.resolve(call).then(
        () => expect.fail('it was let in'),
        (found: unknown) => found as StoreError,
      );
      expect(error).to.include({ code: 'ERR_KV_TOKEN', status: 401 });
    }
  });

  it('tells and asks about the cluster', async () => {
    const found = await client.statuses();
    expect(found.map(({ status }) => status?.id)).to.have.members([1n, 2n, 3n]);
    expect(found[0]?.status).to.include({ clusterId: 2n ** 64n - 1n });
    expect((await client.members()).voters).to.deep.equal([1n, 2n, 3n]);
    expect((await client.explain()).code).to.be.a('string');
    const leader = found.find(({ status }) => status?.state === 'leader')?.status?.id as bigint;
    const next = (leader % 3n) + 1n;
    await client.transferLeadership(next);
    expect((await store.group.leader()).id).to.equal(next);
    const error = await client.removeMember(9n).catch((caught: unknown) => caught);
    expect(error).to.include({ code: 'ERR_KV_NOT_FOUND', status: 404 });
    expect(await client.addMember({ id: 4n, url: 'memory:4' }).catch((caught: unknown) => caught)).to.include({
      code: 'ERR_CLIENT_ARGUMENT',
    });
  });

  it('while members are killed: what is done is there once, what is not done is not, and a watch sees each once', async function killed() {
    const outcomes = new Map<string, string>();
    const events: string[] = [];
    const watch = client.watch({ prefix: 'w/', timeoutMs: 30_000 });
    await watch.opened();
    const watching = (async () => {
      for await (const event of watch) {
        if (event.key === 'w/last') break;
        if (event.type === 'put') events.push(event.value);
      }
    })();

    let writing = true;
    const writer = async (name: string): Promise<void> => {
      for (let i = 0; writing; i++) {
        const value = `${name}${i}`;
        // Half of them have a name, and so are sent again until it is known what became of them.
        const { outcome } = await client.put(`w/${name}`, value, name < 'c' ? { idempotencyKey: value } : {});
        outcomes.set(value, outcome);
      }
    };
    const writers = ['a', 'b', 'c', 'd'].map(writer);
    const wrote = async (count: number): Promise<void> => {
      const until = outcomes.size + count;
      while (outcomes.size < until) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    for (let round = 0; round < 3; round++) {
      await wrote(20);
      const { id } = await store.group.leader();
      store.closeFace(Number(id) - 1);
      await store.group.kill(id);
      await wrote(20);
      await store.open(await store.group.restart(id));
    }
    await wrote(20);
    writing = false;
    await Promise.all(writers);
    expect(await client.put('w/last', 'x')).to.include({ outcome: 'done' });
    await watching;

    const seen = (value: string): number => events.filter((one) => one === value).length;
    for (const [value, outcome] of outcomes) {
      if (outcome === 'done') expect(seen(value), value).to.equal(1);
      else if (outcome === 'not-done') expect(seen(value), value).to.equal(0);
      else expect(seen(value), value).to.be.at.most(1);
    }
    expect(new Set(outcomes.values())).to.include('done');
    const unsure = [...outcomes].filter(([value, outcome]) => value < 'c' && outcome !== 'done');
    expect(unsure, 'with a name').to.deep.equal([]);
    expect(new Set(events).size, 'events twice').to.equal(events.length);
    for (const name of ['a', 'b', 'c', 'd']) {
      const last = events.findLast((value) => value.startsWith(name));
      expect((await client.get(`w/${name}`))?.value).to.equal(last);
    }
  });
});
