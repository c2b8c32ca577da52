import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeMessage, type Message, MessageType } from '@raft-ts/proto';
import { silentLogger } from '@raft-ts/raft';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import {
  BODY_PACE_BYTES,
  BodyReader,
  Gateway,
  Inbox,
  MAX_POST_BYTES,
  MAX_PROCESSING,
  MAX_PROCESSING_PROPOSALS,
} from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  append,
  eventually,
  exchangeRaw,
  type Member,
  message,
  openStreams,
  post,
  quick,
  Recorder,
  requestHead,
  scratchFolder,
  snapshot,
  startCluster,
  startMember,
  startServer,
  stopAll,
} from './members.js';

/** Writes these bytes to whoever opens a stream at it, in the name of member 2, and counts. */
async function startWriting(bytes: Buffer, version = '3.7.1'): Promise<{ url: string; streams: () => number }> {
  let streams = 0;
  const { url } = await startServer((req, res) => {
    if (req.method !== 'GET') return void res.writeHead(404).end();
    streams++;
    res.writeHead(200, { 'X-Server-Version': version, 'X-Etcd-Cluster-Id': '1000' });
    res.write(bytes);
  });
  return { url, streams: () => streams };
}

function frame(one: Message): Buffer {
  const body = encodeMessage(one);
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(BigInt(body.length));
  return Buffer.concat([head, body]);
}

/** A request whose body comes as the test pushes it. */
function incomingBody(): Readable & IncomingMessage {
  const stream = new Readable({ read() {} }) as Readable & IncomingMessage;
  stream.headers = {};
  return stream;
}

describe('what a peer may send', () => {
  afterEach(stopAll);

  describe('by POST', () => {
    it('any bytes are answered, and nothing but a good message is processed', async () => {
      const a = await startMember(1n);
      const { port } = a.listener.address;
      const good = encodeMessage(append(2n, 1n, 4));
      const body = fc.oneof(
        fc.uint8Array({ maxLength: 60 }),
        // A good message with one byte changed goes further than noise does.
        fc
          .tuple(fc.nat(good.length - 1), fc.nat(255))
          .map(([at, value]) => Uint8Array.from(good, (byte, i) => (i === at ? value : byte))),
      );
      await fc.assert(
        fc.asyncProperty(body, async (bytes) => {
          const before = a.receiver.processed.length;
          const { status } = await exchangeRaw(port, post(2n, bytes));
          expect([204, 400]).to.include(status);
          expect(a.receiver.processed.length - before).to.equal(status === 204 ? 1 : 0);
        }),
        { numRuns: 150 },
      );
      for (const { to, from, type } of a.receiver.processed) {
        expect(to).to.equal(1n);
        if (
          type !== MessageType.MsgProp &&
          type !== MessageType.MsgReadIndex &&
          type !== MessageType.MsgTransferLeader
        ) {
          expect(from).to.equal(2n);
        }
      }
    });

    it('a message that a follower passes on keeps its author', async () => {
      const a = await startMember(1n);
      const forwarded = [MessageType.MsgProp, MessageType.MsgReadIndex, MessageType.MsgTransferLeader];
      for (const type of forwarded) {
        for (const author of [1n, 3n]) {
          const { status } = await exchangeRaw(
            a.listener.address.port,
            post(2n, encodeMessage(message(type, author, 1n))),
          );
          expect(status).to.equal(204);
        }
      }
      for (const type of [MessageType.MsgVote, MessageType.MsgApp, MessageType.MsgTimeoutNow]) {
        for (const author of [0n, 1n, 3n]) {
          const { status } = await exchangeRaw(
            a.listener.address.port,
            post(2n, encodeMessage(message(type, author, 1n))),
          );
          expect(status).to.equal(400);
        }
      }
      expect(a.receiver.processed).to.have.length(6);
    });

    it('a body that is announced too long is refused before it comes', async () => {
      const a = await startMember(1n);
      const head = requestHead('POST', '/raft', 2n, { 'Content-Length': String(MAX_POST_BYTES + 1) });
      expect((await exchangeRaw(a.listener.address.port, head)).status).to.equal(413);
    });

    it('a body that stops is given up, and its connection cut', async () => {
      const a = await startMember(1n, { timings: { ...quick, readTimeoutMs: 50 } });
      const socket = createConnection(a.listener.address.port, '127.0.0.1');
      socket.write(`${requestHead('POST', '/raft', 2n, { 'Content-Length': '100' })}abc`);
      let text = '';
      for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
      expect(text).to.match(/^HTTP\/1\.1 400 [^]*error reading raft message\n$/u);
    });

    it('a body is bounded alone and with others, and counts no more once it is over', async () => {
      const bodies = new BodyReader(10_000, 10, 15);
      const [first, second] = [incomingBody(), incomingBody()];
      const results = [bodies.read(first), bodies.read(second)];
      first.push(Buffer.alloc(7));
      await new Promise(setImmediate);
      second.push(Buffer.alloc(9));
      expect(await results[1]).to.include({ status: 503 });
      first.push(null);
      const body = await results[0];
      expect(body).to.have.length(7);
      if (body !== undefined && 'release' in body) body.release();
      const third = incomingBody();
      const tooLong = bodies.read(third);
      third.push(Buffer.alloc(11));
      expect(await tooLong).to.include({ status: 413 });
      const fourth = incomingBody();
      const fits = bodies.read(fourth);
      fourth.push(Buffer.alloc(10));
      fourth.push(null);
      expect(await fits).to.have.length(10);
      const fifth = incomingBody();
      const broken = bodies.read(fifth);
      fifth.destroy();
      expect(await broken).to.include({ status: 400 });
    });

    it('a body that drips is given up', async () => {
      const bodies = new BodyReader(200);
      const dripping = incomingBody();
      const drops = setInterval(() => dripping.push(Buffer.alloc(1)), 10);
      try {
        expect(await bodies.read(dripping)).to.include({ status: 400 });
      } finally {
        clearInterval(drops);
      }
    });

    it('a body that keeps its pace may take longer than that', async () => {
      // So that a busy machine does not make it lose its pace.
      const bodies = new BodyReader(1500);
      const steady = incomingBody();
      const result = bodies.read(steady);
      for (let i = 0; i < 5; i++) {
        await sleep(350);
        steady.push(Buffer.alloc(BODY_PACE_BYTES));
      }
      steady.push(null);
      expect(await result).to.have.length(5 * BODY_PACE_BYTES);
    });

    it('whoever holds large bodies open keeps no small one out', async () => {
      const bodies = new BodyReader(10_000, 10, 15);
      const [held, other, honest] = [incomingBody(), incomingBody(), incomingBody()];
      const longest = bodies.read(held);
      const kept = bodies.read(other);
      held.push(Buffer.alloc(8));
      other.push(Buffer.alloc(7));
      await new Promise(setImmediate);
      const small = bodies.read(honest);
      honest.push(Buffer.alloc(3));
      honest.push(null);
      expect(await small).to.have.length(3);
      expect(await longest).to.include({ status: 503 });
      other.push(null);
      expect(await kept).to.have.length(7);
    });

    it('answers 500 if process throws or rejects, and stays up', async () => {
      const a = await startMember(1n);
      const bytes = post(2n, encodeMessage(append(2n, 1n, 4)));
      const { port } = a.listener.address;
      a.receiver.onProcess = () => {
        throw new Error('thrown');
      };
      expect(await exchangeRaw(port, bytes)).to.include({ status: 500, body: 'error processing raft message\n' });
      a.receiver.onProcess = () => Promise.reject(new Error('rejected'));
      expect(await exchangeRaw(port, bytes)).to.include({ status: 500 });
      a.receiver.onProcess = () => undefined;
      expect(await exchangeRaw(port, bytes)).to.include({ status: 204 });
    });

    it('a snapshot that is not processed is reported as failed to its sender', async () => {
      const [a, b] = (await startCluster(2)) as [Member, Member];
      b.receiver.onProcess = () => Promise.reject(new Error('no'));
      a.transport.send([snapshot(1n, 2n)]);
      await eventually('it is reported', () => a.receiver.snapshots.length === 1);
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
    });
  });

  describe('on a stream', () => {
    it('what must not be processed is dropped, the rest is taken', async () => {
      const stream = Buffer.concat(
        [
          message(MessageType.MsgHeartbeat, 2n, 7n),
          message(MessageType.MsgHup, 2n, 1n),
          message(MessageType.MsgSnapStatus, 2n, 1n),
          message(MessageType.MsgStorageAppend, 2n, 1n),
          message(MessageType.MsgVote, 3n, 1n),
          message(MessageType.MsgVote, 1n, 1n),
          message(MessageType.MsgVote, 0n, 1n),
          message(MessageType.MsgProp, 3n, 1n),
          message(MessageType.MsgVote, 2n, 1n, { term: 8 }),
        ].map(frame),
      );
      const writer = await startWriting(stream);
      const a = await startMember(1n);
      a.transport.addPeer(2n, [writer.url]);
      await eventually('the good ones arrive', () => a.receiver.processed.length >= 2);
      expect(a.receiver.types()).to.deep.equal([MessageType.MsgProp, MessageType.MsgVote]);
    });

    it('a fault ends the stream, after what came before it, and another is opened', async () => {
      const writer = await startWriting(
        Buffer.concat([frame(message(MessageType.MsgVote, 2n, 1n, { term: 8 })), Buffer.alloc(8, 0xff)]),
      );
      const a = await startMember(1n);
      a.transport.addPeer(2n, [writer.url]);
      await eventually('several streams', () => writer.streams() > 6);
      expect(a.receiver.types().every((type) => type === MessageType.MsgVote)).to.equal(true);
      expect(a.receiver.processed.length).to.be.greaterThan(1);
      expect(a.receiver.log.some((line) => line.includes('error limit exceeded'))).to.equal(true);
    });

    it('a version that cannot be read is no stream', async () => {
      const writer = await startWriting(frame(message(MessageType.MsgVote, 2n, 1n)), 'abc');
      const a = await startMember(1n);
      a.transport.addPeer(2n, [writer.url]);
      await eventually('it is refused', () =>
        a.receiver.log.some((line) => line.includes('does not support this stream type')),
      );
      expect(a.transport.activePeers()).to.equal(0);
      expect(a.receiver.processed).to.deep.equal([]);
    });

    it('a receiver that throws, rejects or never settles harms nothing', async () => {
      const [a, b] = (await startCluster(2)) as [Member, Member];
      const outcomes = [
        () => {
          throw new Error('thrown');
        },
        () => Promise.reject(new Error('rejected')),
        () => new Promise<void>(() => undefined),
        () => undefined,
      ];
      let calls = 0;
      b.receiver.onProcess = () => (outcomes[calls++ % outcomes.length] as () => void | Promise<void>)();
      a.transport.send(Array.from({ length: 40 }, (_, i) => append(1n, 2n, i)));
      await eventually('all were handed over', () => b.receiver.processed.length === 40);
      expect(openStreams(b)).to.equal(2);
      expect(b.receiver.log.filter((line) => line.includes('failed to process'))).to.have.length(20);
    });

    it('a receiver whose reports throw harms nothing', async () => {
      const a = await startMember(1n);
      a.receiver.reportUnreachable = () => {
        throw new Error('no');
      };
      a.receiver.reportSnapshot = () => {
        throw new Error('no');
      };
      a.receiver.isIdRemoved = () => {
        throw new Error('no');
      };
      a.transport.addPeer(2n, ['http://127.0.0.1:1']);
      a.transport.send([snapshot(1n, 2n), append(1n, 2n, 1), snapshot(1n, 9n)]);
      const head = requestHead('GET', '/raft/stream/message/7', 7n, { 'X-Raft-To': '1' });
      expect((await exchangeRaw(a.listener.address.port, head)).status).to.equal(404);
      await eventually(
        'all is logged',
        () => a.receiver.log.filter((line) => line.includes('the receiver of the transport threw')).length >= 5,
      );
    });
  });

  it('silent connections give way to a peer that dials, its streams to nobody', async () => {
    const [a, b] = (await startCluster(2, { maxConnections: 16, timings: {} })) as [Member, Member];
    const silentOnes: Socket[] = [];
    const open = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const socket = createConnection(a.listener.address.port, '127.0.0.1');
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        silentOnes.push(socket);
      }
    };
    await open(16);
    const c = await startMember(3n, { timings: {} });
    c.transport.addPeer(1n, [a.listener.url]);
    a.transport.addPeer(3n, [c.listener.url]);
    await eventually('the new peer has opened its streams', () => openStreams(a) === 4);
    await open(40);
    const closed = (): number => silentOnes.filter((socket) => socket.closed).length;
    await eventually('the oldest gave way', () => closed() >= 44);
    expect(silentOnes.slice(-8).filter((socket) => socket.closed)).to.deep.equal([]);
    expect(openStreams(a)).to.equal(4);
    for (const { receiver } of [a, b, c]) {
      expect(receiver.log.filter((line) => /lost TCP|became inactive|failed to dial/u.test(line))).to.deep.equal([]);
    }
    expect(a.receiver.log.filter((line) => line.startsWith('warn too many connections'))).to.have.length(1);
    for (const socket of silentOnes) socket.destroy();
  });

  it('snapshots that are refused keep no place, though their answers wait', async () => {
    const limit = 16;
    const snapshots = new SnapshotFolder(scratchFolder());
    const a = await startMember(1n, { maxConnections: limit, snapshots, timings: {} });
    // The answers to what follows a message on its connection wait until it is processed.
    a.receiver.onProcess = () => new Promise(() => undefined);
    const refused = `${requestHead('POST', '/raft/snapshot', 2n, { 'Content-Length': '8' })}\0\0\0\0\0\0\0\0`;
    const sockets: Socket[] = [];
    for (let i = 0; i < limit; i++) {
      const socket = createConnection(a.listener.address.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(Buffer.concat([post(2n, encodeMessage(append(2n, 1n, i))), Buffer.from(refused)]));
      await eventually('it is being processed', () => a.receiver.processed.length === i + 1);
      sockets.push(socket);
    }
    const c = await startMember(3n, { timings: {} });
    c.transport.addPeer(1n, [a.listener.url]);
    a.transport.addPeer(3n, [c.listener.url]);
    await eventually('the new peer has opened its streams', () => openStreams(a) === 2);
    for (const socket of sockets) socket.destroy();
  });

  it('unsettled messages are bounded, proposals apart from the rest', async () => {
    const receiver = new Recorder();
    const settle: (() => void)[] = [];
    receiver.onProcess = () => new Promise<void>((resolve) => settle.push(resolve));
    const inbox = new Inbox(2n, new Gateway(1n, receiver, silentLogger), silentLogger);
    for (let i = 0; i < MAX_PROCESSING + 5; i++) inbox.deliver(message(MessageType.MsgHeartbeat, 2n, 1n));
    expect(receiver.processed).to.have.length(MAX_PROCESSING);
    for (let i = 0; i < MAX_PROCESSING_PROPOSALS + 5; i++) inbox.deliver(message(MessageType.MsgProp, 2n, 1n));
    expect(receiver.processed).to.have.length(MAX_PROCESSING + MAX_PROCESSING_PROPOSALS);
    settle[0]?.();
    await new Promise(setImmediate);
    inbox.deliver(message(MessageType.MsgHeartbeat, 2n, 1n));
    inbox.deliver(message(MessageType.MsgHeartbeat, 2n, 1n));
    expect(receiver.processed).to.have.length(MAX_PROCESSING + MAX_PROCESSING_PROPOSALS + 1);
  });
});
