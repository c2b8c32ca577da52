import { once } from 'node:events';
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
  const MAX_CONNECTIONS = 30;
  let store: KvCluster;
  let port: number;

  before(async () => {
    store = await kvCluster(1, {
      maxValue: 100_000,
      limits: { headersMs: 150, requestMs: 300, idleMs: 400, checkMs: 25, maxConnections: MAX_CONNECTIONS },
    });
    port = store.ports[0] as number;
    await ask(port, 'PUT', '/kv/k', { body: 'v'.repeat(50_000) });
  });

  after(() => store.stop());

  const open = async (text = ''): Promise<Socket> => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(text);
    return socket;
  };
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

  it('headers that come byte by byte, or never, are waited for only so long', async () => {
    const other = await kvCluster(1, { limits: { headersMs: 150, checkMs: 25 } });
    const silent = connect(other.ports[0] as number, '127.0.0.1');
    expect(await untilClosed(silent)).to.match(/^HTTP\/1\.1 408 /u);
    await other.stop();
    const text = await drip(await open('GET /kv/k HTTP/1.1\r\nHost: h\r\n'), 'X-A: b\r\n', 20);
    // The answer may be lost with the connection, since more was sent after it.
    expect(text).to.match(/^$|^HTTP\/1\.1 408 [^]*"code":"ERR_KV_SLOW_REQUEST"/u);
  });

  it('a body that comes byte by byte is waited for only so long', async () => {
    await drip(await open('PUT /kv/slow HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n'), 'x', 20);
    expect((await ask(port, 'GET', '/kv/slow')).status).to.equal(404);
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
      send('GET /kv/none HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    ]);
    expect(tunnel).not.to.include('200');
    expect(upgrade).to.match(/^HTTP\/1\.1 404 /u);
  });

  it('a body that is too long is refused before it is sent, and its end is not waited for', async () => {
    const declared = await send('PUT /kv/long HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n');
    expect(declared).to.match(/^HTTP\/1\.1 413 [^]*"code":"ERR_KV_TOO_LARGE"/u);
    const endless = await open('PUT /kv/long HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
    const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
    const text = await drip(endless, chunk.repeat(10), 2);
    expect(text).to.match(/^$|^HTTP\/1\.1 413 /u);
  });

  it('a client may send many requests without reading an answer, but only so many are worked on', async () => {
    const COUNT = 500;
    const socket = await open();
    socket.pause();
    socket.write('GET /kv/k HTTP/1.1\r\nHost: h\r\n\r\n'.repeat(COUNT - 1));
    socket.write('GET /kv/none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n');
    await new Promise(setImmediate);
    const text = await untilClosed(socket.resume());
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+) /gu)].map(([, status]) => status);
    expect(statuses.length).to.equal(COUNT);
    expect(new Set(statuses.slice(0, -1))).to.deep.equal(new Set(['200', '503']));
    expect(statuses.filter((status) => status === '200').length).to.be.at.least(64);
  });

  it('a client that asks and never reads loses its connection', async () => {
    const other = await kvCluster(1, { maxValue: 2 ** 22, limits: { idleMs: 300 } });
    const [otherPort] = other.ports as [number];
    // More than the sockets of both sides hold.
    await ask(otherPort, 'PUT', '/kv/big', { body: 'v'.repeat(4_000_000) });
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

  it('there are as many connections as are allowed', async () => {
    const sockets = await Promise.all(Array.from({ length: 2 * MAX_CONNECTIONS }, () => open()));
    const closed = await Promise.all(sockets.map((socket) => untilClosed(socket)));
    expect(closed.filter((text) => text === '').length).to.equal(MAX_CONNECTIONS);
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
