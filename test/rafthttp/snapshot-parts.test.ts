import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Message, Snapshot } from '@raft-ts/proto';
import { type HttpTransportOptions, SnapshotFolder, type SnapshotSink } from '@raft-ts/rafthttp';
import { encodeEnvelope, Header, OutgoingBody, Pace, type PacePlace, ProgressLog } from '@raft-ts/rafthttp/internal';
import { SnapshotFiles } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';
import {
  chunksOf,
  eventually,
  exchangeRaw,
  introduce,
  type Member,
  newTransport,
  type RawAnswer,
  Recorder,
  requestHead,
  scratchFolder,
  snapshot,
  startMember,
  stopAll,
  stopLater,
} from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const MIB = 1024 * 1024;
const PART = '0000000000000009-0000000000000001.snap.part';

/** A MsgSnap of member 1 to member 2 whose body travels beside it. */
function envelope(index = 9): Message {
  const one = snapshot(1n, 2n);
  const metadata = { ...(one.snapshot as Snapshot).metadata, index, term: 1 };
  return { ...one, snapshot: { data: undefined, metadata } };
}

/** Bytes that differ from place to place, and from seed to seed. */
function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0, x = seed; i < length; i += 4) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    bytes.writeInt32LE(x, i);
  }
  return bytes;
}

const sumOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Passes bytes on to a port, counts those of a snapshot, and cuts its connection after so many, once. */
class Relay {
  /** Bytes that went to the port over connections on which more came than messages need. */
  large = 0;
  cutAfter = Number.POSITIVE_INFINITY;
  url = '';
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor(port: number) {
    this.server = createServer((from) => {
      const to = createConnection(port, '127.0.0.1');
      let count = 0;
      from.on('data', (chunk: Buffer) => {
        count += chunk.length;
        if (count > MIB / 2) this.large += chunk.length;
        if (count <= this.cutAfter) {
          if (!to.write(chunk)) from.pause();
          return;
        }
        this.cutAfter = Number.POSITIVE_INFINITY;
        from.destroy();
        to.destroy();
      });
      to.on('drain', () => from.resume());
      to.pipe(from);
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        this.sockets.add(one);
        one.on('error', () => other.destroy());
        one.on('close', () => {
          this.sockets.delete(one);
          other.destroy();
        });
      }
    });
  }

  static async start(port: number): Promise<Relay> {
    const relay = new Relay(port);
    await new Promise<void>((resolve) => relay.server.listen(0, '127.0.0.1', resolve));
    const address = relay.server.address();
    if (typeof address === 'object') relay.url = `http://127.0.0.1:${address?.port}`;
    stopLater({
      stop: () =>
        new Promise((resolve) => {
          relay.server.close(() => resolve());
          for (const socket of relay.sockets) socket.destroy();
        }),
    });
    return relay;
  }
}

interface Pair {
  readonly a: Member;
  readonly b: Member;
  readonly relay: Relay;
  readonly folder: string;
  readonly bodies: SnapshotFolder;
}

/** Two members that know each other; what the first one sends goes through a relay. */
async function startPair(options: Partial<HttpTransportOptions> = {}, folder = scratchFolder()): Promise<Pair> {
  const bodies = new SnapshotFolder(folder);
  const [a, b] = [await startMember(1n, options), await startMember(2n, { snapshots: bodies })];
  const relay = await Relay.start(b.listener.address.port);
  a.transport.addPeer(2n, [relay.url]);
  introduce(b, [a]);
  await eventually('b has answered', () => a.receiver.log.some((line) => line.includes('stream-reader-type')));
  return { a, b, relay, folder, bodies };
}

/** Sends a body that breaks off on the way, and waits until the receiver has noticed. */
async function breakOff({ a, b, relay }: Pair, body: Uint8Array, index = 9): Promise<void> {
  relay.cutAfter = 4 * MIB;
  expect(
    await a.transport.sendSnapshot(envelope(index), { size: body.length, chunks: chunksOf(body, 65_536) }),
  ).to.equal('failure');
  await eventually('b has noticed', () => b.receiver.log.some((line) => line.includes('failed to save incoming')));
}

async function textOf(bodies: SnapshotFolder, message: Message): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of (await bodies.open(message.snapshot as Snapshot)).chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

describe('a streamed snapshot that breaks off', () => {
  afterEach(stopAll);

  it('goes on where it stopped, and is whole', async () => {
    const pair = await startPair();
    const { a, b, relay, folder, bodies } = pair;
    const body = bytesOf(12 * MIB);
    await breakOff(pair, body);
    expect(readdirSync(folder)).to.deep.equal([PART]);
    const before = statSync(join(folder, PART)).size;
    expect(before).to.be.above(2 * MIB);
    relay.large = 0;
    // Whoever has not seen its beginning cannot tell whether it is sound: `process` looks at what is stored.
    Object.assign(b.receiver, { inspectSnapshot: () => expect.fail('the rest of a body was shown') });
    b.receiver.onProcess = async (message) => {
      expect((await textOf(bodies, message)).equals(body)).to.equal(true);
    };
    const chunks = chunksOf(body, 65_536);
    expect(await a.transport.sendSnapshot(envelope(), { size: body.length, chunks })).to.equal('finish');
    expect(relay.large).to.be.below(body.length - before + MIB);
    expect(b.receiver.processed).to.have.length(1);
    expect(a.receiver.log.join('\n')).to.include(`going on with a database snapshot that broke off`);
    expect(b.receiver.log.join('\n')).to.include(`"bytes-before":${before}`);
    expect(readdirSync(folder)).to.deep.equal(['0000000000000009.snap.db']);
  });

  it('is sent whole if the receiver has the beginning of a different body', async () => {
    const pair = await startPair();
    const { a, bodies, folder } = pair;
    await breakOff(pair, bytesOf(12 * MIB, 1));
    const other = bytesOf(12 * MIB, 2);
    const send = (): Promise<string> =>
      a.transport.sendSnapshot(envelope(), { size: other.length, chunks: chunksOf(other, 65_536) });
    expect(await send()).to.equal('failure');
    expect(String(a.receiver.failures.at(-1))).to.include('the beginning of a different body');
    expect(await send()).to.equal('finish');
    expect((await textOf(bodies, envelope())).equals(other)).to.equal(true);
    expect(readdirSync(folder)).to.have.length(1);
  });

  it('begins anew with a newer snapshot, and what there was of the older one is gone', async () => {
    const pair = await startPair();
    const { a, folder } = pair;
    await breakOff(pair, bytesOf(12 * MIB));
    const body = bytesOf(2 * MIB);
    const chunks = chunksOf(body, 65_536);
    expect(await a.transport.sendSnapshot(envelope(12), { size: body.length, chunks })).to.equal('finish');
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).to.deep.equal([]);
  });

  it('keeps nothing of a body whose checksum is wrong', async () => {
    const { b, folder } = await startPair();
    const body = Buffer.concat([encodeEnvelope(envelope()), bytesOf(2 * MIB)]);
    const head = requestHead('POST', '/raft/snapshot', 1n, {
      'Transfer-Encoding': 'chunked',
      Trailer: 'X-Raft-Snapshot-Sha256',
    });
    const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
    const answer = await exchangeRaw(b.listener.address.port, Buffer.concat([Buffer.from(head), chunk]));
    expect(answer).to.include({ status: 500 }).and.to.have.property('body').that.includes('checksum mismatch');
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('keeps to its rate', async () => {
    const { a, bodies } = await startPair({ maxSnapshotBytesPerSecond: MIB });
    const body = bytesOf(MIB / 2);
    const began = performance.now();
    expect(
      await a.transport.sendSnapshot(envelope(), { size: body.length, chunks: chunksOf(body, body.length) }),
    ).to.equal('finish');
    // All but the last piece were waited for.
    expect(performance.now() - began).to.be.at.least(430);
    expect((await textOf(bodies, envelope())).equals(body)).to.equal(true);
    for (const maxSnapshotBytesPerSecond of [0, 65_535, 1e6 + 0.5, Number.NaN]) {
      expect(() => newTransport(1n, new Recorder(), { maxSnapshotBytesPerSecond })).to.throw(
        /maxSnapshotBytesPerSecond/u,
      );
    }
  });

  describe('as raw requests', () => {
    const ask = async ({ b }: Pair, headers: Record<string, string>): Promise<RawAnswer> =>
      exchangeRaw(b.listener.address.port, Buffer.from(requestHead('GET', '/raft/snapshot', 1n, headers)));

    it('who asks is told its length and checksum; Go members, which do not ask, get what they got', async () => {
      const pair = await startPair();
      const body = bytesOf(12 * MIB);
      await breakOff(pair, body);
      const { size } = statSync(join(pair.folder, PART));
      const answer = await ask(pair, { [Header.snapshotBody]: `9-1-${body.length}` });
      expect(answer.status).to.equal(204);
      const part = ({ headers }: RawAnswer): string | undefined =>
        headers.find(([name]) => name === Header.snapshotPart)?.[1];
      expect(part(answer)).to.equal(`${size}-${sumOf(body.subarray(0, size))}`);
      for (const other of ['9-2-1', '8-1-1']) {
        const none = await ask(pair, { [Header.snapshotBody]: other });
        expect([none.status, part(none)]).to.deep.equal([204, undefined]);
      }
      for (const wrong of [undefined, '', '9-1', '9-1-x', '9-1-1-1', '99999999999999999-1-1']) {
        const refused = await ask(pair, wrong === undefined ? {} : { [Header.snapshotBody]: wrong });
        expect(refused.status, wrong).to.equal(405);
      }
      expect((await ask(pair, { [Header.snapshotBody]: '9-1-1', [Header.clusterId]: '77' })).status).to.equal(412);
    });

    it('a part that is gone, or another one, cannot be continued', async () => {
      const pair = await startPair();
      const body = bytesOf(12 * MIB);
      await breakOff(pair, body);
      const file = join(pair.folder, PART);
      const { size } = statSync(file);
      const post = async (part: string): Promise<number> => {
        const rest = Buffer.concat([encodeEnvelope(envelope()), body.subarray(size)]);
        const headers = { 'Content-Length': String(rest.length), [Header.snapshotPart]: part };
        const head = requestHead('POST', '/raft/snapshot', 1n, headers);
        return (await exchangeRaw(pair.b.listener.address.port, Buffer.concat([Buffer.from(head), rest]))).status;
      };
      const sum = sumOf(body.subarray(0, size));
      // Nobody has asked.
      expect(await post(`${size}-${sum}`)).to.equal(416);
      await ask(pair, { [Header.snapshotBody]: `9-1-${body.length}` });
      expect(await post(`${size}-${'0'.repeat(64)}`)).to.equal(416);
      await ask(pair, { [Header.snapshotBody]: `9-1-${body.length}` });
      truncateSync(file, size - 1);
      expect(await post(`${size}-${sum}`)).to.equal(416);
      expect(pair.b.receiver.processed).to.deep.equal([]);
    });
  });
});

describe('what a folder keeps of a body that broke off', () => {
  let folder: string;

  beforeEach(() => {
    folder = scratchFolder();
  });
  afterEach(restoreBuiltins);
  afterEach(stopAll);

  const begin = async (bodies: SnapshotFolder, index: number, bytes: Uint8Array): Promise<SnapshotSink> => {
    const sink = await bodies.create(envelope(index));
    await sink.write(bytes);
    return sink;
  };
  const leave = async (bodies: SnapshotFolder, index: number, bytes: Uint8Array): Promise<void> =>
    (await begin(bodies, index, bytes)).suspend?.();
  const parts = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.part'));

  it('is there after a start, and can be continued', async () => {
    const body = bytesOf(3 * MIB);
    // The first process ends in the middle.
    const first = await begin(new SnapshotFolder(folder), 9, body.subarray(0, 2 * MIB));
    const bodies = new SnapshotFolder(folder);
    await bodies.removeRemains();
    const part = await bodies.part({ index: 9, term: 1 });
    expect(part).to.deep.equal({ bytes: 2 * MIB, sha256: sumOf(body.subarray(0, 2 * MIB)) });
    const sink = await bodies.resume(envelope(), part as NonNullable<typeof part>);
    // Nobody else can continue it meanwhile, nor is it told of.
    expect(await bodies.part({ index: 9, term: 1 })).to.equal(undefined);
    expect(await bodies.resume(envelope(), part as NonNullable<typeof part>)).to.equal(undefined);
    await sink?.write(body.subarray(2 * MIB));
    await sink?.commit();
    expect((await textOf(bodies, envelope())).equals(body)).to.equal(true);
    expect(parts()).to.deep.equal([]);
    await first.suspend?.();
  });

  it('is not kept if it is short', async () => {
    await leave(new SnapshotFolder(folder), 9, bytesOf(MIB - 4));
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('is one at most, the newest', async () => {
    const bodies = new SnapshotFolder(folder);
    const [first, second] = [await begin(bodies, 9, bytesOf(MIB)), await begin(bodies, 12, bytesOf(MIB))];
    expect(parts()).to.have.length(2);
    await second.suspend?.();
    await first.suspend?.();
    expect(parts()).to.deep.equal(['000000000000000c-0000000000000001.snap.part']);
    // What begins anew takes its place.
    await (await begin(bodies, 10, bytesOf(MIB))).abort();
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('is the business of one transfer: another one of the same body at the same time keeps nothing', async () => {
    const bodies = new SnapshotFolder(folder);
    const [first, second] = [await begin(bodies, 9, bytesOf(MIB)), await begin(bodies, 9, bytesOf(2 * MIB, 2))];
    await second.suspend?.();
    expect(readdirSync(folder)).to.deep.equal([PART]);
    await first.suspend?.();
    expect(statSync(join(folder, PART)).size).to.equal(MIB);
  });

  it('is removed when it is old, whenever that is noticed', async () => {
    const bodies = new SnapshotFolder(folder, { partMs: 60_000 });
    const age = async (): Promise<void> => {
      await leave(bodies, 9, bytesOf(MIB));
      const then = (Date.now() - 61_000) / 1000;
      utimesSync(join(folder, PART), then, then);
    };
    await age();
    expect(await bodies.part({ index: 9, term: 1 })).to.equal(undefined);
    expect(parts()).to.deep.equal([]);
    await age();
    await new SnapshotFolder(folder, { partMs: 60_000 }).removeRemains();
    expect(parts()).to.deep.equal([]);
    const timers = new VirtualTimers();
    timers.install();
    try {
      await age();
      // It does not keep the process alive.
      expect(timers.pending).to.equal(0);
      timers.advance(60_000);
    } finally {
      timers.uninstall();
    }
    await eventually('it is gone', () => parts().length === 0);
  });

  it('is removed when a snapshot of the same or a higher index is installed, and not by a lower one', async () => {
    const bodies = new SnapshotFolder(folder);
    const whole = await begin(bodies, 12, bytesOf(8));
    await whole.commit();
    await leave(bodies, 15, bytesOf(MIB));
    await bodies.open(envelope(12).snapshot as Snapshot);
    expect(parts()).to.have.length(1);
    const other = new SnapshotFolder(folder);
    const higher = await other.create(envelope(15));
    await higher.commit();
    await leave(other, 14, bytesOf(MIB));
    await other.open(envelope(15).snapshot as Snapshot);
    expect(parts()).to.deep.equal([]);
  });

  it('is passed over by a log in the same folder', async () => {
    await leave(new SnapshotFolder(folder), 9, bytesOf(MIB));
    const warnings: string[] = [];
    const logger = { info() {}, warn: (text: string) => warnings.push(text) };
    expect(await (await SnapshotFiles.open(folder, { logger })).names()).to.deep.equal([]);
    expect(warnings).to.deep.equal([]);
  });

  it('counts as free space, since it gives way, as soon as nobody writes it', async () => {
    replaceBuiltin(promises, 'statfs', () => (async () => ({ bavail: 3, bsize: 4096 })) as never);
    const bodies = new SnapshotFolder(folder);
    const sink = await begin(bodies, 9, bytesOf(2 * MIB));
    expect(await bodies.freeBytes()).to.equal(3 * 4096);
    await sink.suspend?.();
    expect(await bodies.freeBytes()).to.equal(3 * 4096 + 2 * MIB);
  });

  it('is read once for its checksum', async () => {
    const bodies = new SnapshotFolder(folder);
    const body = bytesOf(2 * MIB);
    await leave(bodies, 9, body);
    const [one, two] = await Promise.all([bodies.part({ index: 9, term: 1 }), bodies.part({ index: 9, term: 1 })]);
    writeFileSync(join(folder, PART), bytesOf(2 * MIB, 7));
    const three = await bodies.part({ index: 9, term: 1 });
    for (const found of [one, two, three]) expect(found?.sha256).to.equal(sumOf(body));
    expect(existsSync(join(folder, PART))).to.equal(true);
    expect(readFileSync(join(folder, PART))).to.have.length(2 * MIB);
  });
});

describe('the body of a snapshot of which the receiver has the beginning', () => {
  const body = bytesOf(2 * MIB);
  const part = { bytes: MIB, sha256: sumOf(body.subarray(0, MIB)) };

  it('is not waited for if its source is stuck: it fails as soon as the signal aborts', async () => {
    const giveUp = new AbortController();
    let reached: () => void = () => {};
    const stuck = new Promise<void>((resolve) => {
      reached = resolve;
    });
    async function* read(): AsyncGenerator<Uint8Array> {
      yield body.subarray(0, 1000);
      reached();
      await new Promise(() => {});
    }
    let outcome: unknown = 'it is waited for';
    const note = (result: unknown): void => {
      outcome = result;
    };
    void new OutgoingBody({ size: body.length, chunks: read() }, 2n)
      .passOver(part, giveUp.signal, () => {})
      .then(note, note);
    await stuck;
    giveUp.abort('given up');
    // All that follows from that in this process has happened then.
    await new Promise((resolve) => setImmediate(resolve));
    expect(outcome).to.equal('given up');
  });
});

describe('the rate of snapshots', () => {
  const timers = new VirtualTimers();
  let now = 0;
  const advance = async (ms: number): Promise<void> => {
    now += ms;
    timers.advance(ms);
    await new Promise(setImmediate);
  };

  beforeEach(() => {
    now = 0;
    timers.install();
  });
  afterEach(() => timers.uninstall());

  /** Each of this many transfers has the least share. */
  const PLACES = 3;
  const RATE = PLACES * 64 * 1024;
  const HALF_SECOND = RATE / 2;
  const { signal } = new AbortController();

  it('is kept by all together, from the first byte on, and without a burst after a pause', async () => {
    const pace = new Pace(RATE, () => now);
    const places = await Promise.all([pace.enter(signal), pace.enter(signal), pace.enter(signal)]);
    const done: number[] = [];
    const take = (i: number): void => void places[i]?.take(HALF_SECOND, signal).then(() => done.push(i));
    take(0);
    take(1);
    take(2);
    await advance(0);
    expect(done).to.deep.equal([0]);
    await advance(499);
    expect(done).to.deep.equal([0]);
    await advance(1);
    expect(done).to.deep.equal([0, 1]);
    await advance(500);
    expect(done).to.deep.equal([0, 1, 2]);
    await advance(10_000);
    take(0);
    take(1);
    await advance(0);
    expect(done).to.have.length(4);
    await advance(500);
    expect(done).to.have.length(5);
    expect(timers.pending).to.equal(0);
  });

  it('does not hold up who gives up, and is no limit unless there is one', async () => {
    const stop = new AbortController();
    const pace = new Pace(RATE, () => now);
    const place = await pace.enter(signal);
    await place.take(10 * RATE, stop.signal);
    const waiting = place.take(1, stop.signal);
    stop.abort();
    await waiting;
    expect(timers.pending).to.equal(0);
    const free = new Pace(undefined, () => now);
    for (let i = 0; i < 10; i++) await (await free.enter(signal)).take(1e12, signal);
    expect(free.pieceBytes).to.equal(Number.POSITIVE_INFINITY);
  });

  it('is shared by as many as can have the least share; who comes later waits for one to leave, in order', async () => {
    const pace = new Pace(RATE, () => now);
    const entered: number[] = [];
    const places: PacePlace[] = [];
    const enter = async (i: number, stop = signal): Promise<void> => {
      places[i] = await pace.enter(stop);
      entered.push(i);
    };
    const stop = new AbortController();
    for (let i = 0; i < PLACES + 2; i++) void enter(i);
    void enter(PLACES + 2, stop.signal);
    // All are used: each takes a piece a second.
    for (let s = 0; s < 20; s++) {
      for (let i = 0; i < PLACES; i++) void places[i]?.take(64 * 1024, signal);
      await advance(1000);
    }
    expect(entered).to.deep.equal([0, 1, 2]);
    places[1]?.leave();
    await advance(0);
    expect(entered).to.deep.equal([0, 1, 2, 3]);
    stop.abort();
    await advance(0);
    expect(entered).to.deep.equal([0, 1, 2, 3, 5]);
    places[5]?.leave();
    places[0]?.leave();
    await advance(0);
    expect(entered).to.deep.equal([0, 1, 2, 3, 5, 4]);
    expect(timers.pending).to.equal(0);
  });

  it('is not kept from others by a receiver that takes nothing', async () => {
    const pace = new Pace(64 * 1024, () => now);
    const stuck = await pace.enter(signal);
    void stuck.take(64 * 1024, signal);
    const entered: unknown[] = [];
    void pace.enter(signal).then((place) => entered.push(place));
    await advance(4900);
    expect(entered).to.have.length(0);
    await advance(100);
    expect(entered).to.have.length(1);
    // It may go on all the same.
    const before = now;
    await stuck.take(64 * 1024, signal);
    expect(now).to.equal(before);
  });
});

it('the log tells every ten seconds how far a snapshot is', () => {
  const lines: unknown[] = [];
  let now = 0;
  const logger = { debug() {}, info: (...line: unknown[]) => lines.push(line), warn() {}, error() {} };
  const log = new ProgressLog(logger, { direction: 'received', bytes: 1000 }, { who: 'b' }, () => now);
  for (let second = 1; second <= 25; second++) {
    now = second * 1000;
    log.tell(1000 + second * 100, 10_000);
  }
  expect(lines).to.deep.equal([
    ['the database snapshot is arriving', { who: 'b', 'bytes-so-far': 2000, percent: 20, 'bytes-per-second': 100 }],
    ['the database snapshot is arriving', { who: 'b', 'bytes-so-far': 3000, percent: 30, 'bytes-per-second': 100 }],
  ]);
});
