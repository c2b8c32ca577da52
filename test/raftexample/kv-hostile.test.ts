import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { ask, type KvCluster, kvCluster } from './kv-cluster.js';

/** Everything that the member says on this connection until it closes it. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  // Not `once`, which rejects for an error: to be reset is one way to be closed.
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

/** Goes on writing until the member closes the connection. */
async function drip(socket: Socket, text: string, everyMs: number): Promise<string> {
  const timer = setInterval(() => socket.write(text), everyMs);
  try {
    return await untilClosed(socket);
  } finally {
    clearInterval(timer);
  }
}

describe('the store: clients that mean no good', () => {
  let store: KvCluster;
  let port: number;
  /** A member that waits for nobody for long: for what is to be cut off because it comes too late, and nothing else. */
  let hurried: KvCluster;

  before(async () => {
    store = await kvCluster(1, { maxValue: 100_000 });
    hurried = await kvCluster(1, { maxValue: 100_000, limits: { headersMs: 150, requestMs: 300, checkMs: 25 } });
    port = store.ports[0] as number;
    await ask(port, 'PUT', '/kv/k', { body: 'v'.repeat(50_000) });
  });

  after(() => Promise.all([store.stop(), hurried.stop()]));

  const open = async (text = '', to = port): Promise<Socket> => {
    const socket = connect(to, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
  const openHurried = (text = ''): Promise<Socket> => open(text, hurried.ports[0]);
  /** Sends this, and resolves with what comes back until the member closes the connection. */
  const send = async (text: string): Promise<string> => untilClosed(await open(text));
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) =>
      store.faces[0]?.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );

  afterEach(async () => {
    // Nothing is left of them, and everybody else is served.
    while ((await connections()) > 0) await new Promise(setImmediate);
    expect((await ask(port, 'GET', '/kv/k')).text.length).to.equal(50_000);
    expect((await ask(port, 'GET', '/healthz')).status).to.equal(200);
  });

  it('that send thousands of short requests in one piece are cut, and the rest of the piece costs no turn of the others', async () => {
    const face = store.faces[0];
    let seen = 0;
    const count = (): void => {
      seen++;
    };
    face?.on('request', count);
    await send('GET /kv/k?consistency=local HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(1200));
    face?.off('request', count);
    // One that is answered, 64 that wait for it, and that which is too many.
    expect(seen).to.be.within(1, 200);
  });

  it('headers that come byte by byte, or never, are waited for only so long', async () => {
    expect(await untilClosed(await openHurried())).to.match(/^HTTP\/1\.1 408 /u);
    const text = await drip(await openHurried('GET /kv/k HTTP/1.1\r\nHost: h\r\n'), 'X-A: b\r\n', 20);
    // The answer may be lost with the connection, since more was sent after it.
    expect(text).to.match(/^$|^HTTP\/1\.1 408 [^]*"code":"ERR_KV_SLOW_REQUEST"/u);
  });

  it('a body that comes byte by byte is waited for only so long', async () => {
    await drip(await openHurried('PUT /kv/slow HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n'), 'x', 20);
    let status: number;
    // It may not wait for this one either.
    do ({ status } = await ask(hurried.ports[0] as number, 'GET', '/kv/slow'));
    while (status === 408);
    expect(status).to.equal(404);
  });

  it('headers and targets have a size', async () => {
    const huge = await send(`GET /kv/k HTTP/1.1\r\nHost: h\r\nX-A: ${'a'.repeat(200_000)}\r\n\r\n`);
    expect(huge).to.match(/^HTTP\/1\.1 431 [^]*"code":"ERR_KV_HEADERS_TOO_LARGE"/u);
    const many = await send(`GET /kv/k HTTP/1.1\r\nHost: h\r\n${'A: b\r\n'.repeat(20_000)}\r\n`);
    expect(many).to.match(/^HTTP\/1\.1 431 /u);
    const long = await ask(port, 'GET', `/kv/${'a'.repeat(20_000)}`);
    expect(long.status).to.equal(414);
    expect(JSON.parse(long.text)).to.include({ code: 'ERR_KV_URL_TOO_LONG' });
  });

  it('a body that is encoded is refused, and its bytes become no value', async () => {
    for (const header of ['Content-Encoding: gzip', 'Transfer-Encoding: gzip, chunked']) {
      const length = header.startsWith('C') ? 'Content-Length: 6\r\n' : '';
      const answer = await send(
        `PUT /kv/zip HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${length}${header}\r\n\r\n1\r\nx\r\n`,
      );
      expect(answer, header).to.match(/^HTTP\/1\.1 415 [^]*"code":"ERR_KV_ENCODING"/u);
    }
    expect((await ask(port, 'GET', '/kv/zip')).status).to.equal(404);
    const plain = { 'content-encoding': 'identity', 'transfer-encoding': 'Chunked' };
    expect((await ask(port, 'PUT', '/kv/plain', { body: 'v', headers: plain })).status).to.equal(200);
  });

  it('what is no request is answered with 400, and the connection closed', async () => {
    for (const text of [
      'hello\r\n\r\n',
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc',
      'GET /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n',
      'PUT /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'GET /kv/k HTTP/1.1\r\nHost: h\r\nA\u0000: b\r\n\r\n',
      'GET /kv/k HTTP/9.9\r\nHost: h\r\n\r\n',
    ]) {
      const answer = await send(text);
      expect(answer, JSON.stringify(text)).to.match(/^HTTP\/1\.1 400 [^]*"code":"ERR_KV_REQUEST"/u);
    }
    const broken = await send('PUT /kv/bad HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n');
    expect(broken).not.to.include('200');
    expect((await ask(port, 'GET', '/kv/bad')).status).to.equal(404);
    const [tunnel, upgrade] = await Promise.all([
      send('CONNECT other:80 HTTP/1.1\r\nHost: other:80\r\n\r\n'),
      send('GET /kv/none HTTP/1.1\r\nHost: h\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    ]);
    expect(tunnel).not.to.include('200');
    expect(upgrade).to.match(/^HTTP\/1\.1 404 /u);
  });

  it('a body that is too long is refused before it is sent, and its end is not waited for', async () => {
    const declared = await send(
      'PUT /kv/long HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 100001\r\n\r\n',
    );
    expect(declared).to.match(/^HTTP\/1\.1 413 [^]*"code":"ERR_KV_TOO_LARGE"/u);
    const endless = await open(
      'PUT /kv/long HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
    );
    const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
    const text = await drip(endless, chunk.repeat(10), 2);
    expect(text).to.match(/^$|^HTTP\/1\.1 413 /u);
  });

  it('a body in pieces of a byte is cut off, whether it is read, unwanted or waits its turn', async () => {
    // With usual limits: it is the cut that closes the connections, and not that they become too old.
    const other = await kvCluster(1);
    const [otherPort] = other.ports as [number];
    const chunked = 'HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n';
    const pieces = '1\r\nx\r\n'.repeat(2000);
    for (const before of [
      `PUT /kv/bits ${chunked}`,
      `PUT /kv/bits?lease=none ${chunked}`,
      `GET /kv/k ${chunked}`,
      `POST /members ${chunked}`,
      `GET /watch HTTP/1.1\r\nHost: h\r\n\r\nPUT /kv/bits ${chunked}`,
    ]) {
      const socket = connect(otherPort, '127.0.0.1');
      socket.write(before + pieces);
      await untilClosed(socket);
    }
    expect((await ask(otherPort, 'GET', '/kv/bits')).status).to.equal(404);
    await other.stop();
  });

  it('a body of many short lines is taken', async () => {
    const line = `14\r\n${'l'.repeat(19)}\n\r\n`;
    const put = 'PUT /kv/lines HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';
    expect(await send(`${put}${line.repeat(3000)}0\r\n\r\n`)).to.match(/^HTTP\/1\.1 200 /u);
    expect((await ask(port, 'GET', '/kv/lines')).text.length).to.equal(60_000);
  });

  it('the requests of one connection are worked on in their order, and only so many may wait', async () => {
    const put = 'PUT /kv/mine HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n';
    const pair = `${put}aGET /kv/mine HTTP/1.1\r\nHost: h\r\n\r\n${put}b`;
    const last = 'GET /kv/mine HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
    const values = [...(await send(pair + last)).matchAll(/\r\n\r\n([ab])/gu)].map(([, value]) => value);
    expect(values).to.deep.equal(['a', 'b']);
    const most = await send('GET /kv/none HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(64) + last);
    expect([...most.matchAll(/HTTP\/1\.1 (\d+) /gu)].map(([, status]) => status)).to.deep.equal([
      ...Array.from({ length: 64 }, () => '404'),
      '200',
    ]);
    const socket = await open();
    socket.write('GET /kv/k HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(500));
    // What was answered before the connection was cut may be lost with it.
    expect([...(await untilClosed(socket)).matchAll(/HTTP\/1\.1 200 /gu)].length).to.be.below(64);
  });

  it('a client that asks and never reads loses its connection', async () => {
    const other = await kvCluster(1, { maxValue: 2 ** 22, limits: { idleMs: 300 } });
    const [otherPort] = other.ports as [number];
    // More than the sockets of both sides hold. It must be quick too, or is cut off as well.
    const big = (): Promise<boolean> =>
      ask(otherPort, 'PUT', '/kv/big', { body: 'v'.repeat(4_000_000) }).then(
        ({ status }) => status === 200,
        () => false,
      );
    while (!(await big()));
    const silent = connect(otherPort, '127.0.0.1').pause();
    silent.on('error', () => {});
    const face = other.faces[0] as KvCluster['faces'][number];
    silent.write('GET /kv/big HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(60));
    const [served] = (await once(face, 'connection')) as [Socket];
    await new Promise((resolve) => served.once('close', resolve));
    silent.destroy();
    await other.stop();
  });

  it('a client that goes away in the middle of a value has written nothing', async () => {
    const gone = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        open(`PUT /kv/gone${i} HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf`),
      ),
    );
    for (const socket of gone) socket.resetAndDestroy();
    while ((await connections()) > 0) await new Promise(setImmediate);
    expect((await ask(port, 'GET', '/kv/gone1')).status).to.equal(404);
  });

  it('connections without requests give way to new ones, those with them and watches do not', async () => {
    const other = await kvCluster(1, { limits: { maxConnections: 30 } });
    const [otherPort] = other.ports as [number];
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const asks = (): Promise<boolean> =>
      new Promise((resolve, reject) => {
        const sent = get({ host: '127.0.0.1', port: otherPort, path: '/kv/none', agent }, (response) => {
          response.resume().once('end', () => resolve(sent.reusedSocket));
        });
        sent.on('error', reject);
      });
    const watch = connect(otherPort, '127.0.0.1');
    watch.write('GET /watch HTTP/1.1\r\nHost: h\r\n\r\n');
    await once(watch, 'data');
    expect(await asks()).to.equal(false);
    const sockets: Socket[] = [];
    for (let i = 0; i < 100; i++) {
      const socket = connect(otherPort, '127.0.0.1').on('error', () => {});
      sockets.push(socket);
      await once(socket, 'connect');
      if (i % 20 !== 19) continue;
      // Its place is renewed at most so often.
      await new Promise((resolve) => setTimeout(resolve, 110));
      expect(await asks(), `after ${i + 1} silent connections`).to.equal(true);
    }
    expect((await ask(otherPort, 'GET', '/healthz')).status).to.equal(200);
    expect(watch.destroyed).to.equal(false);
    agent.destroy();
    for (const socket of [watch, ...sockets]) socket.destroy();
    await other.stop();
  });

  it('large bodies that come slowly lose their place to others; small ones wait for nobody', async () => {
    const other = await kvCluster(1, { maxValue: 2 ** 20, limits: { maxBodies: 2 ** 20, patienceMs: 50 } });
    const [otherPort] = other.ports as [number];
    const head = (key: string): string => `PUT /kv/${key} HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n`;
    const sockets = Array.from({ length: 5 }, (_, i) => {
      const socket = connect(otherPort, '127.0.0.1').on('error', () => {});
      socket.write(head(`slow${i}`) + 'x'.repeat(30_000));
      return socket;
    });
    const ends = sockets.map((socket) => untilClosed(socket));
    expect((await ask(otherPort, 'PUT', '/kv/small', { body: 'v' })).status).to.equal(200);
    for (const key of ['one', 'two']) {
      expect((await ask(otherPort, 'PUT', `/kv/${key}`, { body: 'v'.repeat(1_000_000) })).status).to.equal(200);
    }
    expect((await ask(otherPort, 'GET', '/kv/one')).text.length).to.equal(1_000_000);
    // Those before them in the queue have lost theirs.
    await Promise.all(ends.slice(0, 4));
    for (const socket of sockets) socket.destroy();
    expect((await ask(otherPort, 'GET', '/kv/slow0')).status).to.equal(404);
    await other.stop();
  });

  it('odd requests are answered as HTTP says, errors always as problems', async () => {
    const close = 'Host: h\r\nConnection: close\r\n';
    for (const [head, status, says] of [
      [`GET http://other:1/kv/none HTTP/1.1\r\n${close}`, 404, '"no such key"'],
      [`GET HTTPS://other/status?x HTTP/1.1\r\n${close}`, 200, '"term"'],
      [`GET http://other HTTP/1.1\r\n${close}`, 404, '"no such path"'],
      [`GET ftp://other/kv/k HTTP/1.1\r\n${close}`, 404, '"no such path"'],
      [`OPTIONS * HTTP/1.1\r\n${close}`, 404, '"no such path"'],
      [`GET //kv/k HTTP/1.1\r\n${close}`, 404, '"no such path"'],
      [`GET /STATUS HTTP/1.1\r\n${close}`, 404, '"no such path"'],
      [`GET /status/ HTTP/1.1\r\n${close}`, 404, '"no such path"'],
      [`TRACE /kv/k HTTP/1.1\r\n${close}`, 405, 'ERR_KV_METHOD'],
      [`CONNECT other:80 HTTP/1.1\r\n${close}`, 400, 'this is no proxy'],
      ['GET /kv/k HTTP/1.1\r\nConnection: close\r\n', 400, 'there must be one header Host'],
      [`GET /kv/k HTTP/1.1\r\nHost: i\r\n${close}`, 400, 'there must be one header Host'],
      ['GET /kv/none HTTP/1.0\r\n', 404, '"no such key"'],
      [`PUT /kv/x HTTP/1.1\r\n${close}Expect: 100-continue\r\nContent-Length: 100001\r\n`, 413, 'ERR_KV_TOO_LARGE'],
      [`PUT /kv/x HTTP/1.1\r\n${close}Expect: a-miracle\r\nContent-Length: 1\r\n`, 400, 'nothing but 100-continue'],
      [`PUT /kv/x HTTP/1.1\r\n${close}Content-Length: 1\r\nContent-Length: 1\r\n`, 400, 'ERR_KV_REQUEST'],
      [`PUT /kv/x HTTP/1.1\r\n${close}Content-Length: 1, 1\r\n`, 400, 'ERR_KV_REQUEST'],
      [`PUT /kv/x HTTP/1.1\r\n${close}Transfer-Encoding: chunked, identity\r\n`, 400, 'ERR_KV_REQUEST'],
      [`GET /kv/k HTTP/1.1\r\n${close}A: b\r\n folded\r\n`, 400, 'ERR_KV_REQUEST'],
      [`GET /kv/\u0000 HTTP/1.1\r\n${close}`, 400, 'ERR_KV_REQUEST'],
      [`GET /kv/%C0%80 HTTP/1.1\r\n${close}`, 400, 'UTF-8'],
      [`GET /kv/%ED%A0%80 HTTP/1.1\r\n${close}`, 400, 'UTF-8'],
      [`GET /kv?prefix=%FF HTTP/1.1\r\n${close}`, 400, 'UTF-8'],
      [`GET /members/%FF HTTP/1.1\r\n${close}`, 400, 'UTF-8'],
      [`GET /watch?from=-1 HTTP/1.1\r\n${close}`, 400, 'must be an index'],
      [`GET /watch?from=99999999999999999999 HTTP/1.1\r\n${close}`, 400, 'must be an index'],
      [`GET /watch HTTP/1.1\r\n${close}Last-Event-ID: 1\r\nLast-Event-ID: 2\r\n`, 400, 'must be an index'],
    ] as const) {
      const text = await send(`${head}\r\n`);
      expect(text, head).to.match(new RegExp(`^HTTP/1\\.1 ${status} `, 'u'));
      expect(text, head).to.include(says);
      expect(/Content-Type: (\S+)/iu.exec(text)?.[1], head).to.equal(
        status === 200 ? 'application/json' : 'application/problem+json',
      );
    }
    const asked = await open(`PUT /kv/polite HTTP/1.1\r\n${close}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`);
    const [first] = (await once(asked, 'data')) as [Buffer];
    expect(first.toString()).to.match(/^HTTP\/1\.1 100 /u);
    const rest = untilClosed(asked);
    asked.write('v');
    expect(await rest).to.match(/^HTTP\/1\.1 200 /u);
  });

  it('bytes that are no request put no answer into the middle of a watch', async () => {
    const socket = await open('GET /watch HTTP/1.1\r\nHost: h\r\n\r\n');
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).to.match(/^HTTP\/1\.1 200 /u);
    const rest = untilClosed(socket);
    socket.write('garbage\r\n\r\n');
    expect(await rest).not.to.include('400');
  });
});
