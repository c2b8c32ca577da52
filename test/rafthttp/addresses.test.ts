import dns from 'node:dns';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { MessageType, RaftError } from '@raft-ts/proto';
import { dialTarget, MAX_SOCKET_PATH_BYTES, parsePeerUrls } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  append,
  eventually,
  introduce,
  type Member,
  message,
  newTransport,
  openStreams,
  quick,
  Recorder,
  scratchFolder,
  startMember,
  startServer,
  stopAll,
} from './members.js';

/** A member that listens there. */
async function startAt(id: bigint, where: Parameters<Member['transport']['serve']>[0]): Promise<Member> {
  const receiver = new Recorder();
  const transport = newTransport(id, receiver);
  return { id, transport, receiver, listener: await transport.serve(where) };
}

async function expectTalking(a: Member, b: Member): Promise<void> {
  introduce(a, [b]);
  introduce(b, [a]);
  await eventually('streams both ways', () => openStreams(a) === 2 && openStreams(b) === 2);
  a.transport.send([append(a.id, b.id, 1), message(MessageType.MsgHeartbeat, a.id, b.id)]);
  await eventually('they talk', () => b.receiver.processed.length === 2);
}

describe('addresses', () => {
  afterEach(stopAll);

  it('IPv6', async function ipv6() {
    const probe = createServer();
    const there = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(0, '::1', () => probe.close(() => resolve(true)));
    });
    if (!there) {
      console.log('      skipped: this machine has no IPv6');
      this.skip();
    }
    const [a, b] = [await startAt(1n, { host: '::1', port: 0 }), await startAt(2n, { host: '::1', port: 0 })];
    expect(a.listener.url).to.match(/^http:\/\/\[::1\]:\d+$/u);
    await expectTalking(a, b);
  });

  it('can be checked without dialling them', () => {
    const transport = newTransport(1n, new Recorder());
    transport.checkPeer(['http://127.0.0.1:1', 'unix:///tmp/raft.sock']);
    for (const url of ['nonsense', 'http://127.0.0.1', 'https://127.0.0.1:1']) {
      expect(() => transport.checkPeer([url]), url)
        .to.throw(RaftError)
        .with.property('code', 'ERR_RAFT_PEER_URL');
    }
    expect(() => transport.checkPeer([])).to.throw(RaftError);
  });

  it('Unix sockets', async () => {
    const folder = scratchFolder();
    const [a, b] = [
      await startAt(1n, { path: join(folder, 'a.sock') }),
      await startAt(2n, { path: join(folder, 'b.sock') }),
    ];
    expect(a.listener.url).to.equal(`unix://${join(folder, 'a.sock')}`);
    await expectTalking(a, b);
    await a.transport.stop();
    expect(existsSync(join(folder, 'a.sock'))).to.equal(false);
  });

  it('a Unix socket that nobody listens at any more gives way, one in use and other files do not', async () => {
    const path = join(scratchFolder(), 'a.sock');
    const first = await startAt(1n, { path });
    const inUse: unknown = await startAt(2n, { path }).catch((error: unknown) => error);
    expect(inUse).to.include({ code: 'ERR_RAFT_LISTEN', reason: 'EADDRINUSE' });
    await first.transport.stop();
    writeFileSync(path, 'mine');
    const taken: unknown = await startAt(3n, { path }).catch((error: unknown) => error);
    expect(taken).to.include({ code: 'ERR_RAFT_LISTEN', reason: 'EADDRINUSE' });
    expect(existsSync(path)).to.equal(true);
  });

  it('a Unix socket has the path that was asked for, or none: one that is too long is refused, with its length', async () => {
    const folder = scratchFolder();
    // Two bytes each, so that a count of characters would not do.
    const name = (bytes: number): string => {
      const rest = bytes - Buffer.byteLength(folder) - 1;
      return join(folder, 'é'.repeat(Math.floor(rest / 2)) + 'e'.repeat(rest % 2));
    };
    const longest = name(MAX_SOCKET_PATH_BYTES);
    const a = await startAt(1n, { path: longest });
    expect(readdirSync(folder)).to.deep.equal([longest.slice(folder.length + 1)]);
    await expectTalking(a, await startAt(2n, { path: join(folder, 'b') }));
    const beyond = name(MAX_SOCKET_PATH_BYTES + 1);
    const refused: unknown = await startAt(3n, { path: beyond }).catch((error: unknown) => error);
    expect(refused).to.include({ code: 'ERR_RAFT_LISTEN', reason: 'too-long' });
    expect(String(refused)).to.include(`at most ${MAX_SOCKET_PATH_BYTES} bytes, not ${MAX_SOCKET_PATH_BYTES + 1}`);
    const notDialled = `at most ${MAX_SOCKET_PATH_BYTES} bytes, not ${MAX_SOCKET_PATH_BYTES + 1}`;
    for (const call of [
      () => a.transport.addPeer(9n, [`unix://${beyond}`]),
      () => a.transport.checkPeer([`unix://${beyond}`]),
      () => a.transport.addRemote(9n, [`unix://${beyond}`]),
      () => a.transport.updatePeer(2n, [`unix://${beyond}`]),
      () => newTransport(4n, new Recorder(), { urls: [`unix://${beyond}`] }),
    ]) {
      expect(call).to.throw(RaftError, notDialled).with.property('code', 'ERR_RAFT_PEER_URL');
    }
    expect(() => a.transport.checkPeer([`unix://${longest}`, 'http://b:1'])).not.to.throw();
    expect(readdirSync(folder)).to.have.length(2);
  });

  it('a name is looked up again when a connection is opened again', async () => {
    const real = dns.lookup;
    const looked: string[] = [];
    let address = '127.0.0.2';
    dns.lookup = ((host: string, options: { all?: boolean }, callback: (...results: unknown[]) => void) => {
      if (host !== 'member.test') return (real as unknown as (...all: unknown[]) => void)(host, options, callback);
      looked.push(address);
      if (options.all === true) callback(null, [{ address, family: 4 }]);
      else callback(null, address, 4);
    }) as unknown as typeof dns.lookup;
    try {
      const [a, b] = [await startMember(1n), await startMember(2n)];
      a.transport.addPeer(2n, [`http://member.test:${b.listener.address.port}`]);
      b.transport.addPeer(1n, [a.listener.url]);
      await eventually('the old address fails', () => a.receiver.log.some((line) => line.includes('failed to dial')));
      expect(openStreams(b)).to.equal(0);
      address = '127.0.0.1';
      await eventually('the new one works', () => openStreams(b) === 2);
      expect(new Set(looked).size).to.equal(2);
    } finally {
      dns.lookup = real;
    }
  });

  it('a URL that cannot be dialled is refused, however often it is asked for', () => {
    // The first names a path of host a, port 80. The second is no URL to `new URL`, but one to an optimized
    // `URL.canParse`.
    for (const url of ['http://a\\b:1', 'http://127.0.0.\u00dc\u008b:2380']) {
      let refused = 0;
      for (let i = 0; i < 20_000; i++) {
        try {
          parsePeerUrls([url]);
        } catch {
          refused++;
        }
      }
      expect(refused, url).to.equal(20_000);
    }
  });

  it('a URL says how to dial', () => {
    expect(dialTarget('http://x:1', '/raft')).to.deep.equal({ url: 'http://x:1/raft' });
    expect(dialTarget('unix:///run/a.sock', '/raft')).to.deep.equal({
      url: 'http://localhost/raft',
      socketPath: '/run/a.sock',
    });
    expect(dialTarget('unix://a:1', '/raft')).to.deep.equal({ url: 'http://localhost/raft', socketPath: 'a:1' });
    expect(parsePeerUrls(['unix:///b', 'https://a:2', 'http://a:1/'])).to.deep.equal([
      'http://a:1',
      'https://a:2',
      'unix:///b',
    ]);
  });
});

describe('probing', () => {
  afterEach(stopAll);

  const timings = { ...quick, probeIntervalMs: 10, probeStatusMs: 40, probeErrorMs: 500 };
  const count = ({ log }: Recorder, text: string): number => log.filter((line) => line.includes(text)).length;

  it('tells when a peer falls ill and when it is well again, once each', async () => {
    let ok = true;
    const { url } = await startServer((_req, res) => {
      if (ok) res.end(JSON.stringify({ OK: true, Now: new Date().toISOString().replace('Z', '123456+00:00') }));
      else res.writeHead(503).end();
    });
    const receiver = new Recorder();
    const transport = newTransport(1n, receiver, { timings });
    transport.addPeer(2n, [url]);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(count(receiver, 'prober detected')).to.equal(0);
    ok = false;
    await eventually('ill, on both ways', () => count(receiver, 'unhealthy') === 2);
    await new Promise((resolve) => setTimeout(resolve, 1300));
    expect(count(receiver, 'unhealthy')).to.equal(2);
    ok = true;
    await eventually('well', () => count(receiver, 'prober detected healthy status') === 2);
  });

  it('asks at the other URLs of a peer too', async () => {
    let asked = 0;
    const { url } = await startServer((req, res) => {
      if (req.url === '/raft/probing') asked++;
      res.writeHead(404).end();
    });
    newTransport(1n, new Recorder(), { timings }).addPeer(2n, ['http://127.0.0.1:1', url]);
    await eventually('it is asked', () => asked > 0);
  });

  it('warns of a clock that differs, once', async () => {
    let aheadMs = 0;
    const { url } = await startServer(
      (_req, res) => void res.end(JSON.stringify({ OK: true, Now: new Date(Date.now() + aheadMs) })),
    );
    const receiver = new Recorder();
    newTransport(1n, receiver, { timings }).addPeer(2n, [url]);
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(count(receiver, 'high clock drift')).to.equal(0);
    aheadMs = -60_000;
    await eventually('it is noticed', () => count(receiver, 'high clock drift') === 2);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(count(receiver, 'high clock drift')).to.equal(2);
  });

  it('a malformed answer to a probe counts as ill', async () => {
    const answers = [
      '',
      'null',
      '{}',
      '{"OK":false,"Now":"2026-01-01T00:00:00Z"}',
      '{"OK":true,"Now":"soon"}',
      '<html>',
    ];
    for (const body of answers) {
      const { url } = await startServer((_req, res) => void res.end(body));
      const receiver = new Recorder();
      const transport = newTransport(1n, receiver, { timings });
      transport.addPeer(2n, [url]);
      await eventually(`ill at '${body}'`, () => count(receiver, 'unhealthy') === 2);
      await transport.stop();
    }
  });

  it('ends with the peer', async () => {
    let asked = 0;
    const { url } = await startServer((req, res) => {
      if (req.url === '/raft/probing') asked++;
      res.writeHead(404).end();
    });
    const transport = newTransport(1n, new Recorder(), { timings });
    transport.addPeer(2n, [url]);
    await eventually('it is asked', () => asked > 3);
    transport.removePeer(2n);
    await new Promise((resolve) => setTimeout(resolve, 50));
    const before = asked;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(asked).to.equal(before);
  });
});
