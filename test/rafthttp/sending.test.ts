import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import type { SnapshotBody } from '@raft-ts/rafthttp';
import { encodeEnvelope } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import { newTransport, Recorder, snapshot, soon, startServer, stopAll } from './members.js';
import { VirtualTimers } from './virtual-timers.js';

const timers = new VirtualTimers();
const STALL_MS = 1000;
const ANSWER_MS = 5000;

describe('sending a snapshot, in time that a test lets pass', () => {
  let receiver: Recorder;
  let transport: ReturnType<typeof newTransport>;
  let requests: { req: IncomingMessage; res: ServerResponse; bytes: number; ended: boolean }[];
  let onRequest: (res: ServerResponse) => void;

  beforeEach(async () => {
    timers.install();
    receiver = new Recorder();
    requests = [];
    onRequest = () => {};
    const { url } = await startServer((req, res) => {
      const one = { req, res, bytes: 0, ended: false };
      requests.push(one);
      req.on('data', (chunk: Buffer) => {
        one.bytes += chunk.length;
      });
      req.on('end', () => {
        one.ended = true;
      });
      req.on('error', () => undefined);
      onRequest(res);
    });
    transport = newTransport(1n, receiver, { timings: { snapshotStallMs: STALL_MS, snapshotTimeoutMs: ANSWER_MS } });
    transport.addRemote(2n, [url]);
  });
  afterEach(async () => {
    await stopAll();
    timers.uninstall();
  });

  /** A body whose chunks come when they are given; tells how many were asked for, and whether it was let go. */
  class Source {
    pulled = 0;
    closed = false;
    readonly body: SnapshotBody;
    private readonly waiting: ((chunk: Uint8Array | undefined) => void)[] = [];
    private readonly given: (Uint8Array | undefined)[] = [];

    constructor(size: number) {
      const next = async (): Promise<IteratorResult<Uint8Array>> => {
        this.pulled++;
        const chunk =
          this.given.length > 0
            ? this.given.shift()
            : await new Promise<Uint8Array | undefined>((resolve) => this.waiting.push(resolve));
        return chunk === undefined ? { done: true, value: undefined } : { done: false, value: chunk };
      };
      const iterator: AsyncIterator<Uint8Array> = {
        next,
        return: () => {
          this.closed = true;
          return Promise.resolve({ done: true, value: undefined });
        },
      };
      this.body = { size, chunks: { [Symbol.asyncIterator]: () => iterator } };
    }

    give(...chunks: (Uint8Array | undefined)[]): void {
      for (const chunk of chunks) {
        const waiting = this.waiting.shift();
        if (waiting === undefined) this.given.push(chunk);
        else waiting(chunk);
      }
    }
  }

  const begin = (source: Source): { status: SnapshotStatus | undefined } => {
    const outcome: { status: SnapshotStatus | undefined } = { status: undefined };
    const send = async (): Promise<void> => {
      outcome.status = await transport.sendSnapshot(snapshot(1n, 2n), source.body);
    };
    void send();
    return outcome;
  };
  const ends = async (outcome: { status: SnapshotStatus | undefined }): Promise<SnapshotStatus | undefined> => {
    await soon(() => outcome.status !== undefined);
    return outcome.status;
  };

  it('leaves no timer once it was taken', async () => {
    const source = new Source(10);
    const outcome = begin(source);
    source.give(new Uint8Array(10), undefined);
    expect(await soon(() => requests[0]?.ended === true)).to.equal(true);
    requests[0]?.res.writeHead(204).end();
    expect(await ends(outcome)).to.equal('finish');
    expect(timers.pending).to.equal(0);
    expect(receiver.snapshots).to.deep.equal([[2n, 'finish']]);
  });

  it('fails when it stands still for too long, not when it is slow, and waits longer for the answer', async () => {
    const envelope = encodeEnvelope(snapshot(1n, 2n)).length;
    /** Has so much of the body arrived? All of it was read here before. */
    const arrived = (request: number, length: number): Promise<boolean> =>
      soon(() => requests[request]?.bytes === envelope + length);
    const source = new Source(30);
    const outcome = begin(source);
    for (let i = 1; i <= 3; i++) {
      source.give(new Uint8Array(10));
      expect(await arrived(0, 10 * i)).to.equal(true);
      if (i < 3) timers.advance(STALL_MS - 1);
    }
    source.give(undefined);
    expect(await soon(() => requests[0]?.ended === true)).to.equal(true);
    timers.advance(ANSWER_MS - 1);
    await sleep(20);
    expect(outcome.status).to.equal(undefined);
    timers.advance(1);
    expect(await ends(outcome)).to.equal('failure');
    const stalled = new Source(30);
    const second = begin(stalled);
    stalled.give(new Uint8Array(10));
    expect(await arrived(1, 10)).to.equal(true);
    timers.advance(STALL_MS);
    expect(await ends(second)).to.equal('failure');
    expect(await soon(() => stalled.closed)).to.equal(true);
    expect(receiver.snapshots).to.deep.equal([
      [2n, 'failure'],
      [2n, 'failure'],
    ]);
    expect(timers.pending).to.equal(0);
  });

  it('has failed if the peer answers before it has all of it', async () => {
    onRequest = (res) => res.writeHead(204).end();
    const source = new Source(30);
    const outcome = begin(source);
    source.give(new Uint8Array(10));
    expect(await ends(outcome)).to.equal('failure');
    expect(await soon(() => source.closed)).to.equal(true);
    expect(timers.pending).to.equal(0);
  });

  it('stops reading a body that is longer than it says, and has failed', async () => {
    const source = new Source(10);
    const outcome = begin(source);
    source.give(...Array.from({ length: 50 }, () => new Uint8Array(1000)));
    expect(await ends(outcome)).to.equal('failure');
    expect(source.pulled).to.be.at.most(2);
  });

  it('is broken off by stop', async () => {
    const source = new Source(30);
    const outcome = begin(source);
    source.give(new Uint8Array(10));
    expect(await soon(() => (requests[0]?.bytes ?? 0) > 10)).to.equal(true);
    let stopped = false;
    const stop = async (): Promise<void> => {
      await transport.stop();
      stopped = true;
    };
    void stop();
    expect(await soon(() => stopped)).to.equal(true);
    expect(outcome.status).to.equal('failure');
    expect(receiver.snapshots).to.deep.equal([[2n, 'failure']]);
    expect(timers.pending).to.equal(0);
  });
});
