import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { NodeId } from '@raft-ts/raft';
import { KvMachine } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { ask, type KvCluster, kvCluster } from './kv-cluster.js';

interface Seen {
  readonly event: string;
  /** The last id that was given, as a client has it when it dispatches the event. */
  readonly id: string;
  readonly data: { readonly key: string; readonly value?: string; readonly index: number; readonly reason?: string };
}

/** A client that reads events as the standard says. */
class Watch {
  readonly seen: Seen[] = [];
  comments = 0;
  lastId = '';
  /** It has ended. */
  ended = false;
  private readonly response: IncomingMessage;
  private text = '';
  private wake: () => void = () => {};

  constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8');
    response.on('data', (text: string) => this.read(text));
    response.on('error', () => {});
    response.on('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  static async open(port: number, query = '', headers: Record<string, string> = {}): Promise<Watch> {
    const sent = get({ host: '127.0.0.1', port, path: `/watch${query}`, headers, agent: false });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).to.equal(200);
    expect(response.headers['content-type']).to.equal('text/event-stream; charset=utf-8');
    const watch = new Watch(response);
    await watch.until(() => watch.lastId !== '');
    return watch;
  }

  private read(text: string): void {
    const blocks = (this.text + text).split('\n\n');
    this.text = blocks.pop() as string;
    for (const block of blocks) {
      let [event, data] = ['message', ''];
      for (const line of block.split('\n')) {
        if (line.startsWith('id: ')) this.lastId = line.slice(4);
        else if (line.startsWith('event: ')) event = line.slice(7);
        else if (line.startsWith('data: ')) data += line.slice(6);
        else if (line.startsWith(':')) this.comments++;
        else throw new Error(`no line of an event: ${line}`);
      }
      if (data !== '') this.seen.push({ event, id: this.lastId, data: JSON.parse(data) as Seen['data'] });
    }
    this.wake();
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.ended) throw new Error(`the watch ended after ${JSON.stringify(this.seen.slice(-3))}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async untilEnded(): Promise<Seen | undefined> {
    while (!this.ended) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.seen.at(-1);
  }

  pause(): void {
    this.response.pause();
  }

  resume(): void {
    this.response.resume();
  }

  close(): void {
    this.response.destroy();
  }

  get keys(): string[] {
    return this.seen.map(({ data }) => data.key);
  }
}

const put = async (port: number, key: string, value: string): Promise<number> => {
  const { status, text } = await ask(port, 'PUT', `/kv/${key}`, { body: value });
  expect(status).to.equal(200);
  return (JSON.parse(text) as { index: number }).index;
};

describe('the store: watching', () => {
  let store: KvCluster;
  const watches: Watch[] = [];
  const watch = async (member: number, query = '', headers: Record<string, string> = {}): Promise<Watch> => {
    const opened = await Watch.open(store.ports[member - 1] as number, query, headers);
    watches.push(opened);
    return opened;
  };

  afterEach(async () => {
    for (const one of watches.splice(0)) one.close();
    await store.stop();
  });

  it('events of a prefix come in the order of their indexes, each with its index as id, on every member', async () => {
    store = await kvCluster(3);
    const [port] = store.ports as [number];
    const before = await put(port, 'w/before', 'x');
    const all = await Promise.all([1, 2, 3].map((member) => watch(member, '?prefix=w/')));
    const first = await put(port, 'w/a', 'one\n\ndata: two');
    await put(port, 'other', 'x');
    const { text } = await ask(port, 'DELETE', '/kv/w/a');
    const { index: deleted } = JSON.parse(text) as { index: number };
    await ask(port, 'DELETE', '/kv/w/a');
    await ask(port, 'PUT', '/kv/w/b', { body: 'no', headers: { 'If-Match': '"1"' } });
    const last = await put(port, 'w/b', '');
    for (const one of all) {
      expect(Number(one.lastId)).to.be.at.least(before);
      await one.until(() => one.keys.includes('w/b'));
      expect(one.seen).to.deep.equal([
        { event: 'put', id: String(first), data: { key: 'w/a', value: 'one\n\ndata: two', index: first } },
        { event: 'delete', id: String(deleted), data: { key: 'w/a', index: deleted } },
        { event: 'put', id: String(last), data: { key: 'w/b', value: '', index: last } },
      ]);
    }
  });

  it('goes on after Last-Event-ID, which wins over from, without gap or double, across members and restarts', async () => {
    store = await kvCluster(3);
    const [port] = store.ports as [number];
    const first = await put(port, 'k0', 'v');
    for (let i = 1; i < 60; i++) await put(store.ports[i % 3] as number, `k${i}`, 'v');
    const got: string[] = [];
    let lastId = '';
    // Cut off at an odd moment each time, and gone on with on another member.
    for (const [i, upTo] of [7, 19, 20, 43, 60].entries()) {
      if (i === 3) {
        const leader = await store.group.leader();
        const away = store.group.replicas.find(({ id }) => id !== leader.id)?.id as NodeId;
        await store.open(await store.group.restart(away));
      }
      const member = (i % 3) + 1;
      const one = await watch(member, `?from=${first}`, lastId === '' ? {} : { 'Last-Event-ID': lastId });
      await one.until(() => got.length + one.seen.length >= upTo);
      // What it was sent and did not read any more is sent again.
      const read = one.seen.slice(0, upTo - got.length);
      got.push(...read.map(({ data }) => data.key));
      lastId = (read.at(-1) as Seen).id;
      one.close();
    }
    expect(got).to.deep.equal(Array.from({ length: 60 }, (_, i) => `k${i}`));
  });

  it('a client that is further on than its member is sent nothing that it has seen', async () => {
    store = await kvCluster(3);
    const leader = await store.group.leader();
    const behind = store.group.replicas.find(({ id }) => id !== leader.id)?.id as NodeId;
    const port = store.ports[Number(leader.id) - 1] as number;
    store.group.isolate(behind);
    const indexes = await Promise.all([1, 2, 3].map((i) => put(port, `k${i}`, 'v')));
    const seen = Math.max(...indexes);
    const one = await watch(Number(behind), '', { 'Last-Event-ID': String(seen) });
    store.group.mend();
    const next = await put(port, 'next', 'v');
    await one.until(() => one.keys.includes('next'));
    expect(one.seen.map(({ id }) => id)).to.deep.equal([String(next)]);
  });

  it('history that is gone is 410, with the oldest index that is there', async () => {
    store = await kvCluster(1, { createMachine: () => new KvMachine({ maxEntries: 5 }) });
    const [port] = store.ports as [number];
    const indexes: number[] = [];
    for (let i = 0; i < 9; i++) indexes.push(await put(port, `k${i}`, 'v'));
    const oldest = indexes[4] as number;
    const gone = await ask(port, 'GET', `/watch?from=${indexes[2]}`);
    expect(gone.status).to.equal(410);
    expect(JSON.parse(gone.text)).to.include({ code: 'ERR_KV_HISTORY_GONE', retry: 'no' });
    const said = (JSON.parse(gone.text) as { oldest: number }).oldest;
    const one = await watch(1, `?from=${said}`);
    await one.until(() => one.seen.length === 5);
    expect(one.seen[0]?.data.index).to.equal(oldest);
    expect((await ask(port, 'GET', `/watch?from=${said - 1}`)).status).to.equal(410);
    expect((await ask(port, 'GET', '/watch?from=9999', { headers: { 'Last-Event-ID': '1' } })).status).to.equal(410);
  });

  it('history begins at the index of the snapshot that a member started from', async () => {
    const snapshots = { everyEntries: 20, keepEntries: 1 };
    store = await kvCluster(3, { replica: { snapshots } });
    const [port] = store.ports as [number];
    const written: number[] = [];
    for (let i = 0; i < 50; i++) written.push(await put(port, `k${i}`, 'v'));
    const leader = await store.group.leader();
    const away = store.group.replicas.find(({ id }) => id !== leader.id)?.id as NodeId;
    await store.open(await store.group.restart(away));
    const awayPort = store.ports[Number(away) - 1] as number;
    await ask(awayPort, 'GET', '/kv/k49');
    const gone = await ask(awayPort, 'GET', '/watch?from=1');
    expect(gone.status).to.equal(410);
    const { oldest } = JSON.parse(gone.text) as { oldest: number };
    expect(oldest).to.be.greaterThan(20);
    const one = await watch(Number(away), `?from=${oldest}`);
    const rest = written.filter((index) => index >= oldest);
    await one.until(() => one.seen.length === rest.length);
    expect(one.seen.map(({ data }) => data.index)).to.deep.equal(rest);
  });

  it('a watch that a snapshot overtakes ends, and says so', async () => {
    store = await kvCluster(1);
    const one = await watch(1);
    const ahead = await watch(1, '?from=2001');
    const empty = async function* (): AsyncGenerator<Uint8Array, void> {
      yield Buffer.from('{}');
    };
    await store.machines.get(1n)?.restore(empty(), { index: 1000, term: 1 });
    const last = await one.untilEnded();
    expect(last).to.deep.include({ event: 'end' });
    expect(last?.data.reason).to.equal('history-gone');
    // One that has seen more than this member, elsewhere, has missed nothing.
    store.machines.get(1n)?.history.record(2001, [{ op: 'put', key: 'k', value: 'v' }]);
    await ahead.until(() => ahead.keys.includes('k'));
  });

  it('a client that is too slow is ended with an event that says so, and nothing is kept for it', async () => {
    store = await kvCluster(1, { createMachine: () => new KvMachine({ maxEntries: 20 }), maxValue: 2 ** 20 });
    const [port] = store.ports as [number];
    const slow = await watch(1, '?prefix=big');
    const quick = await watch(1, '?prefix=big');
    slow.pause();
    for (let i = 0; i < 60; i++) await put(port, `big${i}`, 'x'.repeat(500_000));
    await quick.until(() => quick.seen.length === 60);
    slow.resume();
    const last = await slow.untilEnded();
    expect(last?.event).to.equal('end');
    expect(last?.data.reason).to.equal('slow');
    const indexes = slow.seen.slice(0, -1).map(({ data }) => data.index);
    expect(indexes.length).to.be.lessThan(60);
    expect(indexes).to.deep.equal(quick.seen.slice(0, indexes.length).map(({ data }) => data.index));
  });

  it('says that it lives, tells a client how far it is although nothing was for it, and ends one that is stuck', async () => {
    store = await kvCluster(1, { limits: { heartbeatMs: 20 } });
    const [port] = store.ports as [number];
    const one = await watch(1, '?prefix=quiet/');
    const comments = one.comments;
    await one.until(() => one.comments >= comments + 3);
    const index = await put(port, 'loud', 'v');
    await one.until(() => Number(one.lastId) >= index);
    expect(one.seen).to.deep.equal([]);
    const stuck = await watch(1, '?prefix=big');
    stuck.pause();
    for (let i = 0; i < 20; i++) await put(port, `big${i}`, 'x'.repeat(500_000));
    await one.until(() => one.comments >= comments + 20);
    stuck.resume();
    await stuck.untilEnded();
    expect(stuck.seen.length).to.be.lessThan(20);
  });

  it('there are as many watches as are allowed, and a place is free again when one has ended', async () => {
    store = await kvCluster(1, { limits: { maxWatchers: 2 } });
    const [port] = store.ports as [number];
    const one = await watch(1);
    await watch(1);
    const refused = await ask(port, 'GET', '/watch');
    expect(refused.status).to.equal(503);
    expect(JSON.parse(refused.text)).to.include({ code: 'ERR_KV_BUSY', reason: 'watchers', retry: 'safe' });
    one.close();
    let again = 503;
    while (again === 503) {
      const sent = get({ host: '127.0.0.1', port, path: '/watch', agent: false });
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      again = response.statusCode as number;
      response.destroy();
    }
    expect(again).to.equal(200);
  });

  it('refuses what makes no sense', async () => {
    store = await kvCluster(1);
    const [port] = store.ports as [number];
    for (const query of ['from=x', 'from=-1', 'from=', 'other=1', 'prefix=%ff', 'from=1&from=2']) {
      expect((await ask(port, 'GET', `/watch?${query}`)).status, query).to.equal(400);
    }
    expect((await ask(port, 'GET', '/watch', { headers: { 'Last-Event-ID': 'x' } })).status).to.equal(400);
    expect((await ask(port, 'POST', '/watch')).status).to.equal(405);
    expect((await ask(port, 'HEAD', '/watch')).status).to.equal(405);
  });

  it('what one entry did to several keys keeps together: the id comes with the last of them', async () => {
    store = await kvCluster(1);
    const one = await watch(1, '?prefix=k');
    const machine = store.machines.get(1n) as KvMachine;
    const change = (key: string): { op: 'put'; key: string; value: string } => ({ op: 'put', key, value: 'v' });
    machine.history.record(1000, ['k1', 'k2', 'x'].map(change));
    await one.until(() => one.seen.length === 2);
    expect(one.seen.map(({ data }) => [data.key, data.index])).to.deep.equal([
      ['k1', 1000],
      ['k2', 1000],
    ]);
    expect(Number(one.seen[0]?.id)).to.be.lessThan(1000);
    expect(one.seen[1]?.id).to.equal('1000');
  });

  it('watches end, with an event that says so, when the member stops', async () => {
    store = await kvCluster(1);
    const one = await watch(1);
    store.faces[0]?.endStreams();
    const last = await one.untilEnded();
    expect([last?.event, last?.data.reason]).to.deep.equal(['end', 'stopped']);
  });
});
