import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type NodeId, RaftError } from '@raft-ts/raft';
import { adminOf, type FaceServer, type KvMachine, problemOf } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { type Answer, type Asked, ask, type KvCluster, kvCluster } from './kv-cluster.js';

describe('the store: its HTTP face', () => {
  const MAX_VALUE = 1000;
  let store: KvCluster;
  let group: KvCluster['group'];
  let ports: readonly number[];

  const json = (answer: Answer): unknown => JSON.parse(answer.text);
  const one = (method: string, path: string, more?: Asked): Promise<Answer> =>
    ask(ports[0] as number, method, path, more);

  before(async () => {
    store = await kvCluster(3, { maxValue: MAX_VALUE });
    ({ group, ports } = store);
  });

  after(() => store.stop());

  it('a value is written on one member and read on the others, with its index as ETag', async () => {
    const written = await one('PUT', '/kv/hello', { body: 'world' });
    expect(written.status).to.equal(200);
    const { index } = json(written) as { index: number };
    for (const port of ports) {
      const read = await ask(port, 'GET', '/kv/hello');
      expect([read.status, read.text]).to.deep.equal([200, 'world']);
      expect(read.headers).to.include({ etag: `"${index}"`, 'content-type': 'text/plain; charset=utf-8' });
    }
    expect((await one('DELETE', '/kv/hello')).status).to.equal(200);
    expect((await one('GET', '/kv/hello')).status).to.equal(404);
  });

  it('a body that nobody reads is taken from its client while the answer is made', async () => {
    const replica = group.replica(1n);
    for (const [call, method, path] of [
      ['propose', 'DELETE', '/leases/1'],
      ['propose', 'POST', '/leases/1/keepalive'],
      ['propose', 'DELETE', '/locks/l?fence=1'],
      ['removeMember', 'DELETE', '/members/9'],
    ] as const) {
      let goOn = (): void => {};
      const taken = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const asked = replica[call].bind(replica) as (...args: unknown[]) => Promise<unknown>;
      Reflect.set(replica, call, (...args: unknown[]) => taken.then(() => asked(...args)));
      try {
        const socket = connect(ports[0] as number, '127.0.0.1');
        // More than the system holds of it on its way.
        const body = Buffer.alloc(32 * 2 ** 20);
        socket.write(`${method} ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n`);
        await new Promise((resolve) => void socket.write(body, resolve));
        goOn();
        const [answer] = (await once(socket, 'data')) as [Buffer];
        expect(answer.toString(), path).to.match(/^HTTP\/1\.1 (200|404) /u);
        socket.destroy();
      } finally {
        Reflect.deleteProperty(replica, call);
      }
    }
  });

  it('every key can be used', async () => {
    const awkward = [
      'a/b',
      '..',
      '%2E%2E',
      '../x',
      'a+b',
      'a b',
      'é',
      '😀',
      '?',
      '#',
      '//',
      'kv/',
      '\u0000',
      '__proto__',
      'a%',
    ];
    for (const key of awkward) {
      const path = `/kv/${encodeURIComponent(key)}`;
      expect((await one('PUT', path, { body: `v${key}` })).status, key).to.equal(200);
      expect((await one('GET', path)).text, key).to.equal(`v${key}`);
    }
    // Not encoded at all, these are keys like any other.
    await one('PUT', '/kv/x/../y', { body: 'dots' });
    expect((await one('GET', '/kv/x/../y')).text).to.equal('dots');
    expect((await one('GET', '/kv/a+b')).text).to.equal('va+b');
    for (const path of ['/kv/', '/kv/%ff', '/kv/%']) expect((await one('GET', path)).status, path).to.equal(400);
  });

  it('values are UTF-8 of a bounded length', async () => {
    expect((await one('PUT', '/kv/v', { body: '\ufeffwith a mark' })).status).to.equal(200);
    expect((await one('GET', '/kv/v')).text).to.equal('\ufeffwith a mark');
    expect((await one('PUT', '/kv/v', { body: 'x'.repeat(MAX_VALUE) })).status).to.equal(200);
    expect((await one('PUT', '/kv/v', { body: 'x'.repeat(MAX_VALUE + 1) })).status).to.equal(413);
    expect((await one('PUT', '/kv/v', { body: Uint8Array.of(0xff) })).status).to.equal(400);
    expect((await one('PUT', '/kv/v', { body: '' })).status).to.equal(200);
    expect((await one('GET', '/kv/v')).text).to.equal('');
  });

  it('a value may come in pieces, which end within a character, announced or not', async () => {
    const value = Buffer.from('ä€😀');
    const half = [value.subarray(0, 1), value.subarray(1, 8), value.subarray(8)];
    const chunked = half.map((piece) =>
      Buffer.concat([Buffer.from(`${piece.length}\r\n`), piece, Buffer.from('\r\n')]),
    );
    for (const [key, header, pieces] of [
      ['announced', `Content-Length: ${value.length}`, half],
      ['chunked', 'Transfer-Encoding: chunked', [...chunked, Buffer.from('0\r\n\r\n')]],
    ] as const) {
      const accepted = once(store.faces[0] as FaceServer, 'connection') as Promise<[Socket]>;
      const socket = connect(ports[0] as number, '127.0.0.1');
      const [served] = await accepted;
      let sent = 0;
      for (const piece of [Buffer.from(`PUT /kv/${key} HTTP/1.1\r\nHost: h\r\n${header}\r\n\r\n`), ...pieces]) {
        socket.write(piece);
        sent += piece.length;
        while (served.bytesRead < sent) await new Promise(setImmediate);
      }
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString(), key).to.match(/^HTTP\/1\.1 200 /u);
      socket.destroy();
      expect((await one('GET', `/kv/${key}`)).text, key).to.equal('ä€😀');
    }
  });

  it('conditions hold or fail by the index of the key', async () => {
    const first = json(await one('PUT', '/kv/c', { body: '1', headers: { 'If-None-Match': '*' } })) as {
      index: number;
    };
    const again = await one('PUT', '/kv/c', { body: '2', headers: { 'If-None-Match': '*' } });
    expect(again.status).to.equal(412);
    expect(json(again)).to.include({ current: first.index });
    expect(json(again)).to.include.keys('error', 'index', 'current');
    expect((await one('PUT', '/kv/c', { body: '2', headers: { 'If-Match': `"${first.index}"` } })).status).to.equal(
      200,
    );
    expect((await one('DELETE', '/kv/c', { headers: { 'If-Match': `"${first.index}"` } })).status).to.equal(412);
    expect((await one('PUT', '/kv/c', { body: '3', headers: { 'If-Match': '"9007199254740993"' } })).status).to.equal(
      412,
    );
  });

  it('any other condition is refused', async () => {
    for (const headers of [
      { 'If-Match': '7' },
      { 'If-Match': '"0"' },
      { 'If-Match': '"x"' },
      { 'If-Match': '*' },
      { 'If-Match': '"18446744073709551616"' },
      { 'If-None-Match': '"7"' },
      { 'If-Match': ['"1"', '"2"'] },
      { 'If-Match': '"1"', 'If-None-Match': '*' },
    ]) {
      expect((await one('PUT', '/kv/c', { body: 'x', headers })).status, JSON.stringify(headers)).to.equal(400);
    }
    expect((await one('DELETE', '/kv/c', { headers: { 'If-None-Match': '*' } })).status).to.equal(400);
    expect((await one('GET', '/kv/c', { headers: { 'If-Match': 'nonsense' } })).status).to.equal(200);
  });

  it('lists by prefix, in pages, in the order of bytes', async () => {
    for (const key of ['p/\uffff', 'p/😀', 'p/a', 'p/b', 'q']) {
      await one('PUT', `/kv/${encodeURIComponent(key)}`, { body: key });
    }
    const page = async (query: string): Promise<{ items: { key: string; value: string }[]; more: boolean }> =>
      json(await one('GET', `/kv?${query}`)) as never;
    const first = await page('prefix=p/&limit=2');
    expect([first.items.map(({ key }) => key), first.more]).to.deep.equal([['p/a', 'p/b'], true]);
    const second = await page('prefix=p%2F&after=p/b&limit=2');
    expect([second.items.map(({ key }) => key), second.more]).to.deep.equal([['p/\uffff', 'p/😀'], false]);
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'prefix=%ff']) {
      expect((await one('GET', `/kv?${query}`)).status, query).to.equal(400);
    }
  });

  it('a listed value of NUL and digits stays a text', async () => {
    await one('PUT', '/kv/nul', { body: '\u000042' });
    expect((await one('GET', '/kv?prefix=nul')).text).to.include('"value":"\\u000042"');
  });

  it('refuses what is no request of its own, and says which methods there are', async () => {
    for (const [method, path, allow] of [
      ['POST', '/kv/k', 'GET, PUT, DELETE'],
      ['PUT', '/kv', 'GET, POST'],
      ['POST', '/status', 'GET'],
      ['DELETE', '/digest', 'GET'],
      ['GET', '/leader', 'POST'],
      ['PUT', '/members', 'GET, POST'],
      ['GET', '/members/1', 'DELETE'],
    ] as const) {
      const answer = await one(method, path);
      expect([answer.status, answer.headers['allow']], `${method} ${path}`).to.deep.equal([405, allow]);
    }
    expect((await one('GET', '/nothing')).status).to.equal(404);
    expect((await one('GET', '/%ff')).status).to.be.oneOf([400, 404]);
    for (const consistency of ['strong', '']) {
      expect((await one('GET', `/kv/k?consistency=${consistency}`)).status).to.equal(400);
    }
  });

  it('ids of 64 bits are numbers of JSON', async () => {
    expect((await one('GET', '/status')).text).to.include('"clusterId":18446744073709551615,');
  });

  it('digests agree once all have applied the same', async () => {
    await one('PUT', '/kv/last', { body: 'x' });
    // A linearizable read on each member: it has applied the write then.
    for (const port of ports) await ask(port, 'GET', '/kv/last');
    const digests = await Promise.all(
      ports.map(async (port) => json(await ask(port, 'GET', '/digest')) as { sha256: string }),
    );
    expect(new Set(digests.map(({ sha256 }) => sha256)).size).to.equal(1);
  });

  it('a digest is that of one moment, and lets others have their turn meanwhile', async () => {
    const machine = store.machines.get(1n) as KvMachine;
    const fill = (value: string): void => {
      for (let i = 0; i < 20_000; i++) {
        machine.apply({ op: 'put', key: `d${i}`, value, ifIndex: undefined }, { index: 1, term: 1, features: 0 });
      }
    };
    const digest = async (): Promise<unknown> => json(await one('GET', '/digest'));
    fill('old');
    const expected = await digest();
    let [turns, running] = [0, true];
    const asked = digest().finally(() => {
      running = false;
    });
    while (running) {
      await new Promise(setImmediate);
      if (++turns === 20) fill('new');
    }
    expect(turns).to.be.greaterThan(50);
    expect(await digest()).not.to.deep.equal(expected);
    const found = await asked;
    const after = await digest();
    expect([expected, after]).to.deep.include(found);
    for (let i = 0; i < 20_000; i++) {
      machine.apply({ op: 'delete', key: `d${i}`, value: '', ifIndex: undefined }, { index: 1, term: 1, features: 0 });
    }
  });

  it('refuses members and leaders that make no sense', async () => {
    for (const body of [
      '',
      'x',
      '[]',
      '{"id":0,"url":"http://h:1"}',
      '{"id":4}',
      '{"id":4,"url":"ftp://h:1"}',
      '{"id":"4","url":"http://h:1"}',
    ]) {
      expect((await one('POST', '/members', { body })).status, body).to.equal(400);
    }
    expect((await one('POST', '/members', { body: `{"id":4,"url":"${'x'.repeat(5000)}"}` })).status).to.equal(413);
    expect((await one('DELETE', '/members/9')).status).to.equal(404);
    expect((await one('DELETE', '/members/x')).status).to.equal(400);
    expect((await one('POST', '/leader', { body: '{}' })).status).to.equal(400);
  });

  it('an address that the transport cannot dial is the request’s fault', async () => {
    const refusing = (code: string): ReturnType<typeof adminOf> => {
      const addMember = (): Promise<never> => Promise.reject(new RaftError(code, 'no address'));
      return adminOf({ addMember } as never, 1000, () => {}, 'http');
    };
    const other: unknown = await refusing('never')
      .addMember(4n, 'https://0', true)
      .catch((thrown: unknown) => thrown);
    const detail = 'the url must begin with http://, as those of all members do';
    expect(problemOf(other, () => {})).to.include({ status: 400, reason: 'url', detail });
    for (const code of ['ERR_RAFT_PEER_URL', 'ERR_RAFT_REPLICA_OPTIONS']) {
      const error: unknown = await refusing(code)
        .addMember(4n, 'http://0', true)
        .catch((thrown: unknown) => thrown);
      expect(problemOf(error, () => {})).to.include({ status: 400, reason: 'url', detail: 'no address' });
    }
  });

  it('a member that is cut off answers in time, and never with what is old', async () => {
    await one('PUT', '/kv/fresh', { body: 'old' });
    const leader = await group.leader();
    const away = group.replicas.find(({ id }) => id !== leader.id)?.id as NodeId;
    const port = ports[Number(away) - 1] as number;
    group.isolate(away);
    const other = ports[Number(leader.id) - 1] as number;
    expect((await ask(other, 'PUT', '/kv/fresh', { body: 'new' })).status).to.equal(200);
    const [read, write, stale] = await Promise.all([
      ask(port, 'GET', '/kv/fresh'),
      ask(port, 'PUT', '/kv/fresh', { body: 'x' }),
      ask(port, 'GET', '/kv/fresh?consistency=stale'),
    ]);
    expect(read.status).to.be.oneOf([503, 504]);
    expect(write.status).to.be.oneOf([503, 504]);
    expect([stale.status, stale.text]).to.deep.equal([200, 'old']);
    group.mend();
  });
});
