import { getEventListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageType } from '@raft-ts/proto';
import { MessageEncoder, UrlPicker, WriteBuffer } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { append, CLUSTER, message, newTransport, Recorder, soon, startServer, stopAll } from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();
const READ_TIMEOUT_MS = 1000;

/** A stream of messages that a peer has opened at the server. */
interface Stream {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  closed: boolean;
}

describe('StreamReader', () => {
  const receiver = new Recorder();
  let opened: Stream[];
  let transport: ReturnType<typeof newTransport>;
  let url: string;

  beforeEach(async () => {
    timers.install();
    opened = [];
    receiver.processed.length = 0;
    ({ url } = await startServer((req, res) => {
      // The stream of appends is refused: one is enough to look at.
      if (req.url !== '/raft/stream/message/1') {
        res.writeHead(404).end();
        return;
      }
      const stream: Stream = { req, res, closed: false };
      req.socket.on('close', () => {
        stream.closed = true;
      });
      opened.push(stream);
      res.writeHead(200, { 'X-Server-Version': '3.7.1', 'X-Etcd-Cluster-Id': CLUSTER.toString(16) });
      res.flushHeaders();
    }));
    transport = newTransport(1n, receiver, {
      timings: { readTimeoutMs: READ_TIMEOUT_MS, dialRetryMs: 5, probeIntervalMs: 1e9, probeErrorMs: 1e9 },
    });
    transport.addPeer(2n, [url]);
    expect(await soon(() => opened.length === 1 && transport.activePeers() === 1)).to.equal(true);
  });
  afterEach(async () => {
    await stopAll();
    timers.uninstall();
  });

  const send = ({ res }: Stream, index: number): void => {
    const out = new WriteBuffer();
    new MessageEncoder().encode({ ...append(2n, 1n, index), type: MessageType.MsgApp }, out);
    for (const piece of out.pieces()) res.write(piece);
  };
  const received = (count: number): Promise<boolean> => soon(() => receiver.processed.length === count);
  /** Listeners at the signal that stops the stream's reader. */
  const listeners = (): number => {
    const { peers } = Reflect.get(transport, 'members') as {
      peers: Map<bigint, { readers: readonly { stopping: AbortController }[] }>;
    };
    const reader = peers.get(2n)?.readers[1];
    return reader === undefined ? -1 : getEventListeners(reader.stopping.signal, 'abort').length;
  };

  it('releases each URL that it has picked, once, whether it answered or not', async () => {
    const { pick, release } = UrlPicker.prototype;
    const picked: { picker: UrlPicker; url: string }[] = [];
    const released: { picker: UrlPicker; url: string; answered: boolean }[] = [];
    UrlPicker.prototype.pick = function noted(place) {
      const url = pick.call(this, place);
      picked.push({ picker: this, url });
      return url;
    };
    UrlPicker.prototype.release = function noted(url, answered) {
      released.push({ picker: this, url, answered });
      release.call(this, url, answered);
    };
    try {
      const other = newTransport(1n, receiver, { timings: { dialRetryMs: 5 } });
      other.addPeer(2n, [url]);
      const { peers } = Reflect.get(other, 'members') as { peers: Map<bigint, { picker: UrlPicker }> };
      const { picker } = peers.get(2n) ?? {};
      const ofOther = <T extends { picker: UrlPicker }>(list: T[]): T[] => list.filter((one) => one.picker === picker);
      // One stream is opened, the other one refused each time.
      expect(await soon(() => opened.length === 2 && ofOther(released).length >= 4)).to.equal(true);
      await other.stop();
      expect(ofOther(released).map((one) => one.url)).to.deep.equal(ofOther(picked).map((one) => one.url));
      expect(ofOther(released).filter(({ answered }) => answered)).to.have.length(1);
    } finally {
      Object.assign(UrlPicker.prototype, { pick, release });
    }
  });

  it('gives up a stream that is silent for too long, and one that is not only after that', async () => {
    const [first] = opened as [Stream];
    for (let i = 1; i <= 3; i++) {
      timers.advance(READ_TIMEOUT_MS - 1);
      send(first, i);
      expect(await received(i)).to.equal(true);
    }
    timers.advance(READ_TIMEOUT_MS - 1);
    await sleep(20);
    expect(first.closed).to.equal(false);
    timers.advance(1);
    expect(await soon(() => opened.length === 2)).to.equal(true);
    expect(await soon(() => first.closed)).to.equal(true);
  });

  it('closes a stream with a fault, after what came before it, and opens another', async () => {
    const [first] = opened as [Stream];
    send(first, 1);
    first.res.write(Buffer.alloc(8, 0xff));
    expect(await soon(() => opened.length === 2)).to.equal(true);
    expect(await soon(() => first.closed)).to.equal(true);
    expect(receiver.processed).to.have.length(1);
  });

  it('passes nothing on that is not for this member, or not from that peer', async () => {
    const [first] = opened as [Stream];
    const write = (from: bigint, to: bigint): void => {
      const out = new WriteBuffer();
      new MessageEncoder().encode(message(MessageType.MsgHeartbeat, from, to), out);
      for (const piece of out.pieces()) first.res.write(piece);
    };
    write(2n, 3n);
    write(3n, 1n);
    write(1n, 1n);
    send(first, 1);
    expect(await received(1)).to.equal(true);
    expect(receiver.types()).to.deep.equal([MessageType.MsgApp]);
  });

  it('leaves neither a timer nor a listener for the streams that are over', async () => {
    const before = timers.pending;
    expect(listeners()).to.equal(1);
    for (let i = 1; i <= 5; i++) {
      opened.at(-1)?.res.end();
      expect(await soon(() => opened.length === i + 1 && listeners() === 1)).to.equal(true);
    }
    expect(await soon(() => timers.pending === before)).to.equal(true);
    await transport.stop();
    expect(timers.pending).to.equal(0);
  });

  it('ends in a stream that breaks off within a message: the peer is told as inactive', async () => {
    opened[0]?.res.end(Buffer.alloc(5));
    const told = (line: string): boolean => line.includes('peer became inactive') && line.includes('unexpected EOF');
    expect(await soon(() => receiver.log.some(told))).to.equal(true);
  });
});

describe('StreamReader: dials', () => {
  afterEach(stopAll);

  /** Servers that refuse streams; when each was asked for one of messages. */
  async function refusing(count: number): Promise<{ urls: string[]; dials: number[][] }> {
    const dials: number[][] = Array.from({ length: count }, () => []);
    const servers = await Promise.all(
      dials.map((times) =>
        startServer((req, res) => {
          if (req.url === '/raft/stream/message/1') times.push(performance.now());
          res.writeHead(404).end();
        }),
      ),
    );
    return { urls: servers.map(({ url }) => url), dials };
  }

  it('keep their distance', async () => {
    const { urls, dials } = await refusing(1);
    const transport = newTransport(1n, new Recorder(), { timings: { dialRetryMs: 100 } });
    const began = performance.now();
    transport.addPeer(2n, urls);
    const [times] = dials as [number[]];
    expect(await soon(() => times.length >= 5)).to.equal(true);
    // The first retry does not wait. What comes late on a busy machine says nothing; what comes early does.
    for (const [i, time] of times.entries()) expect(time - began, `dial ${i}`).to.be.at.least(100 * (i - 1) - 5);
    await transport.stop();
  });

  it('go on to the next URL after each that fails', async () => {
    const { urls, dials } = await refusing(2);
    const transport = newTransport(1n, new Recorder(), { timings: { dialRetryMs: 5 } });
    transport.addPeer(2n, urls);
    expect(await soon(() => dials.every(({ length }) => length >= 2))).to.equal(true);
    await transport.stop();
  });
});
