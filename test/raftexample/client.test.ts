import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type ClientTls, StoreClient, type WriteOutcome } from '@raft-ts/raftexample/client';
import { expect } from 'chai';
import { Authority } from '../rafthttp/certificates.js';
import { type Act, ClientScenes, cut, failure, json, problem, reset, Scripted, silence, text } from './scripted.js';

/** Every member looks at an Idempotency-Key. */
const open = json(200, { code: 'features-open', text: 'Features are open up to level 1.' });
const dropped = problem(503, { code: 'ERR_RAFT_DROPPED', reason: 'no-leader', retry: 'safe' });
const unknown = problem(504, { code: 'ERR_RAFT_UNKNOWN', reason: 'timeout', retry: 'unsafe' });
const done = json(200, { index: 7 });
const value = text(200, 'world', { ETag: '"7"' });

/** `done`, `unknown ERR_CLIENT_TIMEOUT`, … */
function spell(outcome: WriteOutcome): string {
  return 'error' in outcome ? `${outcome.outcome} ${outcome.error.code}` : outcome.outcome;
}

describe('the client: what it makes of answers', () => {
  const scenes = new ClientScenes();
  const { server, clientOf } = scenes;
  /** One server that answers like this, and a client of it. */
  const scene = async (acts: readonly Act[], more: object = {}): Promise<readonly [StoreClient, Scripted]> => {
    const made = await server(...acts);
    return [clientOf([made.url], more), made];
  };

  afterEach(() => scenes.end());

  it('keys, values, conditions and the token go over the wire as they are', async () => {
    const [client, at] = await scene([done], { token: 'secret' });
    for (const key of ['a/b', '..', '%2E', 'a b', '😀', '?x=1#y', '__proto__']) await client.put(key, 'v');
    expect(at.asked).to.deep.equal(
      ['a%2Fb', '..', '%252E', 'a%20b', '%F0%9F%98%80', '%3Fx%3D1%23y', '__proto__'].map((key) => `PUT /kv/${key}`),
    );
    await client.put('k', 'wörld', { if: 'absent' });
    await client.put('k', new TextEncoder().encode('bytes'), { if: 3 });
    await client.delete('k', { if: 4 });
    const [absent, third, fourth] = at.received.slice(-3);
    expect(absent).to.deep.include({ body: 'wörld' });
    expect(absent?.headers).to.include({ 'if-none-match': '*', authorization: 'Bearer secret' });
    expect([third?.body, third?.headers['if-match']]).to.deep.equal(['bytes', '"3"']);
    expect([fourth?.method, fourth?.headers['if-match']]).to.deep.equal(['DELETE', '"4"']);
  });

  it('a read has the value and its version, or undefined', async () => {
    const [client, at] = await scene([value]);
    expect(await client.get('hello', { consistency: 'stale' })).to.deep.equal({
      key: 'hello',
      value: 'world',
      index: 7,
    });
    expect(at.asked).to.deep.equal(['GET /kv/hello?consistency=stale']);
    at.play(problem(404, { code: 'ERR_KV_NOT_FOUND', reason: 'key', retry: 'no' }));
    expect(await client.get('hello')).to.equal(undefined);
    at.play(json(404, { error: 'as a member written in Go says it' }));
    expect(await client.get('hello')).to.equal(undefined);
    at.play(problem(404, { code: 'ERR_KV_NOT_FOUND', reason: 'path', retry: 'no' }));
    expect(await failure(client.get('hello'))).to.include({ code: 'ERR_KV_NOT_FOUND', reason: 'path', status: 404 });
  });

  it('a write with a key is sent until there is an answer, with the same key', async () => {
    const options = { idempotencyKey: 'a "name" \\' };
    for (const [what, first] of rows.filter(([name]) => !/^200$|412|no answer/u.test(name))) {
      const [client, at] = await scene([open, first, done]);
      expect(spell(await client.put('k', 'v', options)), what).to.equal('done');
      expect(at.asked).to.deep.equal(['GET /explain?features=true', 'PUT /kv/k', 'PUT /kv/k']);
      const copies = at.received.slice(1);
      const keys = copies.map(({ headers }) => headers['idempotency-key']);
      expect(keys).to.deep.equal(Array(2).fill(String.raw`"a \"name\" \\"`));
      expect(copies.map(({ body }) => body)).to.deep.equal(['v', 'v']);
    }
    const [client, at] = await scene([open, unknown, done]);
    expect(spell(await client.delete('k', { idempotencyKey: 'id' }))).to.equal('done');
    expect(at.asked.slice(1)).to.deep.equal(['DELETE /kv/k', 'DELETE /kv/k']);
    at.play(unknown, problem(422, { code: 'ERR_KV_KEY_REUSED', retry: 'no' }));
    expect(spell(await client.put('k', 'v', { idempotencyKey: 'id' }))).to.equal('unknown ERR_KV_KEY_REUSED');
    expect(await failure(client.put('k', 'v', { idempotencyKey: 'id' }))).to.include({ code: 'ERR_KV_KEY_REUSED' });
    for (const idempotencyKey of ['', 'é', 'a\nb', 'x'.repeat(129), 7 as never]) {
      const error = await failure(Promise.resolve().then(() => client.put('k', 'v', { idempotencyKey })));
      expect(error).to.include({ code: 'ERR_CLIENT_ARGUMENT', reason: 'idempotencyKey' });
    }
  });

  it('a write with a key is not sent while a member written in Go may carry out every copy', async () => {
    const [client, at] = await scene([json(200, { code: 'features-missing', text: 'Member 3 does not show them.' })]);
    const outcome = await client.put('k', 'v', { idempotencyKey: 'id' });
    expect(spell(outcome)).to.equal('not-done ERR_KV_FEATURE');
    expect(outcome).to.have.nested.property('error.reason', 'features-missing');
    at.play(json(404, { error: 'no such path' }));
    expect(spell(await client.put('k', 'v', { idempotencyKey: 'id' }))).to.equal('not-done ERR_HTTP_404');
    expect(new Set(at.asked)).to.deep.equal(new Set(['GET /explain?features=true']));
  });

  it('a transaction goes over the wire as it is, and has an outcome of its own', async () => {
    const reads = [
      { key: 'c', value: 'x', index: 3 },
      { key: 'd', index: 0 },
    ];
    const [client, at] = await scene([open, json(200, { index: 7, done: true, reads })]);
    const outcome = await client.transact(
      {
        if: [
          { key: 'a', index: 5 },
          { key: 'b', index: 'absent' },
        ],
        do: [
          { op: 'put', key: 'a', value: 'é' },
          { op: 'delete', key: 'b' },
          { op: 'get', key: 'c' },
          { op: 'get', key: 'd' },
        ],
      },
      { idempotencyKey: 'id' },
    );
    expect(outcome).to.deep.equal({ outcome: 'done', index: 7, reads: [reads[0], undefined] });
    expect(at.asked.slice(1)).to.deep.equal(['POST /kv']);
    expect(at.received[1]?.headers).to.include({ 'idempotency-key': '"id"', 'content-type': 'application/json' });
    expect(JSON.parse(at.received[1]?.body ?? '')).to.deep.equal({
      if: [
        { key: 'a', index: 5 },
        { key: 'b', index: 0 },
      ],
      do: [
        { op: 'put', key: 'a', value: 'é' },
        { op: 'delete', key: 'b' },
        { op: 'get', key: 'c' },
        { op: 'get', key: 'd' },
      ],
    });
    at.play(problem(412, { code: 'ERR_KV_CONDITION', index: 9, condition: 1, key: 'b', current: 8 }));
    expect(await client.transact({ do: [{ op: 'get', key: 'c' }] })).to.deep.equal({
      outcome: 'condition-failed',
      key: 'b',
      current: 8,
    });
    at.play(problem(410, { code: 'ERR_KV_ANSWER_GONE', reason: 'reads', retry: 'no', index: 7 }));
    const again = await client.transact({ do: [{ op: 'get', key: 'c' }] }, { idempotencyKey: 'id' });
    expect(again).to.deep.equal({ outcome: 'done', index: 7, reads: undefined });
    // Without a key it is sent once.
    at.play(unknown, json(200, { index: 7, done: true, reads: [] }));
    expect((await client.transact({ do: [{ op: 'get', key: 'c' }] })).outcome).to.equal('unknown');
    at.play(json(200, { index: 7 }));
    expect((await client.transact({ do: [{ op: 'get', key: 'c' }] })).outcome).to.equal('unknown');
  });

  it('a transaction that makes no sense is not sent', async () => {
    const [client, at] = await scene([]);
    for (const [transaction, reason] of [
      [{}, 'do'],
      [{ do: 'get' }, 'do'],
      [{ do: [{ op: 'swap', key: 'k' }] }, 'do'],
      [{ do: [{ op: 'put', key: 'k' }] }, 'do'],
      [{ do: [{ op: 'put', key: 'k', value: '\ud800' }] }, 'do'],
      [{ do: [{ op: 'get', key: '' }] }, 'key'],
      [{ do: [{ op: 'get', key: '\udc00' }] }, 'key'],
      [{ do: [], if: {} }, 'if'],
      [{ do: [], if: [{ key: 'k', index: 0 }] }, 'if'],
      [{ do: [], if: [{ key: 7, index: 1 }] }, 'key'],
    ] as const) {
      const error = await failure(Promise.resolve().then(() => client.transact(transaction as never)));
      expect(error, JSON.stringify(transaction)).to.include({ code: 'ERR_CLIENT_ARGUMENT', reason });
    }
    expect(at.asked).to.deep.equal([]);
  });

  /** What a write comes to, after an answer that would be followed by success, and how often it was sent. */
  const rows: readonly (readonly [what: string, first: Act, outcome: string, sent: number])[] = [
    ['200', done, 'done', 1],
    ['412', problem(412, { code: 'ERR_KV_CONDITION', current: 5, index: 9 }), 'condition-failed', 1],
    ['503, retry safe', dropped, 'done', 2],
    ['503 of a member written in Go', json(503, { error: 'no leader' }), 'done', 2],
    ['408, retry safe', problem(408, { code: 'ERR_KV_SLOW_REQUEST', retry: 'safe' }), 'done', 2],
    ['504, retry unsafe', unknown, 'unknown ERR_RAFT_UNKNOWN', 1],
    ['504 of a member written in Go', json(504, { error: 'timeout' }), 'unknown ERR_HTTP_504', 1],
    ['504, retry safe', problem(504, { code: 'ERR_KV_UNKNOWN', retry: 'safe' }), 'done', 2],
    ['500', problem(500, { code: 'ERR_KV_INTERNAL', retry: 'unsafe' }), 'unknown ERR_KV_INTERNAL', 1],
    ['503 of something between', text(503, '<h1>no servers</h1>'), 'unknown ERR_CLIENT_ANSWER', 1],
    ['a redirect', text(307, '', { Location: 'http://127.0.0.1:1/kv/k' }), 'unknown ERR_CLIENT_ANSWER', 1],
    ['200 without an index', json(200, { hello: 1 }), 'unknown ERR_CLIENT_ANSWER', 1],
    ['200 that is no JSON', text(200, 'ok'), 'unknown ERR_CLIENT_ANSWER', 1],
    ['a reset', reset, 'unknown ERR_CLIENT_CONNECTION', 1],
    ['half an answer', cut(200, { 'Content-Length': '11' }, '{"ind'), 'unknown ERR_CLIENT_CONNECTION', 1],
    ['no answer', silence, 'unknown ERR_CLIENT_TIMEOUT', 1],
  ];
  for (const [what, first, outcome, sent] of rows) {
    it(`a write that is answered with ${what}: ${outcome}, sent ${sent} time${sent === 1 ? '' : 's'}`, async () => {
      const never = first === silence;
      const [client, at] = await scene(never ? [silence] : [first, done], never ? { attemptMs: 200 } : {});
      expect(spell(await client.put('k', 'v'))).to.equal(outcome);
      expect(at.asked).to.have.length(sent);
    });
  }

  for (const [what, first] of rows.filter(([name]) => !/^200$|412/u.test(name))) {
    it(`a read that is answered with ${what} is asked again`, async () => {
      const [client, at] = await scene([first, value], first === silence ? { attemptMs: 1000 } : {});
      expect(await client.get('k')).to.include({ value: 'world' });
      expect(at.asked).to.have.length(2);
    });
  }

  for (const [status, code] of [
    [400, 'ERR_KV_REQUEST'],
    [401, 'ERR_KV_TOKEN'],
    [405, 'ERR_KV_METHOD'],
    [413, 'ERR_KV_TOO_LARGE'],
  ] as const) {
    it(`${status} is thrown, of reads and writes, and nothing is asked again`, async () => {
      const [client, at] = await scene([problem(status, { code, reason: 'r', retry: 'no' })]);
      for (const call of [client.get('k'), client.put('k', 'v'), client.delete('k')])
        expect(await failure(call)).to.include({ code, reason: 'r', status, effect: 'none' });
      expect(at.asked).to.have.length(3);
    });
  }

  it('a condition that failed tells the version instead', async () => {
    const [client] = await scene([problem(412, { code: 'ERR_KV_CONDITION', current: 5, index: 9 })]);
    expect(await client.put('k', 'v', { if: 4 })).to.deep.equal({ outcome: 'condition-failed', current: 5 });
  });

  it('what was carried out perhaps stays so, whatever comes after', async () => {
    const maybe = problem(504, { code: 'ERR_KV_UNKNOWN', retry: 'safe' });
    const [client, at] = await scene([maybe, dropped], { maxAttempts: 3 });
    expect(spell(await client.removeMember(3n))).to.equal('unknown ERR_RAFT_DROPPED');
    expect(at.asked).to.have.length(3);
    at.play(maybe, problem(404, { code: 'ERR_KV_NOT_FOUND', retry: 'no' }));
    expect(spell(await client.removeMember(3n))).to.equal('unknown ERR_KV_NOT_FOUND');
  });

  it('attempts have a bound, and so has the call', async () => {
    const [client, at] = await scene([dropped], { maxAttempts: 5 });
    expect(spell(await client.put('k', 'v'))).to.equal('not-done ERR_RAFT_DROPPED');
    expect(at.asked).to.have.length(5);
    expect(await failure(client.get('k'))).to.include({ code: 'ERR_RAFT_DROPPED' });
    const patient = clientOf([at.url], { maxAttempts: 1_000_000 });
    expect(spell(await patient.put('k', 'v', { timeoutMs: 100 }))).to.match(/^(not-done|unknown) ERR_CLIENT_TIMEOUT$/u);
    const late = await failure(patient.get('k', { timeoutMs: 100 }));
    expect(late).to.include({ code: 'ERR_CLIENT_TIMEOUT', reason: 'call' });
  });

  it('a caller that aborts gets the reason from a read, and what may have happened from a write', async () => {
    const [client, at] = await scene([silence]);
    const stop = new AbortController();
    const read = client.get('k', { signal: stop.signal });
    const write = client.put('k', 'v', { signal: stop.signal });
    while (at.asked.length < 2) await new Promise(setImmediate);
    stop.abort(new RangeError('enough'));
    expect(await read.catch((error: unknown) => error)).to.be.instanceOf(RangeError);
    expect(spell(await write)).to.equal('unknown ERR_CLIENT_ABORTED');
    expect(spell(await client.put('k', 'v', { signal: stop.signal }))).to.equal('not-done ERR_CLIENT_ABORTED');
    expect(at.asked).to.have.length(2);
    // What an earlier attempt came to is not forgotten.
    at.play(dropped, silence);
    const later = new AbortController();
    const third = client.put('k', 'v', { signal: later.signal });
    while (at.asked.length < 4) await new Promise(setImmediate);
    later.abort();
    expect(await third)
      .to.have.nested.property('error.message')
      .that.matches(/before that: .*because/u);
  });

  it('a write that waits for a connection has not been sent', async () => {
    const [client, at] = await scene([silence], { maxConnections: 1 });
    const stop = new AbortController();
    const first = client.put('a', 'v', { signal: stop.signal });
    while (at.asked.length < 1) await new Promise(setImmediate);
    expect(spell(await client.put('b', 'v', { timeoutMs: 30 }))).to.equal('not-done ERR_CLIENT_TIMEOUT');
    stop.abort();
    expect(spell(await first)).to.equal('unknown ERR_CLIENT_ABORTED');
    // Nor is it sent later.
    at.play(done);
    expect(spell(await client.put('c', 'v'))).to.equal('done');
    expect(at.asked).to.deep.equal(['PUT /kv/a', 'PUT /kv/c']);
  });

  it('calls under way have a bound', async () => {
    const [client] = await scene([silence], { maxUnderWay: 2 });
    const calls = [client.put('a', 'v'), client.put('b', 'v')];
    expect(spell(await client.put('c', 'v'))).to.equal('not-done ERR_CLIENT_BUSY');
    expect(await failure(client.get('c'))).to.include({ code: 'ERR_CLIENT_BUSY' });
    await client.close();
    for (const call of calls) expect(spell(await call)).to.match(/ERR_CLIENT_CLOSED/u);
  });

  it('many calls with one signal are no leak', async () => {
    const [client] = await scene([done]);
    const warnings: Error[] = [];
    const hear = (warning: Error): void => void warnings.push(warning);
    process.on('warning', hear);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => client.put('k', 'v', { signal })));
    await new Promise(setImmediate);
    process.off('warning', hear);
    expect(warnings).to.deep.equal([]);
  });

  it('a closed client does nothing', async () => {
    const [client, at] = await scene([done]);
    await client.close();
    await client.close();
    expect(spell(await client.put('k', 'v'))).to.equal('not-done ERR_CLIENT_CLOSED');
    expect(await failure(client.get('k'))).to.include({ code: 'ERR_CLIENT_CLOSED' });
    expect(await failure(client.snapshot())).to.include({ code: 'ERR_CLIENT_CLOSED' });
    expect(await failure(client.watch().opened())).to.include({ code: 'ERR_CLIENT_CLOSED' });
    expect(at.asked).to.have.length(0);
  });

  it('moves on from what cannot be reached, also with writes, and stays where it was answered', async () => {
    const gone = await server(done);
    await gone.stop();
    const at = await server(done);
    for (let i = 0; i < 4; i++) {
      const client = clientOf([gone.url, at.url]);
      expect(spell(await client.put('k', 'v'))).to.equal('done');
      expect(client.endpoints[0]).to.equal(at.url);
      expect(spell(await client.put('k', 'v'))).to.equal('done');
    }
    expect(at.asked).to.have.length(8);
    const nowhere = clientOf([gone.url], { maxAttempts: 3 });
    const outcome = await nowhere.put('k', 'v');
    expect(spell(outcome)).to.equal('not-done ERR_CLIENT_UNREACHABLE');
    expect(outcome).to.have.nested.property('error.reason', 'ECONNREFUSED');
  });

  it('one that says that it cannot is followed by the next', async () => {
    const [one, two] = [await server(dropped), await server(done)];
    const client = clientOf([one.url, two.url]);
    expect(spell(await client.put('k', 'v'))).to.equal('done');
    expect(spell(await client.put('k', 'v'))).to.equal('done');
    expect(one.asked.length).to.be.at.most(1);
  });

  it('an answer without an end is not read to its end', async () => {
    const endless: Act = (response) => {
      response.writeHead(503, {});
      const more = (): void => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', more);
      more();
    };
    const [client] = await scene([endless, value]);
    expect(await client.get('k')).to.include({ value: 'world' });
  });

  it('arguments and options that make no sense are refused before anything is sent', async () => {
    const [client, at] = await scene([done]);
    const bad: readonly (() => unknown)[] = [
      () => client.get(''),
      () => client.get('\ud800'),
      () => client.put('k', '\udc00'),
      () => client.put('k', 7 as never),
      () => client.put('k', 'v', { if: 0 }),
      () => client.put('k', 'v', { if: 1.5 }),
      () => client.delete('k', { if: 'absent' }),
      () => client.get('k', { consistency: 'eventual' as never }),
      () => client.get('k', { timeoutMs: -1 }),
      () => client.listPage({ pageSize: 1001 }),
      () => client.removeMember(0n),
      () => client.removeMember(3 as never),
      () => client.addMember({ id: 4n, url: 'nonsense' }),
      () => client.explain({ index: 3, read: true }),
      () => client.watch({ from: -1 }),
      () => new StoreClient({ endpoints: [] }),
      () => new StoreClient({ endpoints: ['127.0.0.1:1'] }),
      () => new StoreClient({ endpoints: ['http://127.0.0.1:1/path'] }),
      () => new StoreClient({ endpoints: ['ftp://127.0.0.1:1'] }),
      () => new StoreClient({ endpoints: [at.url], token: 'two words' }),
      () => new StoreClient({ endpoints: [at.url], timeoutMs: Number.NaN }),
      () => new StoreClient({ endpoints: [at.url], tls: { cert: 'without a key' } }),
      () => new StoreClient({ endpoints: [at.url], timeout: 5 } as never),
    ];
    for (const call of bad) {
      const error = await failure(Promise.resolve().then(call));
      expect(error, String(call)).to.include({ code: 'ERR_CLIENT_ARGUMENT', effect: 'none' });
    }
    expect(at.asked).to.have.length(0);
  });

  it('speaks TLS: it trusts whom it is told, shows its certificate, and checks the name', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'raft-client-'));
    const authority = new Authority(folder);
    const read = ({ certFile, keyFile }: { certFile: string; keyFile: string }): { cert: string; key: string } => ({
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
    });
    const ca = readFileSync(authority.caFile, 'utf8');
    const own = read(authority.issue('store', { cn: 'store', hosts: ['127.0.0.1', 'store.example'] }));
    const wrong = read(authority.issue('wrong', { cn: 'wrong', hosts: ['store.example'] }));
    const mine = read(authority.issue('client', { cn: 'client' }));
    rmSync(folder, { recursive: true });
    const at = await Scripted.open({ ...own, ca, requestCert: true, rejectUnauthorized: true }, [done]);
    const other = await Scripted.open({ ...wrong }, [done]);
    scenes.add(at, other);
    const outcome = async (url: string, tls: ClientTls): Promise<string> =>
      spell(await clientOf([url], { tls, maxAttempts: 1 }).put('k', 'v'));
    expect(await outcome(at.url, { ca, ...mine })).to.equal('done');
    expect(await outcome(other.url, { ca, serverName: 'store.example' })).to.equal('done');
    expect(await outcome(other.url, { ca })).to.equal('not-done ERR_CLIENT_UNREACHABLE');
    expect(await outcome(at.url, mine)).to.equal('not-done ERR_CLIENT_UNREACHABLE');
    // TLS 1.3 tells a client only after its first request that its certificate is missing.
    expect(await outcome(at.url, { ca })).to.match(/ERR_CLIENT/u);
    expect([at.asked.length, other.asked.length]).to.deep.equal([1, 1]);
  });

  it('lists page by page', async () => {
    const item = (key: string): object => ({ key, value: key, index: 1 });
    const [client, at] = await scene([
      json(200, { items: [item('p/a'), item('p/b')], more: true }),
      dropped,
      json(200, { items: [item('p/c')], more: false }),
    ]);
    const keys: string[] = [];
    for await (const { key } of client.list({ prefix: 'p/', pageSize: 2 })) keys.push(key);
    expect(keys).to.deep.equal(['p/a', 'p/b', 'p/c']);
    expect(at.asked.slice(1)).to.deep.equal(Array(2).fill('GET /kv?prefix=p%2F&after=p%2Fb&limit=2'));
  });

  it('ids keep their 64 bits', async () => {
    const big = '18446744073709551615';
    const [client, at] = await scene([
      text(200, `{"members":{"${big}":"http://h:1,12345678901234567890"},"voters":[${big}],"learners":[]}`),
    ]);
    const { members, voters } = await client.members();
    expect(voters).to.deep.equal([2n ** 64n - 1n]);
    expect([...members]).to.deep.equal([[2n ** 64n - 1n, 'http://h:1,12345678901234567890']]);
    at.play(done);
    await client.addMember({ id: 2n ** 64n - 1n, url: 'http://h:2' });
    expect(at.received.at(-1)?.body).to.equal(`{"id":${big},"url":"http://h:2","learner":false}`);
  });

  it('a snapshot is a stream, and one that breaks off is an error', async () => {
    const head = { 'Raft-Index': '9', 'Raft-Term': '2' };
    const [client, at] = await scene([dropped, text(200, '{"kv":{}}', head)]);
    const read = async (): Promise<string> => {
      await using snapshot = await client.snapshot();
      expect(snapshot).to.include({ index: 9, term: 2 });
      const chunks: Uint8Array[] = [];
      for await (const chunk of snapshot.chunks) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    };
    expect(await read()).to.equal('{"kv":{}}');
    at.play(cut(200, { ...head, 'Transfer-Encoding': 'chunked' }, '{"kv"'));
    expect(await failure(read())).to.include({ code: 'ERR_CLIENT_CONNECTION', reason: 'snapshot' });
    const stop = new AbortController();
    at.play((response) => {
      response.writeHead(200, head);
      response.write('{"kv"');
    });
    const { chunks } = await client.snapshot({ signal: stop.signal });
    const rest = (async () => {
      for await (const _ of chunks) stop.abort();
    })();
    expect(await failure(rest)).to.include({ code: 'ERR_CLIENT_ABORTED' });
  });

  it('learns who is there, keeps what it was given, and forgets who left', async () => {
    const [one, two] = [await server(), await server(value)];
    const members = (...clients: string[]): Act =>
      json(200, {
        members: {},
        voters: [],
        learners: [],
        clients: Object.fromEntries(clients.map((url, i) => [i, url])),
      });
    one.play(members(one.url, two.url, 'nonsense', 'http://127.0.0.1:1', 'https://127.0.0.1:2'));
    const client = clientOf([one.url], { learn: true });
    await client.members();
    expect([...client.endpoints].sort()).to.deep.equal([one.url, two.url, 'http://127.0.0.1:1'].sort());
    one.play(members(two.url));
    await client.members();
    expect([...client.endpoints].sort()).to.deep.equal([one.url, two.url].sort());
    await one.stop();
    expect(await client.get('k')).to.include({ value: 'world' });
    expect(client.endpoints[0]).to.equal(two.url);
  });

  it('asks for the members by itself after a call, and not after each', async () => {
    const at = await server(
      value,
      json(200, { members: {}, voters: [], learners: [], clients: { 2: 'http://127.0.0.1:1' } }),
    );
    const client = clientOf([at.url], { learn: true });
    await client.get('k');
    while (client.endpoints.length < 2) await new Promise(setImmediate);
    at.play(value);
    for (let i = 0; i < 3; i++) await client.get('k');
    expect(at.asked).to.deep.equal(['GET /kv/k', 'GET /members', ...Array<string>(3).fill('GET /kv/k')]);
  });
});
