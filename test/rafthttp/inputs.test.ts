import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createConnection, createServer, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import {
  type Entry,
  encodeMessage,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
} from '@raft-ts/proto';
import { MemoryStorage, RawNode } from '@raft-ts/raft';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import {
  encodeEnvelope,
  MAX_HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  MessageDecoder,
  MsgAppDecoder,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  append,
  eventually,
  exchangeRaw,
  type Member,
  message,
  newTransport,
  post,
  quick,
  Recorder,
  requestHead,
  scratchFolder,
  snapshot,
  startMember,
  startServer,
  stopAll,
  stopLater,
} from './members.js';

/**
 * The classes of inputs that each network-facing part of a consensus system is tried with, numbered as in the
 * catalogue.
 */

interface RaftMember extends Member {
  /** All that raft knows, as text: what a refused input must leave alone. */
  state(): string;
  readonly folder: string;
}

/** Member 1 of a cluster of three with a real core behind its transport. Its log ends at index 5 of term 2. */
async function startRaft(readTimeoutMs = 300): Promise<RaftMember> {
  const storage = new MemoryStorage();
  const confState = { voters: [1n, 2n, 3n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  storage.applySnapshot({ data: undefined, metadata: { index: 3, term: 2, confState } });
  const entry = (index: number): Entry => ({ type: undefined, term: 2, index, data: Uint8Array.of(index) });
  storage.append([entry(4), entry(5)]);
  storage.setHardState({ term: 2, vote: 0n, commit: 4 });
  const raw = new RawNode({
    id: 1n,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    maxSizePerMsg: 4096,
    maxInflightMsgs: 16,
    random: () => 0,
  });
  const folder = scratchFolder();
  const member = await startMember(1n, {
    snapshots: new SnapshotFolder(folder),
    timings: { ...quick, readTimeoutMs },
  });
  member.transport.addPeer(2n, ['http://127.0.0.1:1']);
  member.transport.addPeer(3n, ['http://127.0.0.1:1']);
  member.receiver.onProcess = (one) => raw.step(one);
  const state = (): string =>
    JSON.stringify([raw.basicStatus(), raw.hasReady(), storage.lastIndex()], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
  return { ...member, state, folder };
}

/** The status that each of these gets, none of which may change anything. */
async function expectRefused(
  member: RaftMember,
  inputs: readonly (readonly [title: string, bytes: Buffer | string, statuses: readonly number[]])[],
): Promise<void> {
  for (const [title, bytes, statuses] of inputs) {
    const before = member.state();
    const { status } = await exchangeRaw(member.listener.address.port, bytes);
    expect(statuses, `${title}: ${status}`).to.include(status);
    expect(member.state(), title).to.equal(before);
  }
  await expectAlive(member);
}

/** The member still takes a good message. */
async function expectAlive({ listener, receiver }: Member): Promise<void> {
  const before = receiver.processed.length;
  const good = post(2n, encodeMessage(message(MessageType.MsgHeartbeatResp, 2n, 1n, { term: 1 })));
  expect((await exchangeRaw(listener.address.port, good)).status).to.equal(204);
  expect(receiver.processed.length).to.equal(before + 1);
}

const posted = (one: Message, from = 2n): Buffer => post(from, encodeMessage(one));

function postSnapshot(body: Uint8Array, from = 2n, headers: Record<string, string> = {}): Buffer {
  const all = { 'Content-Length': String(body.length), ...headers };
  return Buffer.concat([Buffer.from(requestHead('POST', '/raft/snapshot', from, all)), body]);
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** A protobuf field of varints, each of any 64 bits. */
function field(number: number, value: bigint): number[] {
  const bytes = [number << 3];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}

describe('classes of inputs', () => {
  afterEach(stopAll);

  it('N1: lengths beyond reason are refused before anything is allocated', async () => {
    const huge = [2n ** 63n, 2n ** 64n - 1n, BigInt(MAX_MESSAGE_BYTES) + 1n];
    const before = process.memoryUsage();
    for (const length of huge) {
      expect(() => [...new MessageDecoder().push(u64(length))]).to.throw('limit exceeded');
      expect(() => [...new MsgAppDecoder(2n, 1n).push(Buffer.concat([Buffer.of(2), u64(length)]))]).to.throw(
        'limit exceeded',
      );
      expect(() => [...new MsgAppDecoder(2n, 1n).push(Buffer.concat([Buffer.of(1), u64(length)]))]).to.throw(
        'limit exceeded',
      );
      const sized = Buffer.concat([Buffer.of(1), u64(1n), u64(length)]);
      expect(() => [...new MsgAppDecoder(2n, 1n).push(sized)]).to.throw('limit exceeded');
    }
    const many = Buffer.concat([Buffer.of(1), u64(2n ** 32n), Buffer.alloc(10)]);
    expect(() => [...new MsgAppDecoder(2n, 1n).push(many)]).to.throw('limit exceeded');
    // Lengths within the limits that never come cost nothing either.
    for (const [decoder, bytes] of [
      [new MessageDecoder(), u64(BigInt(MAX_MESSAGE_BYTES))],
      [new MsgAppDecoder(2n, 1n), Buffer.concat([Buffer.of(1), u64(1000n), u64(100_000_000n)])],
    ] as const) {
      expect([...decoder.push(bytes)]).to.deep.equal([]);
    }
    const after = process.memoryUsage();
    expect(after.arrayBuffers - before.arrayBuffers).to.be.lessThan(1024 * 1024);
    const a = await startRaft();
    await expectRefused(
      a,
      huge.map((length) => [
        `snapshot of ${length}`,
        postSnapshot(Buffer.concat([u64(length), Buffer.alloc(10)])),
        [400],
      ]),
    );
  });

  it('N2: a request cut anywhere, and one that drips, is given up and delivers nothing', async () => {
    const a = await startRaft();
    const whole = posted(append(2n, 1n, 5));
    const body = encodeMessage(append(2n, 1n, 5)).length;
    for (let at = whole.length - body - 3; at < whole.length; at += 5) {
      const { status } = await exchangeRaw(a.listener.address.port, whole.subarray(0, at), { end: true });
      expect([0, 400], String(at)).to.include(status);
    }
    const socket = createConnection(a.listener.address.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(whole.subarray(0, whole.length - 5));
    // Nothing more within the time that a body may be silent.
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
    expect(text).to.match(/^HTTP\/1\.1 400 /u);
    expect(a.receiver.processed).to.deep.equal([]);
    await expectAlive(a);
  });

  it('N3: how bytes are cut into pieces makes no difference to a POST', async () => {
    // So long that no pause between two pieces is the end of a body.
    const a = await startRaft(60_000);
    const whole = posted(message(MessageType.MsgHeartbeatResp, 2n, 1n, { term: 1 }));
    for (const size of [1, 7, 64]) {
      const socket = createConnection({ host: '127.0.0.1', port: a.listener.address.port, noDelay: true });
      for (let at = 0; at < whole.length; at += size) {
        socket.write(whole.subarray(at, at + size));
        await new Promise(setImmediate);
      }
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString('latin1')).to.match(/^HTTP\/1\.1 204 /u);
      socket.destroy();
    }
    expect(a.receiver.processed).to.have.length(3);
  });

  it('N4: protobuf that says things twice, unknown things or wrong things is read or refused, never half', async () => {
    const a = await startRaft();
    const good = [...encodeMessage(message(MessageType.MsgHeartbeatResp, 2n, 1n, { term: 1 }))];
    const of = (...tail: number[]): Buffer => post(2n, Uint8Array.from([...good, ...tail]));
    const { port } = a.listener.address;
    for (const bytes of [of(0x78, 1), of(...field(4, 1n)), of(0x7a, 2, 1, 2)]) {
      expect((await exchangeRaw(port, bytes)).status).to.equal(204);
    }
    const overlong = Array.from({ length: 11 }, (_, i) => (i < 10 ? 0xff : 0x01));
    await expectRefused(a, [
      ['trailing byte', of(0x01), [400]],
      ['a varint of eleven bytes', of(0x20, ...overlong), [400]],
      ['a negative kind', of(...field(1, 2n ** 64n - 1n)), [400]],
      ['nothing at all', post(2n, new Uint8Array(0)), [400]],
      ['an end of a group that did not begin', of(0x7c), [400]],
    ]);
  });

  it('N5: what a member tells itself is not taken from others', async () => {
    const a = await startRaft();
    const types = [
      MessageType.MsgHup,
      MessageType.MsgBeat,
      MessageType.MsgUnreachable,
      MessageType.MsgSnapStatus,
      MessageType.MsgCheckQuorum,
      MessageType.MsgStorageAppend,
      MessageType.MsgStorageAppendResp,
      MessageType.MsgStorageApply,
      MessageType.MsgStorageApplyResp,
    ];
    await expectRefused(
      a,
      types.map((type) => [String(type), posted(message(type, 2n, 1n, { term: 9 })), [400]]),
    );
    expect(a.receiver.types()).to.deep.equal([MessageType.MsgHeartbeatResp]);
  });

  it('N6: impossible senders and targets are refused, and not as removed members', async () => {
    const a = await startRaft();
    const cases: [string, Message, bigint][] = [
      ['from nobody', message(MessageType.MsgVote, 0n, 1n, { term: 9 }), 2n],
      ['to nobody', message(MessageType.MsgVote, 2n, 0n, { term: 9 }), 2n],
      ['from ourselves', message(MessageType.MsgVote, 1n, 1n, { term: 9 }), 1n],
      ['from a thread', message(MessageType.MsgVote, LOCAL_APPEND_THREAD, 1n, { term: 9 }), LOCAL_APPEND_THREAD],
      ['from the other', message(MessageType.MsgVote, LOCAL_APPLY_THREAD, 1n, { term: 9 }), LOCAL_APPLY_THREAD],
      ['a proposal from a thread', message(MessageType.MsgProp, LOCAL_APPLY_THREAD, 1n), 2n],
      ['from another than the sender', message(MessageType.MsgVote, 3n, 1n, { term: 9 }), 2n],
      ['to another', message(MessageType.MsgVote, 2n, 3n, { term: 9 }), 2n],
    ];
    await expectRefused(
      a,
      cases.map(([title, one, from]) => [title, posted(one, from), [400]]),
    );
    await expectRefused(
      a,
      cases.map(([title, one, from]) => [
        `snapshot ${title}`,
        postSnapshot(
          encodeEnvelope({
            ...snapshot(2n, 1n),
            from: one.from,
            to: one.to === 1n ? (one.from === 2n ? 3n : 1n) : one.to,
          }),
          from,
        ),
        [400],
      ]),
    );
    expect(readdirSync(a.folder)).to.deep.equal([]);
  });

  it('N7: positions at every edge are never rounded, and never crash the core', async () => {
    const a = await startRaft();
    const edges = [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n];
    const base = [...field(1, 3n), ...field(2, 1n), ...field(3, 2n)];
    const inputs: [string, Buffer, number[]][] = [];
    for (const edge of edges) {
      for (const number of [4, 5, 6, 8, 11]) {
        const fields = [...base, ...(number === 4 ? [] : field(4, 2n)), ...field(number, edge)];
        inputs.push([`field ${number} = ${edge}`, post(2n, Uint8Array.from(fields)), [400]]);
      }
    }
    const entry = (index: number, term: number): Entry => ({ type: undefined, term, index, data: undefined });
    const entries = (...list: Entry[]): Message =>
      message(MessageType.MsgApp, 2n, 1n, { term: 2, logTerm: 2, index: 5, entries: list });
    const last = 2 ** 53 - 1;
    inputs.push(
      ['a gap', posted(entries(entry(6, 2), entry(8, 2))), [400]],
      ['a wrong first index', posted(entries(entry(9, 2))), [400]],
      ['terms that fall', posted(entries(entry(6, 2), entry(7, 1))), [400]],
      ['the highest term', posted(message(MessageType.MsgVote, 2n, 1n, { term: last })), [400]],
      ['a commit beyond the log', posted(message(MessageType.MsgHeartbeat, 2n, 1n, { term: 2, commit: 99 })), [400]],
    );
    await expectRefused(a, inputs);
  });

  it('N8: a context that no member made releases no read', async () => {
    const a = await startRaft();
    const { port } = a.listener.address;
    for (const length of [1, 7, 8, 1024 * 1024]) {
      const before = a.state();
      const context = new Uint8Array(length).fill(0xff);
      const { status } = await exchangeRaw(
        port,
        posted(message(MessageType.MsgHeartbeatResp, 2n, 1n, { term: 2, context })),
      );
      expect([204, 400]).to.include(status);
      expect(a.state()).to.equal(before);
    }
    await expectAlive(a);
  });

  it('N9: snapshots of nonsense change nothing and leave no file that counts', async () => {
    const a = await startRaft();
    const of = (confState: Partial<NonNullable<Message['snapshot']>['metadata']['confState']>, index = 9): Buffer => {
      const one = snapshot(2n, 1n);
      const metadata = {
        index,
        term: 1,
        confState: { ...(one.snapshot as NonNullable<Message['snapshot']>).metadata.confState, ...confState },
      };
      return postSnapshot(
        Buffer.concat([encodeEnvelope({ ...one, term: 2, snapshot: { data: undefined, metadata } }), Buffer.alloc(20)]),
      );
    };
    await expectRefused(a, [
      ['no voters', of({ voters: [] }), [400]],
      ['a voter that learns', of({ voters: [1n, 2n], learners: [2n] }), [400]],
      ['joint nonsense', of({ voters: [1n], learnersNext: [9n] }), [400]],
      ['a million members', of({ voters: Array.from({ length: 1_000_000 }, (_, i) => BigInt(i + 1)) }), [400]],
    ]);
    expect(readdirSync(a.folder).filter((name) => !/^[0-9a-f]{16}\.snap\.db$/u.test(name))).to.deep.equal([]);
  });

  it('N10: heads that lie, repeat, run long or smuggle', async () => {
    const a = await startRaft();
    const body = encodeMessage(append(2n, 1n, 5));
    const head = requestHead('POST', '/raft', 2n, { 'Content-Length': String(body.length) });
    const withLine = (line: string): Buffer =>
      Buffer.concat([Buffer.from(head.replace('\r\n\r\n', `\r\n${line}\r\n\r\n`)), body]);
    const without = (name: string): Buffer =>
      Buffer.concat([Buffer.from(head.replace(new RegExp(`${name}: [^\\r]*\\r\\n`, 'u'), '')), body]);
    await expectRefused(a, [
      ['another cluster', post(2n, body, { 'X-Etcd-Cluster-ID': '1001' }), [412]],
      ['another version', post(2n, body, { 'X-Server-Version': '2.3.8' }), [412]],
      ['no version', without('X-Server-Version'), [412]],
      ['no cluster', without('X-Etcd-Cluster-ID'), [412]],
      ['the cluster twice', withLine('X-Etcd-Cluster-ID: 1000'), [412]],
      ['the version twice', withLine('X-Server-Version: 3.7.1'), [412]],
      ['64 KiB', withLine(`X-Long: ${'x'.repeat(Math.max(65_536, MAX_HEADER_BYTES))}`), [431]],
      ['NUL', withLine('X-Odd: a\u0000b'), [400]],
      ['a bare CR', withLine('X-Odd: a\rb'), [400]],
      ['a folded line', withLine('X-Odd: a\r\n b'), [400]],
      ['both lengths', withLine('Transfer-Encoding: chunked'), [400]],
      ['two lengths', withLine('Content-Length: 1'), [400]],
      ['a negative length', Buffer.from(head.replace(/Content-Length: \d+/u, 'Content-Length: -1')), [400]],
    ]);
  });

  it('N11: malformed paths and ids are refused', async () => {
    const a = await startRaft();
    const get = (path: string): string => requestHead('GET', path, 2n, { 'X-Raft-To': '1' });
    await expectRefused(a, [
      ['up and away', get('/raft/../x'), [404]],
      ['encoded', get('/raft/%2e%2e/x'), [404]],
      ['out of the stream', get('/raft/stream/message/../../etc'), [404]],
      ['a sign', get('/raft/stream/message/-2'), [404]],
      ['a plus', get('/raft/stream/message/+2'), [404]],
      ['a space', get('/raft/stream/message/%202'), [404]],
      ['a prefix', get('/raft/stream/message/0x2'), [404]],
      ['65 bits', get('/raft/stream/message/10000000000000000'), [404]],
      ['other digits', get(`/raft/stream/message/${encodeURIComponent('٢')}`), [404]],
      ['no id', get('/raft/stream/message/'), [404]],
      ['a name of the prototype', get('/raft/stream/constructor/2'), [404]],
      ['a snapshot below', requestHead('POST', '/raft/snapshot/../x', 2n, { 'Content-Length': '0' }), [404]],
    ]);
    expect(readdirSync(a.folder)).to.deep.equal([]);
  });

  it('N12: methods and forms of requests that are not used', async () => {
    const a = await startRaft();
    const cases: [string, string, number[]][] = [];
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      cases.push([`${method} /raft`, requestHead(method, '/raft', 2n), [405]]);
      cases.push([`${method} /raft/snapshot`, requestHead(method, '/raft/snapshot', 2n), [405]]);
      if (method !== 'GET') cases.push([`${method} stream`, requestHead(method, '/raft/stream/message/2', 2n), [405]]);
    }
    cases.push(
      ['CONNECT', 'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\n', [0, 400, 404, 405]],
      ['HTTP/0.9', 'GET /raft\r\n\r\n', [0, 400, 405]],
      ['no host', requestHead('POST', '/raft', 2n, { 'Content-Length': '0' }).replace(/Host: [^\r]*\r\n/u, ''), [400]],
      ['an odd expectation', requestHead('POST', '/raft', 2n, { 'Content-Length': '0', Expect: 'tea' }), [417]],
      ['an upgrade', requestHead('GET', '/raft', 2n, { Connection: 'Upgrade', Upgrade: 'h2c' }), [0, 405]],
    );
    await expectRefused(a, cases);
    const old = requestHead('GET', '/raft/probing', 2n).replace('HTTP/1.1', 'HTTP/1.0');
    expect((await exchangeRaw(a.listener.address.port, old)).status).to.equal(200);
    const absolute = requestHead('GET', 'http://127.0.0.1/raft/probing', 2n);
    expect((await exchangeRaw(a.listener.address.port, absolute)).status).to.equal(200);
  });

  it('N12: a stream is asked for in HTTP/1.1, on a connection where no answer is waited for', async () => {
    const a = await startMember(1n);
    a.transport.addPeer(2n, ['http://127.0.0.1:1']);
    const { port } = a.listener.address;
    const ask = requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1' });
    expect((await exchangeRaw(port, ask.replace('HTTP/1.1', 'HTTP/1.0'))).status).to.equal(400);
    let settle = (): void => undefined;
    a.receiver.onProcess = () => new Promise<void>((resolve) => (settle = resolve));
    const socket = createConnection(port, '127.0.0.1');
    socket.write(Buffer.concat([post(2n, encodeMessage(append(2n, 1n, 4))), Buffer.from(ask)]));
    await eventually('the first request is processed', () => a.receiver.processed.length === 1);
    settle();
    let text = '';
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      text += chunk.toString();
      if (text.includes('of its own')) break;
    }
    expect(text).to.match(/^HTTP\/1\.1 204 [^]*HTTP\/1\.1 400 /u);
    expect((await exchangeRaw(port, ask, { isHead: true })).status).to.equal(200);
  });

  it('N12: a body after 100 Continue is taken', async () => {
    const a = await startRaft();
    const body = encodeMessage(message(MessageType.MsgHeartbeatResp, 2n, 1n, { term: 1 }));
    const request = httpRequest({
      port: a.listener.address.port,
      method: 'POST',
      path: '/raft',
      headers: {
        'X-Etcd-Cluster-ID': '1000',
        'X-Server-Version': '3.7.1',
        'X-Server-From': '2',
        Expect: '100-continue',
        'Content-Length': body.length,
      },
    });
    request.flushHeaders();
    await once(request, 'continue');
    request.end(body);
    const [response] = (await once(request, 'response')) as [{ statusCode: number }];
    expect(response.statusCode).to.equal(204);
  });

  it('N13: heads that never end and bodies that stop are cut, one stream of a kind lives, others are not disturbed', async function slow() {
    const a = await startRaft();
    const { port } = a.listener.address;
    const sockets: Socket[] = [];
    const open = (bytes: string): Promise<unknown> => {
      const socket = createConnection(port, '127.0.0.1');
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => undefined);
      socket.write(bytes);
      return once(socket, 'close');
    };
    const heads = Array.from({ length: 50 }, () => open('POST /raft HTTP/1.1\r\nHost: x\r\nX-Slow: '));
    const idle = Array.from({ length: 50 }, () => open(''));
    const bodies = Array.from({ length: 50 }, () =>
      open(requestHead('POST', '/raft', 2n, { 'Content-Length': '100' })),
    );
    let streams = 300;
    for (let i = 0; i < 300; i++) {
      const closed = open(requestHead('GET', '/raft/stream/message/3', 3n, { 'X-Raft-To': '1' }));
      void closed.then(() => streams--);
    }
    await eventually('one stream is left', () => streams === 1);
    await expectAlive(a);
    await Promise.all([...heads, ...idle, ...bodies]);
    expect(streams).to.equal(1);
    for (const socket of sockets) socket.destroy();
  });

  it('N14: bodies without an end are cut at the cap, compressed ones not taken', async () => {
    const a = await startRaft();
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    await expectRefused(a, [
      ['ten GiB', requestHead('POST', '/raft', 2n, { 'Content-Length': String(10 * 2 ** 30) }), [413]],
      ['a bomb', post(2n, bomb, { 'Content-Encoding': 'gzip' }), [415]],
      ['deflated', post(2n, bomb, { 'Content-Encoding': 'deflate' }), [415]],
      ['in another coding', requestHead('POST', '/raft', 2n, { 'Transfer-Encoding': 'gzip, chunked' }), [415]],
      ['a bomb for a snapshot', postSnapshot(bomb, 2n, { 'Content-Encoding': 'gzip' }), [415]],
      [
        'ten TiB',
        postSnapshot(encodeEnvelope(snapshot(2n, 1n)), 2n, { 'Content-Length': String(10 * 2 ** 40) }),
        [413],
      ],
    ]);
  });

  it('N15: a message that comes again changes nothing, and a removed member is told', async () => {
    const a = await startRaft();
    const { port } = a.listener.address;
    const again = posted(append(2n, 1n, 4));
    expect((await exchangeRaw(port, again)).status).to.equal(204);
    const before = a.state();
    for (let i = 0; i < 3; i++) expect((await exchangeRaw(port, again)).status).to.equal(204);
    expect(a.state()).to.equal(before);
    a.receiver.removed.add(2n);
    expect((await exchangeRaw(port, again)).status).to.equal(403);
    const stream = requestHead('GET', '/raft/stream/message/2', 2n, { 'X-Raft-To': '1' });
    expect((await exchangeRaw(port, stream)).status).to.equal(410);
    expect(a.state()).to.equal(before);
  });

  it('403 and 410 are said of a removed member alone', async () => {
    // Some 400 requests.
    const a = await startRaft();
    a.receiver.removed.add(9n);
    const { port } = a.listener.address;
    const bodies = [
      encodeMessage(append(2n, 1n, 5)),
      encodeMessage(append(7n, 1n, 5)),
      Buffer.of(0xff),
      Buffer.alloc(0),
    ];
    const paths = [
      '/raft',
      '/raft/snapshot',
      '/raft/stream/message/2',
      '/raft/stream/message/7',
      '/raft/stream/x/9',
      '/x',
    ];
    const mores = [{}, { 'X-Etcd-Cluster-ID': '1' }, { 'X-Raft-To': '8' }, { 'X-Server-Version': 'x' }];
    for (const from of [2n, 7n, 0n, LOCAL_APPEND_THREAD]) {
      for (const path of paths) {
        const method = path.includes('stream') ? 'GET' : 'POST';
        // Side by side: what makes each of them take time is mostly that two ends wait for each other.
        const asked = bodies.flatMap((body) =>
          mores.map((more) => {
            const head = requestHead(method, path, from, { 'Content-Length': String(body.length), ...more });
            return exchangeRaw(port, Buffer.concat([Buffer.from(head), body]));
          }),
        );
        for (const { status } of await Promise.all(asked)) {
          expect([403, 410, 429, 503], `${path} from ${from}`).not.to.include(status);
        }
      }
    }
  });

  describe('N18: answers of a peer', () => {
    /** A peer that answers every connection with these bytes, and counts them. */
    async function startAnsweringRaw(
      answer: (socket: Socket) => void,
    ): Promise<{ url: string; connections: () => number }> {
      let connections = 0;
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        connections++;
        sockets.add(socket);
        socket.on('error', () => undefined);
        socket.once('data', () => answer(socket));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const stop = async (): Promise<void> => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      };
      stopLater({ stop });
      return { url: `http://127.0.0.1:${port}`, connections: () => connections };
    }

    const ok = 'HTTP/1.1 200 OK\r\nX-Server-Version: 3.7.1\r\n';
    const answers: [string, (socket: Socket) => void][] = [
      ['a page', (socket) => socket.end(`${ok}Content-Length: 6\r\n\r\n<html>`)],
      ['closed at once', (socket) => socket.destroy()],
      ['closed in the head', (socket) => socket.end('HTTP/1.1 204 No')],
      ['no HTTP', (socket) => socket.end('SSH-2.0-x\r\n')],
      ['a storm of 1xx', (socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000))],
      [
        'an endless error',
        (socket) => socket.write(`HTTP/1.1 500 No\r\nX-Server-Version: 3.7.1\r\n\r\n${'x'.repeat(100_000)}`),
      ],
      [
        'an error that falls silent',
        (socket) => socket.write('HTTP/1.1 500 No\r\nX-Server-Version: 3.7.1\r\nContent-Length: 100\r\n\r\nx'),
      ],
      ['a head without an end', (socket) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(200_000)}`)],
      [
        'bytes that are no stream',
        (socket) => socket.write(`${ok}Content-Length: 999\r\n\r\n${'\xff'.repeat(100)}`, 'latin1'),
      ],
    ];

    for (const [title, answer] of answers) {
      it(`${title}: the peer is unreachable, and is asked again at a measured pace`, async () => {
        const peer = await startAnsweringRaw(answer);
        const receiver = new Recorder();
        const timings = {
          ...quick,
          dialRetryMs: 50,
          dialTimeoutMs: 200,
          postTimeoutMs: 200,
          snapshotTimeoutMs: 200,
          readTimeoutMs: 200,
        };
        const a = newTransport(1n, receiver, { timings });
        a.addPeer(2n, [peer.url]);
        a.send([message(MessageType.MsgVote, 1n, 2n, { term: 3 }), snapshot(1n, 2n)]);
        await eventually('reported', () => receiver.unreachable.length === 2 && receiver.snapshots.length === 1);
        expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
        expect(receiver.processed).to.deep.equal([]);
        expect(receiver.removals).to.deep.equal([]);
        const before = peer.connections();
        await new Promise((resolve) => setTimeout(resolve, 500));
        expect(peer.connections() - before).to.be.lessThan(30);
      });
    }

    it('a redirect is not followed', async () => {
      let elsewhere = 0;
      const trap = await startServer((_req, res) => {
        elsewhere++;
        res.writeHead(204, { 'X-Server-Version': '3.7.1' }).end();
      });
      for (const status of [301, 302, 307, 308]) {
        const { url } = await startServer(
          (req, res) =>
            void res.writeHead(status, { Location: `${trap.url}${req.url}`, 'X-Server-Version': '3.7.1' }).end(),
        );
        const receiver = new Recorder();
        const a = newTransport(1n, receiver);
        a.addPeer(2n, [url]);
        a.send([snapshot(1n, 2n)]);
        await eventually('reported', () => receiver.snapshots.length === 1);
        expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
        await a.stop();
      }
      expect(elsewhere).to.equal(0);
    });

    it('a stream of another cluster is opened by nobody: the other side refuses it', async () => {
      const [a, b] = [await startMember(1n), await startMember(2n, { clusterId: 0x2000n })];
      a.transport.addPeer(2n, [b.listener.url]);
      await eventually('refused', () => a.receiver.log.some((line) => line.includes('cluster ID mismatch')));
      expect(a.transport.activePeers()).to.equal(0);
    });
  });
});
