import { getEventListeners } from 'node:events';
import { EventReader } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import {
  type Act,
  ClientScenes,
  failure,
  json,
  problem,
  reset,
  Scripted,
  shortStream,
  silence,
  text,
} from './scripted.js';

const value = text(200, 'world', { ETag: '"7"' });
const done = json(200, { index: 7 });
const noHistory = problem(410, { code: 'ERR_KV_HISTORY_GONE', reason: 'history', retry: 'no', oldest: 70 });

describe('the client: time, and whom it asks next', () => {
  const scenes = new ClientScenes();
  const { server, clientOf } = scenes;

  afterEach(() => scenes.end());

  /** Two servers: whichever is asked first says nothing, and from then on everything is answered. */
  const oneHangs = async (then: Act): Promise<readonly [Scripted, Scripted]> => {
    let count = 0;
    const act: Act = (response, request) => (count++ === 0 ? silence : then)(response, request);
    return [await server(act), await server(act)];
  };

  it('a read that may take no longer than an attempt moves on from a member that hangs', async () => {
    const [one, two] = await oneHangs(value);
    const client = clientOf([one.url, two.url], { timeoutMs: 2000, attemptMs: 7000 });
    expect(await client.get('k')).to.include({ value: 'world' });
    expect([one.asked.length, two.asked.length]).to.deep.equal([1, 1]);
  });

  it('a write that must be sent once has all the time, and the next call begins with another member', async () => {
    const [one, two] = await oneHangs(done);
    const client = clientOf([one.url, two.url], { attemptMs: 7000 });
    const began = performance.now();
    expect(await client.put('k', 'v', { timeoutMs: 200 })).to.include({ outcome: 'unknown' });
    expect(performance.now() - began).to.be.at.least(195);
    expect(await client.put('k', 'v')).to.include({ outcome: 'done' });
    expect([one.asked.length, two.asked.length]).to.deep.equal([1, 1]);
  });

  it('a value or a page that is no UTF-8 is asked for again, and a refusal that is none is told', async () => {
    // "ä" in Latin-1: as UTF-8 it would be read as something else, which the caller might write back.
    const broken = (text: string): Uint8Array => Buffer.from(text, 'latin1');
    const page = json(200, { items: [{ key: 'k', value: 'ä', index: 7 }], more: false });
    const list = text(200, broken('{"items":[{"key":"k","value":"ä","index":7}],"more":false}'));
    const one = await server(text(200, broken('ä'), { ETag: '"7"' }), value);
    const client = clientOf([one.url]);
    expect(await client.get('k')).to.include({ value: 'world' });
    one.play(list, page);
    const items: unknown[] = [];
    for await (const item of client.list()) items.push(item);
    expect(items).to.deep.equal([{ key: 'k', value: 'ä', index: 7 }]);
    expect(one.asked).to.have.length(4);
    one.play(text(502, broken('<h1>schlechtes Geschäft</h1>')));
    const told = await client.put('k', 'v');
    expect(told.outcome === 'unknown' && told.error).to.include({ code: 'ERR_CLIENT_ANSWER', reason: 'stranger' });
  });

  it('one of several endpoints that is asked alone is given a pause', async () => {
    const at = await server(reset);
    const other = await server(done);
    const client = clientOf([at.url, other.url], { pauseMs: 50, longestPauseMs: 50 });
    await failure(client.explain({ endpoint: at.url, timeoutMs: 300 }));
    // Each pause takes 25 ms at least.
    expect(at.asked.length).to.be.within(1, 13);
    expect(other.asked).to.have.length(0);
  });

  it('a wrong token is thrown, also by a write with a name', async () => {
    const at = await server(problem(401, { code: 'ERR_KV_TOKEN', reason: 'token', retry: 'no' }));
    const client = clientOf([at.url]);
    const error = await failure(client.put('k', 'v', { idempotencyKey: 'id' }));
    expect(error).to.include({ code: 'ERR_KV_TOKEN', status: 401 });
    expect(at.asked).to.deep.equal(['GET /explain?features=true']);
  });

  it('a write with a name and the question before it share their time', async () => {
    const open: Act = (response, request) => {
      const answer = json(200, { code: 'features-open', text: 'Features are open up to level 1.' });
      setTimeout(() => answer(response, request), 900);
    };
    const at = await server(open, silence);
    const client = clientOf([at.url]);
    const began = performance.now();
    const outcome = await client.put('k', 'v', { idempotencyKey: 'id', timeoutMs: 1000 });
    expect(outcome).to.have.nested.property('error.code', 'ERR_CLIENT_TIMEOUT');
    expect(performance.now() - began).to.be.below(1800);
  });

  it('a copy ends with its signal, also if an answer before it made no sense', async () => {
    const endless: Act = (response) => {
      response.writeHead(200, { 'Raft-Index': '9', 'Raft-Term': '2' });
      response.write('{"kv"');
    };
    const at = await server(text(200, '{}'), endless);
    const stop = new AbortController();
    await using copy = await clientOf([at.url]).snapshot({ signal: stop.signal });
    const chunks = copy.chunks[Symbol.asyncIterator]();
    expect((await chunks.next()).done).to.equal(false);
    const more = failure(chunks.next());
    stop.abort();
    expect(await more).to.include({ code: 'ERR_CLIENT_ABORTED' });
    expect(at.asked).to.have.length(2);
  });

  it('a watch leaves nothing on the signals of others before it begins, and after it has ended', async () => {
    const listening = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;
    const at = await server(noHistory);
    const client = clientOf([at.url]);
    const { signal } = new AbortController();
    client.watch({ signal });
    expect(listening(signal)).to.equal(0);
    await failure(client.watch({ signal, from: 3 }).opened());
    await failure(client.watch({ signal, from: 3 })[Symbol.asyncIterator]().next());
    expect(listening(signal)).to.equal(0);
    at.play(shortStream('id: 5\n\nevent: put\ndata: {"key":"k","value":"v","index":6}\nid: 6\n\n'));
    for await (const event of client.watch({ signal })) {
      expect(event).to.include({ index: 6 });
      break;
    }
    expect(listening(signal)).to.equal(0);
    const closed = client.watch({ signal });
    await closed.opened();
    expect(listening(signal)).to.be.above(0);
    await closed.close();
    expect(listening(signal)).to.equal(0);
  });

  it('a long line in many pieces is read in time that grows with its length', () => {
    const reader = new EventReader(2 ** 22);
    const piece = 'x'.repeat(16);
    const found = [];
    found.push(...reader.push('data: '));
    for (let i = 0; i < 2 ** 17; i++) found.push(...reader.push(piece));
    found.push(...reader.push('\r\n\r'), ...reader.push('\n'));
    expect(found).to.have.length(1);
    expect(found[0]?.data).to.have.length(2 ** 21);
  });
});
