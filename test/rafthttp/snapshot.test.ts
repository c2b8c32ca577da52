import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Message, Snapshot } from '@raft-ts/proto';
import { MessageType, RaftError } from '@raft-ts/proto';
import { type HttpTransportOptions, SnapshotFolder, type SnapshotProgress, type SnapshotSink } from '@raft-ts/rafthttp';
import { encodeEnvelope, MAX_ENVELOPE_BYTES, MAX_UNTAKEN_SNAPSHOTS } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  append,
  chunksOf,
  eventually,
  exchangeRaw,
  introduce,
  type Member,
  message,
  quick,
  requestHead,
  scratchFolder,
  snapshot,
  startCluster,
  startMember,
  startServer,
  stopAll,
} from './members.js';

interface Keeper extends Member {
  readonly folder: string;
  readonly bodies: SnapshotFolder;
}

/** A member that keeps the bodies of snapshots. */
async function startKeeper(id: bigint, options: Partial<HttpTransportOptions> = {}): Promise<Keeper> {
  const folder = scratchFolder();
  const bodies = new SnapshotFolder(folder);
  const member = await startMember(id, { snapshots: bodies, ...options });
  return { ...member, folder, bodies };
}

/** The body that this member has for a snapshot, as text. */
async function readBody({ bodies }: Pick<Keeper, 'bodies'>, which: Message | number): Promise<string> {
  const { size, chunks } = await bodies.open(typeof which === 'number' ? which : (which.snapshot as Snapshot));
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const whole = Buffer.concat(parts);
  expect(whole).to.have.length(size);
  return whole.toString('latin1');
}

/** A MsgSnap of member 1 to member 2 whose body travels beside it. */
function envelope(index = 9, fields: Partial<Message> = {}): Message {
  const one = snapshot(1n, 2n);
  const metadata = { ...(one.snapshot as NonNullable<Message['snapshot']>).metadata, index };
  return { ...one, snapshot: { data: undefined, metadata }, ...fields };
}

function bytesOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 7) % 251));
}

function postSnapshot(body: Uint8Array, headers: Record<string, string> = {}): Buffer {
  const all = { 'Content-Length': String(body.length), ...headers };
  return Buffer.concat([Buffer.from(requestHead('POST', '/raft/snapshot', 1n, all)), body]);
}

/** A connection on which a snapshot has begun and does not go on. */
async function beginSnapshot({ listener, receiver }: Member, from: bigint): Promise<Socket> {
  const began = (): number => receiver.log.filter((line) => line.includes('receiving database snapshot')).length;
  const before = began();
  const socket = createConnection(listener.address.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const head = encodeEnvelope({ ...envelope(), from });
  const headers = { 'Content-Length': String(head.length + 10_000) };
  socket.write(
    Buffer.concat([Buffer.from(requestHead('POST', '/raft/snapshot', from, headers)), head, Buffer.alloc(3)]),
  );
  await eventually('it is being received', () => began() > before);
  return socket;
}

describe('streamed snapshots', () => {
  afterEach(stopAll);

  describe('between two members', () => {
    it('the body is stored, the message processed, and success reported once', async () => {
      const [a, b] = [await startMember(1n), await startKeeper(2n)];
      a.transport.addPeer(2n, [b.listener.url]);
      const body = bytesOf(100_000);
      const one = envelope();
      b.receiver.onProcess = async (received) => {
        expect(readdirSync(b.folder)).to.have.length(1).and.not.include('0000000000000009.snap.db');
        expect(await readBody(b, received)).to.equal(body.toString('latin1'));
      };
      const status = await a.transport.sendSnapshot(one, { size: body.length, chunks: chunksOf(body) });
      expect(status).to.equal('finish');
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'finish']]);
      expect(a.receiver.unreachable).to.deep.equal([]);
      expect(b.receiver.processed).to.have.length(1);
      expect(b.receiver.processed[0]?.snapshot).to.deep.equal(one.snapshot);
      expect(readdirSync(b.folder)).to.deep.equal(['0000000000000009.snap.db']);
    });

    it('a body goes from one folder to the other', async () => {
      const [a, b] = [await startKeeper(1n), await startKeeper(2n)];
      a.transport.addPeer(2n, [b.listener.url]);
      const body = bytesOf(700_001);
      const source = new SnapshotFolder(a.folder);
      writeFileSync(source.path(9), body);
      expect(await a.transport.sendSnapshot(envelope(), await source.open(9))).to.equal('finish');
      await b.bodies.open(9);
      expect(readFileSync(new SnapshotFolder(b.folder).path(9)).equals(body)).to.equal(true);
    });

    it('an empty body is a body', async () => {
      const [a, b] = [await startMember(1n), await startKeeper(2n)];
      a.transport.addPeer(2n, [b.listener.url]);
      expect(await a.transport.sendSnapshot(envelope(), { size: 0, chunks: chunksOf(bytesOf(0)) })).to.equal('finish');
      expect(await readBody(b, 9)).to.equal('');
    });

    it('both sides tell how far it is', async () => {
      const told: SnapshotProgress[] = [];
      const onSnapshotProgress = (progress: SnapshotProgress): unknown => told.push(progress);
      const [a, b] = [await startMember(1n, { onSnapshotProgress }), await startKeeper(2n, { onSnapshotProgress })];
      introduce(a, [b]);
      introduce(b, [a]);
      await eventually('b has answered', () => a.receiver.log.some((line) => line.includes('stream-reader-type')));
      const size = 9 * 1024 * 1024;
      await a.transport.sendSnapshot(envelope(), { size, chunks: chunksOf(Buffer.alloc(size), 64 * 1024) });
      const sent = told.filter(({ direction }) => direction === 'sent');
      const received = told.filter(({ direction }) => direction === 'received');
      expect(sent.length).to.equal(3);
      expect(received.length).to.be.at.least(2);
      expect(sent.at(-1)).to.deep.equal({ direction: 'sent', peer: 2n, index: 9, bytes: size, size });
      expect(received[0]).to.deep.include({ peer: 1n, index: 9, size });
      expect(sent.every(({ bytes }, i) => bytes > (sent[i - 1]?.bytes ?? 0))).to.equal(true);
    });

    it('what is read of a body waits for who takes it', async () => {
      const a = await startMember(1n);
      let taking: (() => void) | undefined;
      const { url } = await startServer((req, res) => {
        req.pause();
        taking = () => {
          req.resume();
          req.on('end', () => res.writeHead(204).end());
        };
      });
      a.transport.addRemote(2n, [url]);
      const size = 64 * 1024 * 1024;
      let read = 0;
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        for (; read < size; read += 64 * 1024) yield Buffer.alloc(64 * 1024);
      };
      const sent = a.transport.sendSnapshot(envelope(), { size, chunks: chunks() });
      await eventually('it has begun', () => taking !== undefined && read > 0);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(read).to.be.lessThan(16 * 1024 * 1024);
      taking?.();
      expect(await sent).to.equal('finish');
      expect(read).to.equal(size);
    });
  });

  describe('failures', () => {
    /** A body that tells whether it was let go: read to its end, or closed. */
    function watched(bytes: Uint8Array): { chunks: AsyncIterable<Uint8Array>; isClosed: () => boolean } {
      let closed = false;
      const inner = chunksOf(bytes);
      const iterator: AsyncIterator<Uint8Array> = {
        next: async () => {
          const result = await inner.next();
          closed ||= result.done === true;
          return result;
        },
        return: () => {
          closed = true;
          return inner.return(undefined);
        },
      };
      return { chunks: { [Symbol.asyncIterator]: () => iterator }, isClosed: () => closed };
    }

    async function expectFailure(a: Member, unreachable: bigint[], size = 5000): Promise<void> {
      const body = watched(bytesOf(5000));
      expect(await a.transport.sendSnapshot(envelope(), { size, chunks: body.chunks })).to.equal('failure');
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
      expect(a.receiver.unreachable).to.deep.equal(unreachable);
      await eventually('the body is let go', body.isClosed);
    }

    it('to a member that is not known', async () => {
      await expectFailure(await startMember(1n), []);
    });

    it('to a member that is cut off', async () => {
      const a = await startMember(1n);
      a.transport.addPeer(2n, ['http://127.0.0.1:1']);
      a.transport.cut(2n);
      await expectFailure(a, []);
    });

    it('to a member that refuses connections', async () => {
      const a = await startMember(1n);
      a.transport.addRemote(2n, ['http://127.0.0.1:1']);
      await expectFailure(a, [2n]);
      expect(a.receiver.log.some((line) => line.includes('failed to send database snapshot'))).to.equal(true);
    });

    it('before anything was read of the body', async () => {
      const a = await startMember(1n);
      a.transport.addRemote(2n, ['http://127.0.0.1:1']);
      // An envelope that fills what may wait for the connection.
      const one = envelope(9, { context: new Uint8Array(1_000_000) });
      const body = watched(bytesOf(10));
      expect(await a.transport.sendSnapshot(one, { size: 10, chunks: body.chunks })).to.equal('failure');
      expect(body.isClosed()).to.equal(true);
      for (const to of [2n, 9n]) {
        const file = Readable.from([bytesOf(10)]);
        expect(await a.transport.sendSnapshot({ ...one, to }, { size: 10, chunks: file })).to.equal('failure');
        expect(file.destroyed).to.equal(true);
      }
    });

    it('to a member without a store', async () => {
      const [a, b] = [await startMember(1n), await startMember(2n)];
      a.transport.addRemote(2n, [b.listener.url]);
      await expectFailure(a, [2n]);
      expect(b.receiver.processed).to.deep.equal([]);
    });

    it('of a body that is shorter or longer than it says: nothing of it is kept', async () => {
      for (const size of [4999, 5001]) {
        const [a, b] = [await startMember(1n), await startKeeper(2n)];
        a.transport.addRemote(2n, [b.listener.url]);
        await expectFailure(a, [2n], size);
        await eventually('the remains are gone', () => readdirSync(b.folder).length === 0);
        expect(b.receiver.processed).to.deep.equal([]);
      }
    });

    it('of a body that cannot be read', async () => {
      const [a, b] = [await startMember(1n), await startKeeper(2n)];
      a.transport.addRemote(2n, [b.listener.url]);
      const chunks = async function* (): AsyncGenerator<Uint8Array> {
        yield bytesOf(100);
        throw new Error('the disk is gone');
      };
      expect(await a.transport.sendSnapshot(envelope(), { size: 500, chunks: chunks() })).to.equal('failure');
      expect(a.receiver.log.some((line) => line.includes('the disk is gone'))).to.equal(true);
      await eventually('the remains are gone', () => readdirSync(b.folder).length === 0);
    });

    it('of a body of which nothing comes, or that nobody takes', async () => {
      const timings = { ...quick, snapshotStallMs: 100 };
      const a = await startMember(1n, { timings });
      const silent = await startServer(() => undefined);
      a.transport.addRemote(2n, [silent.url]);
      a.transport.addRemote(3n, [silent.url]);
      const size = 64 * 1024 * 1024;
      const stuck = async function* (): AsyncGenerator<Uint8Array> {
        yield bytesOf(10);
        await new Promise(() => undefined);
      };
      const both = await Promise.all([
        a.transport.sendSnapshot(envelope(), { size: 20, chunks: stuck() }),
        a.transport.sendSnapshot(envelope(9, { to: 3n }), { size, chunks: chunksOf(Buffer.alloc(size), 65_536) }),
      ]);
      expect(both).to.deep.equal(['failure', 'failure']);
      expect(a.receiver.snapshots).to.have.deep.members([
        [2n, 'failure'],
        [3n, 'failure'],
      ]);
    });

    it('when the transport stops: reported once, and stop waits for it', async () => {
      const a = await startMember(1n);
      const silent = await startServer(() => undefined);
      a.transport.addRemote(2n, [silent.url]);
      const sent = a.transport.sendSnapshot(envelope(), { size: 10, chunks: chunksOf(bytesOf(10)) });
      await new Promise((resolve) => setTimeout(resolve, 50));
      await a.transport.stop();
      expect(a.receiver.snapshots).to.deep.equal([[2n, 'failure']]);
      expect(await sent).to.equal('failure');
      expect(a.receiver.unreachable).to.deep.equal([]);
    });

    it('a receiver that does not take the message: nothing of the body is left, the sender learns', async () => {
      for (const opens of [false, true]) {
        const [a, b] = [await startMember(1n), await startKeeper(2n)];
        a.transport.addRemote(2n, [b.listener.url]);
        b.receiver.onProcess = async (received) => {
          if (opens) await readBody(b, received);
          throw new Error('raft is stopped');
        };
        await expectFailure(a, [2n]);
        expect(readdirSync(b.folder)).to.deep.equal([]);
        const error: unknown = await b.bodies.open(9).catch((caught: unknown) => caught);
        expect(error).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'missing' });
      }
    });

    it('only a MsgSnap has a body', async () => {
      const a = await startMember(1n);
      const error: unknown = await a.transport
        .sendSnapshot(append(1n, 2n, 3), { size: 0, chunks: chunksOf(bytesOf(0)) })
        .catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(RaftError).with.property('code', 'ERR_RAFT_SNAPSHOT_BODY');
      expect(a.receiver.snapshots).to.deep.equal([]);
    });

    it('invalid arguments are refused, and the body that came with a message is closed', async () => {
      const a = await startMember(1n);
      const body = { size: 0, chunks: chunksOf(bytesOf(0)) };
      for (const [message, given, reason] of [
        [undefined, body, 'message'],
        [{ ...envelope(), to: 2 }, body, 'message.to'],
        [{ ...envelope(), snapshot: {} }, body, 'message.snapshot.metadata'],
        [envelope(), undefined, 'body'],
        [envelope(), { ...body, size: -1 }, 'body.size'],
        [envelope(), { ...body, size: '0' }, 'body.size'],
        [envelope(), { size: 0 }, 'body.chunks'],
        [envelope(), { size: 0, chunks: [] }, 'body.chunks'],
      ] as [never, never, string][]) {
        const error: unknown = await a.transport.sendSnapshot(message, given).catch((caught: unknown) => caught);
        expect(error, reason).to.include({ code: 'ERR_RAFT_ARGUMENT', reason });
      }
      expect(await body.chunks.next()).to.include({ done: true });
      expect(a.receiver.snapshots).to.deep.equal([]);
    });

    it('a member that was removed is told so', async () => {
      const [a, b] = [await startMember(1n), await startKeeper(2n)];
      a.transport.addRemote(2n, [b.listener.url]);
      b.receiver.removed.add(1n);
      await expectFailure(a, [2n]);
      expect(a.receiver.removals).to.deep.equal([{ reason: 'removed', by: [2n] }]);
    });
  });

  describe('what is not stored', () => {
    const metadata = (fields: object): Partial<Message> => {
      const { snapshot: inner } = envelope();
      return {
        snapshot: { data: undefined, metadata: { ...(inner as { metadata: object }).metadata, ...fields } },
      } as never;
    };
    const noVoters = { voters: [], learners: [3n], votersOutgoing: [], learnersNext: [], autoLeave: false };
    const cases: [string, Message, string][] = [
      ['a message of another kind', { ...append(1n, 2n, 3), snapshot: envelope().snapshot }, 'wrong raft message type'],
      ['one that a member sends to itself', message(MessageType.MsgHup, 1n, 2n), 'wrong raft message type'],
      ['for another member', envelope(9, { to: 3n }), 'to field mismatch'],
      ['from nobody', envelope(9, { from: 0n }), 'from field mismatch'],
      ['from another member than its sender', envelope(9, { from: 3n }), 'from field mismatch'],
      ['from ourselves', envelope(9, { from: 2n }), 'from field mismatch'],
      ['from a thread', envelope(9, { from: 2n ** 64n - 1n }), 'from field mismatch'],
      ['without an index', envelope(0), 'snapshot without an index'],
      ['without a term', envelope(9, metadata({ term: 0 })), 'snapshot of a wrong term'],
      ['of a later term than the sender’s', envelope(9, metadata({ term: 2 })), 'snapshot of a wrong term'],
      ['without voters', envelope(9, metadata({ confState: noVoters })), 'snapshot without voters'],
    ];

    for (const [title, one, text] of cases) {
      it(title, async () => {
        const b = await startKeeper(2n);
        let created = 0;
        b.receiver.onProcess = () => void created++;
        const answer = await exchangeRaw(
          b.listener.address.port,
          postSnapshot(Buffer.concat([encodeEnvelope(one), bytesOf(50)])),
        );
        expect(answer).to.include({ status: 400, body: `${text}\n` });
        expect(created).to.equal(0);
        expect(readdirSync(b.folder)).to.deep.equal([]);
        expect(b.receiver.log.some((line) => line.includes('receiving database'))).to.equal(false);
      });
    }

    it('an envelope beyond its limit, before it comes', async () => {
      const b = await startKeeper(2n);
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(BigInt(MAX_ENVELOPE_BYTES + 1));
      const bytes = postSnapshot(head, { 'Content-Length': '99999999' });
      expect((await exchangeRaw(b.listener.address.port, bytes)).status).to.equal(400);
    });

    it('a body beyond the limit, announced or not', async () => {
      const b = await startKeeper(2n, { maxSnapshotBytes: 1000 });
      const { port } = b.listener.address;
      const head = encodeEnvelope(envelope());
      const announced = postSnapshot(head, { 'Content-Length': String(head.length + 1001) });
      expect((await exchangeRaw(port, announced)).status).to.equal(413);
      const body = Buffer.concat([head, bytesOf(1001)]);
      const chunked = Buffer.concat([
        Buffer.from(requestHead('POST', '/raft/snapshot', 1n, { 'Transfer-Encoding': 'chunked' })),
        Buffer.from(`${body.length.toString(16)}\r\n`),
        body,
        Buffer.from('\r\n0\r\n\r\n'),
      ]);
      expect((await exchangeRaw(port, chunked)).status).to.equal(413);
      expect(readdirSync(b.folder)).to.deep.equal([]);
      const fits = Buffer.concat([head, bytesOf(1000)]);
      expect((await exchangeRaw(port, postSnapshot(fits))).status).to.equal(204);
    });

    it('a body for which there is no room', async () => {
      const folder = scratchFolder();
      const snapshots = new SnapshotFolder(folder);
      snapshots.freeBytes = () => Promise.resolve(128_000_000 + 10);
      const b = await startMember(2n, { snapshots });
      const { port } = b.listener.address;
      const head = encodeEnvelope(envelope());
      expect((await exchangeRaw(port, postSnapshot(Buffer.concat([head, bytesOf(11)])))).status).to.equal(507);
      expect((await exchangeRaw(port, postSnapshot(Buffer.concat([head, bytesOf(10)])))).status).to.equal(204);
      const a = await startMember(1n);
      introduce(a, [b]);
      const body = { size: 11, chunks: chunksOf(bytesOf(11)) };
      expect(await a.transport.sendSnapshot(envelope(), body)).to.equal('failure');
      // Whoever sends says it to people: what there is no room for, where, and that room must be made.
      expect(String(a.receiver.failures[0])).to.match(
        /no space for the snapshot: free some on the receiver's disk, where 128 MB must stay \(http status 507\)/u,
      );
    });

    it('a second one of the same sender, and a third one of anybody', async () => {
      const b = await startKeeper(2n);
      const body = (from: bigint): Buffer =>
        Buffer.from(
          postSnapshot(encodeEnvelope({ ...envelope(), from }))
            .toString('latin1')
            .replace('From: 1', `From: ${from}`),
          'latin1',
        );
      const { port } = b.listener.address;
      const first = await beginSnapshot(b, 1n);
      expect((await exchangeRaw(port, body(1n))).status).to.equal(503);
      const second = await beginSnapshot(b, 3n);
      expect((await exchangeRaw(port, body(4n))).status).to.equal(503);
      first.destroy();
      second.destroy();
      await eventually('the remains are gone', () => readdirSync(b.folder).length === 0);
      expect((await exchangeRaw(port, body(4n))).status).to.equal(204);
    });

    it('one that falls silent', async () => {
      const b = await startKeeper(2n, { timings: { ...quick, readTimeoutMs: 100 } });
      const socket = await beginSnapshot(b, 1n);
      let text = '';
      for await (const chunk of socket as AsyncIterable<Buffer>) text += chunk.toString();
      expect(text).to.include('failed to save KV snapshot (read timeout)');
      expect(readdirSync(b.folder)).to.deep.equal([]);
    });

    it('one that drips, which would keep others out', async () => {
      const b = await startKeeper(2n, { timings: { ...quick, readTimeoutMs: 200 } });
      const socket = await beginSnapshot(b, 1n);
      const drops = setInterval(() => socket.write(Buffer.alloc(1)), 10);
      try {
        const given = (): string | undefined => b.receiver.log.find((line) => line.includes('failed to save'));
        await eventually('it is given up', () => given() !== undefined);
        expect(given()).to.include('read timeout');
        expect(readdirSync(b.folder)).to.deep.equal([]);
      } finally {
        clearInterval(drops);
        socket.destroy();
      }
    });

    it('one that has been slow for long, when another sender comes', async () => {
      const b = await startKeeper(2n, { timings: { ...quick, readTimeoutMs: 60_000, snapshotSlowMs: 300 } });
      const { port } = b.listener.address;
      const body = encodeEnvelope({ ...envelope(9), from: 4n });
      const bytes = Buffer.from(postSnapshot(body).toString('latin1').replace('From: 1', 'From: 4'), 'latin1');
      const slow = await beginSnapshot(b, 1n);
      let told = '';
      slow.on('data', (chunk: Buffer) => {
        told += chunk.toString();
      });
      await sleep(400);
      const young = await beginSnapshot(b, 3n);
      expect((await exchangeRaw(port, bytes)).status).to.equal(204);
      await eventually('the slow one is told', () => told.includes('too slow while another sender waits'));
      await eventually('nothing of it is left', () => readdirSync(b.folder).length === 2);
      expect((await exchangeRaw(port, bytes)).status).to.equal(204);
      young.destroy();
    });

    it('one that drips in the name of a member whose real one comes', async () => {
      const b = await startKeeper(2n, { timings: { ...quick, readTimeoutMs: 60_000, snapshotSlowMs: 300 } });
      const drip = await beginSnapshot(b, 1n);
      const a = await startMember(1n);
      a.transport.addRemote(2n, [b.listener.url]);
      const send = (): Promise<string> =>
        a.transport.sendSnapshot(envelope(), { size: 6, chunks: chunksOf(Buffer.from('honest')) });
      expect(await send(), 'it may still be quick').to.equal('failure');
      await sleep(400);
      expect(await send()).to.equal('finish');
      expect(b.receiver.processed).to.have.length(1);
      await eventually('nothing of the drip is left', () => readdirSync(b.folder).length === 1);
      expect(await readBody(b, b.receiver.processed[0] as Message)).to.equal('honest');
      drip.destroy();
    });

    describe('a checksum', () => {
      const trailer = 'X-Raft-Snapshot-Sha256';

      /** A snapshot with these trailers, as chunks. */
      function chunked(body: Buffer, head: Record<string, string>, trailers: string): Buffer {
        return Buffer.concat([
          Buffer.from(requestHead('POST', '/raft/snapshot', 1n, { 'Transfer-Encoding': 'chunked', ...head })),
          Buffer.from(`${body.length.toString(16)}\r\n`),
          body,
          Buffer.from(`\r\n0\r\n${trailers}\r\n`),
        ]);
      }

      it('goes with each snapshot of ours, over message and body', async () => {
        const a = await startMember(1n);
        let sum: string | undefined;
        const hash = createHash('sha256');
        const { url } = await startServer((req, res) => {
          expect(req.headers.trailer).to.equal(trailer);
          req.on('data', (chunk: Buffer) => hash.update(chunk));
          req.on('end', () => {
            sum = req.trailers[trailer.toLowerCase()];
            res.writeHead(204).end();
          });
        });
        a.transport.addRemote(2n, [url]);
        const body = bytesOf(3000);
        expect(await a.transport.sendSnapshot(envelope(), { size: 3000, chunks: chunksOf(body) })).to.equal('finish');
        expect(sum).to.equal(hash.digest('hex'));
      });

      it('that is wrong, or promised and missing, refuses the snapshot; Go sends none', async () => {
        const b = await startKeeper(2n);
        const { port } = b.listener.address;
        const all = Buffer.concat([encodeEnvelope(envelope()), bytesOf(500)]);
        const right = createHash('sha256').update(all).digest('hex');
        const other = Buffer.concat([encodeEnvelope(envelope(10)), bytesOf(500)]);
        const promise = { Trailer: trailer };
        for (const [bytes, trailers] of [
          [all, `${trailer}: ${right.replace(/./u, (digit) => (digit === '0' ? '1' : '0'))}\r\n`],
          [all, ''],
          [other, `${trailer}: ${right}\r\n`],
        ] as const) {
          const answer = await exchangeRaw(port, chunked(bytes, promise, trailers));
          expect(answer).to.include({ status: 500, body: 'failed to save KV snapshot (checksum mismatch)\n' });
          expect(readdirSync(b.folder)).to.deep.equal([]);
          expect(b.receiver.processed).to.deep.equal([]);
        }
        expect((await exchangeRaw(port, chunked(all, promise, `${trailer}: ${right}\r\n`))).status).to.equal(204);
        expect((await exchangeRaw(port, chunked(all, {}, ''))).status).to.equal(204);
        expect((await exchangeRaw(port, postSnapshot(all))).status).to.equal(204);
      });
    });

    it('one that comes compressed', async () => {
      const b = await startKeeper(2n);
      const bytes = postSnapshot(encodeEnvelope(envelope()), { 'Content-Encoding': 'gzip' });
      expect((await exchangeRaw(b.listener.address.port, bytes)).status).to.equal(415);
    });
  });

  describe('SnapshotFolder', () => {
    it('a new transport removes what was never complete, and nothing else', async () => {
      const folder = scratchFolder();
      for (const name of ['tmp123456', 'db.tmp9', '000000000000000a.snap.db', 'mine.txt']) {
        writeFileSync(join(folder, name), 'x');
      }
      await startMember(2n, { snapshots: new SnapshotFolder(folder) });
      expect(readdirSync(folder).sort()).to.deep.equal(['000000000000000a.snap.db', 'mine.txt']);
    });

    /** A body that came, and whose message was not refused. */
    async function arrive(folder: SnapshotFolder, one: Message, text: string): Promise<SnapshotSink> {
      const sink = await folder.create(one);
      await sink.write(Buffer.from(text));
      await sink.commit();
      return sink;
    }

    const withVoters = (one: Message, voters: bigint[]): Message => {
      const { metadata } = one.snapshot as Snapshot;
      const confState = { ...metadata.confState, voters };
      return { ...one, snapshot: { data: undefined, metadata: { ...metadata, confState } } };
    };

    it('gives each snapshot the body that came with it, in whatever order they came', async () => {
      for (const honestFirst of [true, false]) {
        const bodies = new SnapshotFolder(scratchFolder());
        // A message that raft drops without a word, and one that it takes, of the same index.
        const [forged, honest] = [withVoters(envelope(5), [7n]), envelope(5)];
        const both: [Message, string][] = [
          [forged, 'forged'],
          [honest, 'honest'],
        ];
        for (const [one, text] of honestFirst ? both.reverse() : both) await arrive(bodies, one, text);
        const error: unknown = await bodies.open(5).catch((caught: unknown) => caught);
        expect(error).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'ambiguous' });
        expect(await readBody({ bodies }, honest)).to.equal('honest');
        expect(readdirSync(bodies.folder)).to.deep.equal(['0000000000000005.snap.db']);
        // Again, also by a copy, or by the index.
        expect(await readBody({ bodies }, structuredClone(honest))).to.equal('honest');
        expect(await readBody({ bodies }, 5)).to.equal('honest');
      }
    });

    it('gives the very snapshot its own body, although others are equal', async () => {
      const bodies = new SnapshotFolder(scratchFolder());
      const [first, second] = [envelope(5), envelope(5)];
      await arrive(bodies, first, 'first');
      await arrive(bodies, second, 'second');
      expect(await readBody({ bodies }, second)).to.equal('second');
      const others = new SnapshotFolder(scratchFolder());
      await arrive(others, first, 'first');
      await arrive(others, second, 'second');
      // Of equal ones raft has taken the first; of messages that of the highest term.
      await arrive(others, envelope(5, { term: 3 }), 'later term');
      await arrive(others, envelope(5, { term: 3 }), 'later term again');
      expect(await readBody({ bodies: others }, envelope(5))).to.equal('later term');
    });

    it('a body of an earlier process or transfer gives way to the one of the snapshot that raft took', async () => {
      const bodies = new SnapshotFolder(scratchFolder());
      writeFileSync(bodies.path(5), 'old');
      const one = envelope(5);
      await arrive(bodies, one, 'new');
      expect(await readBody({ bodies }, 5)).to.equal('old');
      expect(await readBody({ bodies }, one)).to.equal('new');
      expect(await readBody({ bodies }, 5)).to.equal('new');
    });

    it('two bodies of one index may be under way at the same time', async () => {
      const bodies = new SnapshotFolder(scratchFolder());
      const messages = [envelope(5), withVoters(envelope(5), [7n])] as const;
      const [first, second] = [await bodies.create(messages[0]), await bodies.create(messages[1])];
      await second.write(Buffer.from('second'));
      await first.write(Buffer.from('first'));
      await first.commit();
      await second.commit();
      await first.abort();
      expect(await readBody({ bodies }, messages[1])).to.equal('second');
    });

    it('a message that is refused after its body was opened takes only its own body with it', async () => {
      const bodies = new SnapshotFolder(scratchFolder());
      const [refused, taken] = [envelope(5), envelope(5)];
      const sink = await arrive(bodies, refused, 'refused');
      await bodies.open(refused.snapshot as Snapshot);
      await arrive(bodies, taken, 'taken');
      await bodies.open(taken.snapshot as Snapshot);
      await sink.abort();
      expect(await readBody({ bodies }, 5)).to.equal('taken');
    });

    it('what nobody opened does not outlive the process, is bounded, and goes when a later one is opened', async () => {
      const bodies = new SnapshotFolder(scratchFolder());
      for (let i = 1; i <= MAX_UNTAKEN_SNAPSHOTS; i++) await arrive(bodies, envelope(i), String(i));
      const error: unknown = await bodies.create(envelope(99)).catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'full' });
      expect(await readBody({ bodies }, envelope(7))).to.equal('7');
      expect(readdirSync(bodies.folder)).to.have.length(MAX_UNTAKEN_SNAPSHOTS - 6);
      await bodies.removeRemains();
      expect(await readBody({ bodies }, envelope(8)), 'ours').to.equal('8');
      await arrive(bodies, envelope(9), 'left by a crash');
      await new SnapshotFolder(bodies.folder).removeRemains();
      expect(readdirSync(bodies.folder)).to.deep.equal(['0000000000000007.snap.db', '0000000000000008.snap.db']);
    });

    it('of what nobody opened the oldest gives way after a while', async () => {
      const bodies = new SnapshotFolder(scratchFolder(), { untakenMs: 0 });
      for (let i = 1; i <= MAX_UNTAKEN_SNAPSHOTS + 2; i++) await arrive(bodies, envelope(i), String(i));
      expect(readdirSync(bodies.folder)).to.have.length(MAX_UNTAKEN_SNAPSHOTS);
      const error: unknown = await bodies.open(2).catch((caught: unknown) => caught);
      expect(error).to.include({ reason: 'missing' });
      expect(await readBody({ bodies }, 3)).to.equal('3');
    });

    it('release removes what is older', async () => {
      const folder = new SnapshotFolder(scratchFolder());
      for (const index of [1, 15, 16, 2 ** 40]) writeFileSync(folder.path(index), 'x');
      writeFileSync(join(folder.folder, '0000000000000001-0000000000000002.snap'), 'x');
      await folder.release(16);
      expect(readdirSync(folder.folder).sort()).to.deep.equal([
        '0000000000000001-0000000000000002.snap',
        '0000000000000010.snap.db',
        '0000010000000000.snap.db',
      ]);
    });

    it('a body that is not there has a code', async () => {
      const error: unknown = await new SnapshotFolder(scratchFolder()).open(3).catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'missing' });
    });
  });

  it('takes constant memory', async function constant() {
    const [a, b] = [await startMember(1n), await startKeeper(2n)];
    a.transport.addRemote(2n, [b.listener.url]);
    const size = 192 * 1024 * 1024;
    const piece = Buffer.alloc(256 * 1024, 7);
    let most = 0;
    const chunks = async function* (): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent < size; sent += piece.length) {
        most = Math.max(most, process.memoryUsage().external);
        yield piece;
      }
    };
    const before = process.memoryUsage().external;
    expect(await a.transport.sendSnapshot(envelope(), { size, chunks: chunks() })).to.equal('finish');
    // Chunks that wait to be collected count too; the whole body would be 192 MiB.
    expect(most - before).to.be.lessThan(96 * 1024 * 1024);
  });

  it('other messages pass while one is under way', async () => {
    const [a, b] = (await startCluster(2, { snapshots: new SnapshotFolder(scratchFolder()) })) as [Member, Member];
    const held = await beginSnapshot(b, 1n);
    a.transport.send(Array.from({ length: 50 }, (_, i) => append(1n, 2n, i)));
    await eventually('they arrive', () => b.receiver.processed.length === 50);
    held.destroy();
  });
});
