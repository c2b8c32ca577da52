import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type TLSSocket } from 'node:tls';
import { encodeMessage, MessageType, RaftError } from '@raft-ts/proto';
import { HttpTransport, SnapshotFolder, selfSigned, type TlsOptions } from '@raft-ts/rafthttp';
import { parseRevocationLists, type RevocationLists } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { Authority, crlPem, type ListOptions, printable } from './certificates.js';
import {
  append,
  CLUSTER,
  chunksOf,
  eventually,
  introduce,
  type Member,
  message,
  openStreams,
  post,
  Recorder,
  requestHead,
  scratchFolder,
  snapshot,
  startMember,
  stopAll,
} from './members.js';

const local = ['127.0.0.1', 'localhost'];

/** Certificates of members 1 and 2, each with its id for a common name. */
function prepare(): { authority: Authority; tlsOf: (id: bigint, more?: Partial<TlsOptions>) => TlsOptions } {
  const authority = new Authority(scratchFolder());
  const tlsOf = (id: bigint, more: Partial<TlsOptions> = {}): TlsOptions => {
    const { certFile, keyFile } = authority.issue(`member-${id}`, { cn: String(id), hosts: local });
    return { certFile, keyFile, trustedCaFile: authority.caFile, ...more };
  };
  return { authority, tlsOf };
}

const memberOf: NonNullable<TlsOptions['memberOf']> = ({ subject }) => {
  const cn = /^CN=(\d+)$/mu.exec(subject)?.[1];
  return cn === undefined ? undefined : BigInt(cn);
};

/** The answer to these bytes over TLS, as text; throws if the connection is refused. */
async function exchangeTls(port: number, bytes: Buffer | string, options: ConnectionOptions): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['http/1.1'], ...options });
  return readAll(socket, bytes);
}

async function readAll(socket: TLSSocket, bytes: Buffer | string): Promise<string> {
  socket.write(bytes);
  let text = '';
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) break;
    }
  } finally {
    socket.destroy();
  }
  if (text === '') throw new Error('closed without an answer');
  return text;
}

async function expectRefused(port: number, options: ConnectionOptions): Promise<void> {
  const probing = 'GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n';
  const outcome = await exchangeTls(port, probing, options).catch((error: unknown) => error);
  expect(outcome).to.be.instanceOf(Error);
}

/** That member 2, with this certificate, is neither let in by `a` nor spoken to. */
async function expectKeptOut(a: Member, authority: Authority, two: ReturnType<Authority['issue']>): Promise<void> {
  await expectRefused(a.listener.address.port, {
    ca: readFileSync(authority.caFile),
    cert: readFileSync(two.certFile),
    key: readFileSync(two.keyFile),
  });
  const b = await startMember(2n, { tls: { certFile: two.certFile, keyFile: two.keyFile } });
  a.transport.addPeer(2n, [b.listener.url]);
  a.transport.send([append(1n, 2n, 1)]);
  await eventually('not spoken to', () => a.receiver.unreachable.length === 1);
  expect(b.receiver.processed).to.deep.equal([]);
}

describe('N16: TLS between members', () => {
  afterEach(stopAll);

  it('the log says in words why a connection was refused, and what to do about a URL', async () => {
    const { authority, tlsOf } = prepare();
    const a = await startMember(1n, { tls: tlsOf(1n) });
    const b = await startMember(2n);
    const { port } = a.listener.address;
    const expired = authority.issue('expired', { cn: '2', from: -9, to: -1 });
    const own = { ca: readFileSync(authority.caFile) };
    await expectRefused(port, own);
    const [cert, key] = [readFileSync(expired.certFile), readFileSync(expired.keyFile)];
    await expectRefused(port, { ...own, cert, key });
    const plain = createConnection(port, '127.0.0.1').end('GET / HTTP/1.1\r\nHost: h\r\n\r\n').resume();
    await new Promise((resolve) => plain.on('error', () => {}).once('close', resolve));
    for (const reason of ['no certificate was shown', 'has expired', 'plain HTTP was spoken to a port with TLS']) {
      await eventually(reason, () => a.receiver.log.some((line) => line.includes(reason)));
    }
    const { port: plainPort } = b.listener.address;
    a.transport.addPeer(2n, [`https://127.0.0.1:${plainPort}`]);
    const reason = 'no TLS was spoken: a URL that begins with https:// may';
    await eventually(reason, () => a.receiver.log.some((line) => line.includes(reason)));
  });

  async function startPair(more: Partial<TlsOptions> = {}): Promise<{ a: Member; b: Member; authority: Authority }> {
    const { authority, tlsOf } = prepare();
    const a = await startMember(1n, { tls: tlsOf(1n, more) });
    const b = await startMember(2n, { tls: tlsOf(2n, more), snapshots: new SnapshotFolder(scratchFolder()) });
    introduce(a, [b]);
    introduce(b, [a]);
    return { a, b, authority };
  }

  async function expectTalking(a: Member, b: Member): Promise<void> {
    await eventually('all streams are open', () => openStreams(a) >= 2 && openStreams(b) >= 2);
    a.transport.send([append(1n, 2n, 1), message(MessageType.MsgHeartbeat, 1n, 2n), snapshot(1n, 2n)]);
    b.transport.send([message(MessageType.MsgAppResp, 2n, 1n)]);
    await eventually('they talk', () => b.receiver.processed.length === 3 && a.receiver.processed.length === 1);
    const body = Buffer.alloc(5000, 1);
    const one = { ...snapshot(1n, 2n) };
    expect(await a.transport.sendSnapshot(one, { size: body.length, chunks: chunksOf(body) })).to.equal('finish');
  }

  it('all ways work, each side shows and checks a certificate', async () => {
    const { a, b } = await startPair();
    expect(a.listener.url).to.match(/^https:/u);
    await expectTalking(a, b);
  });

  it('with certificates tied to members', async () => {
    const { a, b } = await startPair({ memberOf });
    await expectTalking(a, b);
  });

  it('connections that begin no handshake give way to a peer that dials, its streams to nobody', async () => {
    const { tlsOf } = prepare();
    const a = await startMember(1n, { tls: tlsOf(1n), maxConnections: 16 });
    const b = await startMember(2n, { tls: tlsOf(2n), snapshots: new SnapshotFolder(scratchFolder()) });
    const idle: Socket[] = [];
    const open = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) {
        const socket = createConnection(a.listener.address.port, '127.0.0.1');
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        idle.push(socket);
      }
    };
    await open();
    introduce(a, [b]);
    introduce(b, [a]);
    await expectTalking(a, b);
    await open();
    await eventually('the oldest gave way', () => idle.filter((socket) => socket.closed).length >= 26);
    expect(openStreams(a)).to.equal(2);
    expect(a.receiver.log.filter((line) => line.includes('lost TCP'))).to.deep.equal([]);
    for (const socket of idle) socket.destroy();
  });

  it('a connection that shows no certificate, or one of another CA, gets nothing', async () => {
    const { a, authority } = await startPair();
    const { port } = a.listener.address;
    const stranger = new Authority(scratchFolder(), 'other-ca');
    const other = stranger.issue('stranger', { cn: '2', hosts: local });
    const good = authority.issue('good', { cn: '2', hosts: local });
    const pair = ({ certFile, keyFile }: { certFile: string; keyFile: string }): ConnectionOptions => ({
      ca: readFileSync(authority.caFile),
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
    });
    await expectRefused(port, { ca: readFileSync(authority.caFile) });
    await expectRefused(port, pair(other));
    await expectRefused(port, pair(authority.issue('expired', { cn: '2', hosts: local, from: -9, to: -1 })));
    await expectRefused(port, pair(authority.issue('early', { cn: '2', hosts: local, from: 1 })));
    await expectRefused(port, { ...pair(good), maxVersion: 'TLSv1.1', minVersion: 'TLSv1' });
    await expectRefused(port, { ...pair(good), ALPNProtocols: ['h2'] });
    const answer = await exchangeTls(port, 'GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n', pair(good));
    expect(answer).to.match(/^HTTP\/1\.1 200 /u);
    const resumed = connect({ host: '127.0.0.1', port, ...pair(good) });
    await new Promise((resolve) => resumed.once('secureConnect', resolve));
    expect(resumed.alpnProtocol).not.to.equal('h2');
    resumed.destroy();
  });

  it('a connection is not negotiated anew', async () => {
    const { a, authority } = await startPair();
    const { certFile, keyFile } = authority.issue('good', { cn: '2', hosts: local });
    const socket = connect({
      host: '127.0.0.1',
      port: a.listener.address.port,
      ca: readFileSync(authority.caFile),
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      maxVersion: 'TLSv1.2',
    });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    const outcome = await new Promise<string>((resolve) => {
      socket.once('close', () => resolve('closed'));
      socket.renegotiate({}, (error) => resolve(error === null ? 'renegotiated' : 'refused'));
    });
    expect(outcome).not.to.equal('renegotiated');
    socket.destroy();
    const probing = 'GET /raft/probing HTTP/1.1\r\nHost: x\r\n\r\n';
    const options = { ca: readFileSync(authority.caFile), cert: readFileSync(certFile), key: readFileSync(keyFile) };
    expect(await exchangeTls(a.listener.address.port, probing, options)).to.match(/^HTTP\/1\.1 200 /u);
  });

  it('plain HTTP to a port that speaks TLS is no way in', async () => {
    const { a } = await startPair();
    const socket = createConnection(a.listener.address.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(requestHead('GET', '/raft/probing', 2n));
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString('latin1');
    expect(text).not.to.include('200');
    expect(a.receiver.log.some((line) => line.includes('rejected connection'))).to.equal(true);
  });

  it('a member that was dialled and shows a wrong certificate is not spoken to', async () => {
    const { authority, tlsOf } = prepare();
    const other = new Authority(scratchFolder(), 'other-ca');
    const wrong: [string, { certFile: string; keyFile: string }][] = [
      ['another CA', other.issue('x', { cn: '2', hosts: local })],
      ['another host', authority.issue('host', { cn: '2', hosts: ['example.org'] })],
      ['expired', authority.issue('old', { cn: '2', hosts: local, from: -9, to: -1 })],
      ['another member', authority.issue('three', { cn: '3', hosts: local })],
      ['no member', authority.issue('nobody', { cn: 'x', hosts: local })],
    ];
    for (const [title, files] of wrong) {
      const a = await startMember(1n, { tls: tlsOf(1n, { memberOf }) });
      const { certFile, keyFile } = files;
      const b = await startMember(2n, { tls: { certFile, keyFile } });
      a.transport.addPeer(2n, [b.listener.url]);
      a.transport.send([append(1n, 2n, 1)]);
      await eventually(`${title}: reported`, () => a.receiver.unreachable.length === 1);
      expect(b.receiver.processed, title).to.deep.equal([]);
      await Promise.all([a.transport.stop(), b.transport.stop()]);
    }
  });

  it('nobody speaks in the name of another member', async () => {
    const { authority, tlsOf } = prepare();
    const a = await startMember(1n, { tls: tlsOf(1n, { memberOf }), snapshots: new SnapshotFolder(scratchFolder()) });
    a.transport.addPeer(2n, ['https://127.0.0.1:1']);
    a.receiver.removed.add(3n);
    const two = authority.issue('two', { cn: '2', hosts: local });
    const options = {
      ca: readFileSync(authority.caFile),
      cert: readFileSync(two.certFile),
      key: readFileSync(two.keyFile),
    };
    const { port } = a.listener.address;
    const vote = (from: bigint): Buffer => post(from, encodeMessage(message(MessageType.MsgVote, from, 1n)));
    const cases: [string, Buffer | string, number][] = [
      ['its own message', vote(2n), 204],
      ['a POST in another name', vote(3n), 400],
      ['a message in another name', post(2n, encodeMessage(message(MessageType.MsgVote, 3n, 1n))), 400],
      [
        'a POST that names no sender',
        Buffer.from(vote(2n).toString('latin1').replace('X-Server-From', 'X-Nobody'), 'latin1'),
        400,
      ],
      ['a snapshot in another name', requestHead('POST', '/raft/snapshot', 3n), 400],
      ['a stream of another member', requestHead('GET', '/raft/stream/message/3', 2n, { 'X-Raft-To': '1' }), 400],
      ['a stream with another sender', requestHead('GET', '/raft/stream/message/2', 3n, { 'X-Raft-To': '1' }), 400],
      ['its own stream', requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1' }), 200],
    ];
    for (const [title, bytes, status] of cases) {
      expect(await exchangeTls(port, bytes, options), title).to.match(new RegExp(`^HTTP/1\\.1 ${status} `, 'u'));
    }
    expect(a.receiver.processed.map(({ from }) => from)).to.deep.equal([2n]);
  });

  it('only allowed common names, or host names, get in, in either direction', async () => {
    for (const allowed of [
      { allowedCns: ['1', '2'] },
      { allowedHostnames: ['localhost'] },
      { allowedHostnames: ['127.0.0.1'] },
    ]) {
      const { a, b } = await startPair(allowed);
      await expectTalking(a, b);
      await stopAll();
    }
    for (const allowed of [{ allowedCns: ['1'] }, { allowedHostnames: ['example.org'] }]) {
      const { authority, tlsOf } = prepare();
      const a = await startMember(1n, { tls: tlsOf(1n, allowed) });
      const two = authority.issue('two', { cn: '2', hosts: local });
      await expectKeptOut(a, authority, two);
      await stopAll();
    }
  });

  for (const form of ['DER', 'PEM']) {
    it(`a revoked certificate is refused, in either direction (${form})`, async () => {
      const { authority, tlsOf } = prepare();
      const two = authority.issue('two', { cn: '2', hosts: local });
      const crlFile = join(authority.folder, 'list.crl');
      const list = authority.revoke(['0a', two.serial]);
      writeFileSync(crlFile, form === 'DER' ? list : crlPem(list));
      const a = await startMember(1n, { tls: tlsOf(1n, { crlFile }) });
      await expectKeptOut(a, authority, two);
    });
  }

  describe('revocation', () => {
    /** A root, a CA that it signed, one below that, and a certificate of the last. */
    function prepareChain(): { root: Authority; middle: Authority; low: Authority; folder: string } {
      const folder = scratchFolder();
      const root = new Authority(folder, 'root');
      const middle = new Authority(folder, 'middle', root);
      return { root, middle, low: new Authority(folder, 'low', middle), folder };
    }

    interface Case {
      readonly revoke: (chain: ReturnType<typeof prepareChain>, leaf: string) => Buffer | string;
      /** What the certificate's file holds beside it. */
      readonly shown?: (chain: ReturnType<typeof prepareChain>) => string;
      /** What is trusted; the root if not given. */
      readonly trusted?: (chain: ReturnType<typeof prepareChain>) => string;
      readonly refused: boolean;
    }

    const read = (file: string): string => readFileSync(file, 'utf8');
    const pemOf = (...authorities: Authority[]): string => authorities.map(({ caFile }) => read(caFile)).join('');
    const late: ListOptions = { days: -1 };
    const cases: Record<string, Case> = {
      'nothing on any list': { revoke: ({ root }) => root.revoke([]), refused: false },
      'the certificate': { revoke: ({ low }, leaf) => low.revoke([leaf]), refused: true },
      'the CA that signed it': { revoke: ({ middle, low }) => middle.revoke([low.serial]), refused: true },
      'a CA between it and the root': { revoke: ({ root, middle }) => root.revoke([middle.serial]), refused: true },
      'the root': { revoke: ({ root }) => root.revoke([root.serial]), refused: true },
      'one of several lists': {
        revoke: ({ root, middle, low }) => crlPem(root.revoke([])) + crlPem(middle.revoke([low.serial])),
        refused: true,
      },
      'by a list that has expired': { revoke: ({ root, middle }) => root.revoke([middle.serial], late), refused: true },
      'by a list that spells its issuer in another way': {
        revoke: ({ root, middle }) =>
          root.revoke([middle.serial], { string: (text) => printable(` ${text.toUpperCase()}`) }),
        refused: true,
      },
      'by a list of another issuer that says so': {
        revoke: ({ root, low }, leaf) => root.revoke(['0a', leaf], { of: low }),
        refused: true,
      },
      'the same number, by another CA of the chain': {
        revoke: ({ root }, leaf) => root.revoke([leaf]),
        refused: false,
      },
      'the same number, by a CA that has nothing to do with it': {
        revoke: ({ folder }, leaf) => new Authority(folder, 'other').revoke([leaf]),
        refused: false,
      },
      'a CA that is trusted, and not shown': {
        revoke: ({ root, middle }) => root.revoke([middle.serial]),
        shown: ({ low }) => pemOf(low),
        trusted: ({ root, middle }) => pemOf(root, middle),
        refused: true,
      },
      'a CA, shown behind others that have nothing to do with it': {
        revoke: ({ middle, low }) => middle.revoke([low.serial]),
        shown: ({ root, middle, low }) => pemOf(root, root, middle, middle, low),
        refused: true,
      },
    };

    // A CA that cannot be seen may be revoked, so such a release lets nobody in whom a CA below the trusted one signed.
    let hidesChains = false;
    before(async () => {
      const { root, low } = prepareChain();
      const { certFile, keyFile } = low.issue('any', { cn: '1', hosts: local });
      const options = { ca: read(root.caFile), cert: read(certFile), key: read(keyFile) };
      const server = createServer({ ...options, requestCert: true }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const client = connect({ ...options, host: '127.0.0.1', port }).resume();
      const [served] = (await once(server, 'secureConnection')) as [TLSSocket];
      hidesChains = served.getPeerX509Certificate()?.issuerCertificate === undefined;
      served.end();
      await once(client, 'close');
      server.close();
    });

    for (const [title, { revoke, shown, trusted, refused }] of Object.entries(cases)) {
      it(`${refused ? 'refuses' : 'takes'} either side: ${title}`, async () => {
        const chain = prepareChain();
        const { root, low, folder } = chain;
        const own = root.issue('one', { cn: '1', hosts: local });
        const two = low.issue('two', { cn: '2', hosts: local }, shown?.(chain));
        const [crlFile, trustedCaFile] = [join(folder, 'list.crl'), join(folder, 'trusted.pem')];
        writeFileSync(crlFile, revoke(chain, two.serial));
        writeFileSync(trustedCaFile, trusted?.(chain) ?? pemOf(root));
        const tls = { certFile: own.certFile, keyFile: own.keyFile, trustedCaFile, crlFile };
        const a = await startMember(1n, { tls });
        const b = await startMember(2n, { tls: { certFile: two.certFile, keyFile: two.keyFile, trustedCaFile } });
        // In: member 2 shows its certificate at member 1.
        const options = { ca: read(trustedCaFile), cert: read(two.certFile), key: read(two.keyFile) };
        if (refused || (hidesChains && !parseRevocationLists(readFileSync(crlFile)).isEmpty))
          await expectRefused(a.listener.address.port, options);
        else {
          const answer = await exchangeTls(a.listener.address.port, requestHead('GET', '/raft/probing', 2n), options);
          expect(answer).to.match(/^HTTP\/1\.1 200 /u);
        }
        // Out: member 1 dials member 2.
        a.transport.addRemote(2n, [b.listener.url]);
        a.transport.send([append(1n, 2n, 1)]);
        await eventually('it ends', () => a.receiver.unreachable.length + b.receiver.processed.length === 1);
        expect(b.receiver.processed).to.have.length(refused ? 0 : 1);
        const told = a.receiver.log.filter((line) => line.includes(' is revoked'));
        expect(told.length > 0).to.equal(refused);
      });
    }

    it('counts even if any certificate of a dialled member would do', async () => {
      const { root, low, folder } = prepareChain();
      const own = root.issue('one', { cn: '1', hosts: local });
      const two = low.issue('two', { cn: '2', hosts: local });
      const crlFile = join(folder, 'list.crl');
      writeFileSync(crlFile, low.revoke([two.serial]));
      const tls = { certFile: own.certFile, keyFile: own.keyFile, crlFile, insecureSkipVerify: true };
      const a = await startMember(1n, { tls });
      const b = await startMember(2n, { tls: { certFile: two.certFile, keyFile: two.keyFile } });
      a.transport.addRemote(2n, [b.listener.url]);
      a.transport.send([append(1n, 2n, 1)]);
      await eventually('it is reported', () => a.receiver.unreachable.length === 1);
      expect(b.receiver.processed).to.deep.equal([]);
    });
  });

  it('files that change are used without a restart; broken ones are not', async () => {
    const { authority, tlsOf } = prepare();
    const crlFile = join(authority.folder, 'list.crl');
    writeFileSync(crlFile, authority.revoke([]));
    const a = await startMember(1n, { tls: tlsOf(1n, { crlFile }) });
    const two = authority.issue('two', { cn: '2', hosts: local });
    const options = {
      ca: readFileSync(authority.caFile),
      cert: readFileSync(two.certFile),
      key: readFileSync(two.keyFile),
    };
    const shown = async (): Promise<string> => {
      const socket = connect({ host: '127.0.0.1', port: a.listener.address.port, ...options });
      await new Promise((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      });
      const { serialNumber } = socket.getPeerCertificate();
      socket.destroy();
      return serialNumber;
    };
    const first = await shown();
    const again = authority.issue('member-1', { cn: '1', hosts: local, serial: '4badcafe' });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await shown()).toLowerCase())
      .to.equal('4badcafe')
      .and.not.equal(first.toLowerCase());
    writeFileSync(again.certFile, 'no certificate');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await shown()).toLowerCase()).to.equal('4badcafe');
    expect(a.receiver.log.some((line) => line.includes('kept the earlier certificates'))).to.equal(true);
    authority.issue('member-1', { cn: '1', hosts: local, serial: '4badcafe' });
    writeFileSync(crlFile, authority.revoke([two.serial]));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await expectRefused(a.listener.address.port, options);
  });

  it('options that make no sense have a code', () => {
    const { authority, tlsOf } = prepare();
    const good = tlsOf(1n);
    const { certFile, keyFile } = good;
    const two = authority.issue('two', { cn: '2' });
    const bad: TlsOptions[] = [
      { ...good, certFile: '/nowhere' },
      { ...good, keyFile: two.keyFile },
      { ...good, clientCertFile: certFile },
      { ...good, crlFile: certFile },
      { ...good, allowedCns: ['1'], allowedHostnames: ['x'] },
      { certFile, keyFile, memberOf },
      { certFile, keyFile, allowedCns: ['1'] },
    ];
    for (const tls of bad) {
      expect(() => new HttpTransport({ id: 1n, clusterId: CLUSTER, receiver: new Recorder(), tls }))
        .to.throw(RaftError)
        .with.property('code', 'ERR_RAFT_TLS');
    }
  });

  it('https needs certificates, and a listener can be told to do without', async () => {
    const plain = await startMember(1n);
    expect(() => plain.transport.addPeer(2n, ['https://127.0.0.1:1']))
      .to.throw(RaftError)
      .with.property('code', 'ERR_RAFT_PEER_URL');
    const error: unknown = await plain.transport
      .serve({ host: '127.0.0.1', port: 0, tls: true })
      .catch((caught: unknown) => caught);
    expect(error).to.include({ code: 'ERR_RAFT_LISTEN', reason: 'no-tls' });
    const { tlsOf } = prepare();
    const secure = await startMember(2n, { tls: tlsOf(2n) });
    const open = await secure.transport.serve({ host: '127.0.0.1', port: 0, tls: false });
    expect(open.url).to.match(/^http:/u);
  });

  it('a self-signed certificate is made once, and encrypts', async function made() {
    const require = createRequire(import.meta.url);
    const installed = ((): boolean => {
      try {
        require.resolve('selfsigned');
        return true;
      } catch {
        return false;
      }
    })();
    const folder = scratchFolder();
    const hosts = ['127.0.0.1', 'localhost'];
    if (!installed) {
      const error: unknown = await selfSigned({ folder, hosts }).catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_OPTIONAL_PEER', reason: 'selfsigned' });
      console.log('      the package selfsigned is not installed: only its absence was tested');
      this.skip();
    }
    const tls = await selfSigned({ folder, hosts });
    const first = readFileSync(tls.certFile);
    expect(statSync(tls.keyFile).mode & 0o777).to.equal(0o600);
    expect(await selfSigned({ folder, hosts })).to.deep.equal(tls);
    expect(readFileSync(tls.certFile).equals(first)).to.equal(true);
    const [a, b] = [await startMember(1n, { tls }), await startMember(2n, { tls })];
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('all streams are open', () => openStreams(a) >= 2 && openStreams(b) >= 2);
  });

  describe('revocation lists', () => {
    it('name serial numbers, whatever their length', () => {
      const authority = new Authority(scratchFolder());
      const serials = ['0a', '7fffffffffffffffffffffffffffffffffffffff', '00ff', '01'];
      const read = parseRevocationLists(authority.revoke(serials));
      const serialsOf = (lists: RevocationLists): string[] => [...lists].map(({ serial }) => serial);
      expect(serialsOf(read)).to.deep.equal(['a', '7fffffffffffffffffffffffffffffffffffffff', 'ff', '1']);
      expect([...parseRevocationLists(authority.revoke([]))]).to.deep.equal([]);
      const two = Buffer.from(crlPem(authority.revoke(['02'])) + crlPem(authority.revoke(['03'])));
      expect(serialsOf(parseRevocationLists(two))).to.deep.equal(['2', '3']);
    });

    it('as PEM are all read, or none: one that is passed over would revoke nothing', () => {
      const authority = new Authority(scratchFolder());
      const [good, second] = [crlPem(authority.revoke(['02'])), crlPem(authority.revoke(['03']))];
      const damaged = {
        'cut before its last line': second.slice(0, second.indexOf('-----END')),
        'not in base64': second.replace('\n', '\n!'),
        'under another label': second.replaceAll('X509 CRL', 'CRL'),
        'a certificate': readFileSync(authority.caFile, 'utf8'),
      };
      for (const [title, text] of Object.entries(damaged)) {
        for (const file of [good + text, text + good]) {
          expect(() => parseRevocationLists(Buffer.from(file)), title).to.throw(RaftError, 'PEM');
        }
      }
    });

    it('that are cut or changed are read to the same end or refused', () => {
      const list = new Authority(scratchFolder()).revoke(['0a', '0b']);
      for (let at = 0; at < list.length; at++) {
        expect(() => parseRevocationLists(list.subarray(0, at)), `cut at ${at}`).to.throw(RaftError);
        for (const value of [0, 0x80, 0xff]) {
          const changed = Buffer.from(list);
          changed[at] = value;
          try {
            parseRevocationLists(changed);
          } catch (error) {
            expect(error).to.be.instanceOf(RaftError);
          }
        }
      }
    });
  });
});
