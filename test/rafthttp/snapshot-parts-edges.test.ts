import { createHash } from 'node:crypto';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Message, Snapshot } from '@raft-ts/proto';
import { type BodyPart, SnapshotFolder } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import {
  chunksOf,
  eventually,
  introduce,
  type Member,
  scratchFolder,
  snapshot,
  startMember,
  stopAll,
} from './members.js';

const MIB = 1024 * 1024;
const NAME = { index: 9, term: 1 };
const STALL_MS = 500;

/** A MsgSnap of member 1 to member 2 whose body travels beside it. */
function envelope(): Message {
  const one = snapshot(1n, 2n);
  const metadata = { ...(one.snapshot as Snapshot).metadata, ...NAME };
  return { ...one, snapshot: { data: undefined, metadata } };
}

const sumOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A transfer of this body breaks off when all of this has arrived. */
async function leave(bodies: SnapshotFolder, bytes: Uint8Array): Promise<void> {
  const sink = await bodies.create(envelope());
  await sink.write(bytes);
  await sink.suspend?.();
}

describe('a part of a snapshot in a folder', () => {
  afterEach(stopAll);

  it('is not taken for one of the same length that was there before', async () => {
    const bodies = new SnapshotFolder(scratchFolder());
    const [one, other] = [Buffer.alloc(2 * MIB, 'one'), Buffer.alloc(2 * MIB, 'other')];
    await leave(bodies, one);
    const told = (await bodies.part(NAME)) as BodyPart;
    expect(told.sha256).to.equal(sumOf(one));
    await leave(bodies, other);
    expect(await bodies.resume(envelope(), told)).to.equal(undefined);
    expect((await bodies.part(NAME))?.sha256).to.equal(sumOf(other));
    expect(await bodies.resume(envelope(), told)).to.equal(undefined);
  });

  it('is kept again once a file that could not be removed is gone', async () => {
    const folder = scratchFolder();
    const bodies = new SnapshotFolder(folder);
    const path = join(folder, '0000000000000009-0000000000000001.snap.part');
    mkdirSync(path);
    const refused = await leave(bodies, Buffer.alloc(MIB)).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    rmdirSync(path);
    await leave(bodies, Buffer.alloc(MIB));
    expect(await bodies.part(NAME)).to.include({ bytes: MIB });
  });

  for (const partMs of [Number.POSITIVE_INFINITY, 2 ** 31]) {
    it(`is looked for from time to time, and not without a pause, if it is to be kept for ${partMs} ms`, async () => {
      const warnings: string[] = [];
      const warned = ({ name }: Error): number => warnings.push(name);
      process.on('warning', warned);
      try {
        await leave(new SnapshotFolder(scratchFolder(), { partMs }), Buffer.alloc(MIB));
        await new Promise((resolve) => setTimeout(resolve, 20));
      } finally {
        process.off('warning', warned);
      }
      // Node.js warns of a timer that it can set for no longer than a millisecond.
      expect(warnings).to.deep.equal([]);
    });
  }
});

describe('a snapshot that goes on with a part', () => {
  afterEach(stopAll);

  async function startPair(part: Uint8Array): Promise<{ readonly a: Member; readonly b: Member }> {
    const bodies = new SnapshotFolder(scratchFolder());
    await leave(bodies, part);
    const a = await startMember(1n, { timings: { snapshotStallMs: STALL_MS } });
    const b = await startMember(2n, { snapshots: bodies });
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('b has answered', () => a.receiver.log.some((line) => line.includes('stream-reader-type')));
    return { a, b };
  }

  it('fails if its source is stuck within what the receiver has', async () => {
    const body = Buffer.alloc(4 * MIB, 'body');
    const { a } = await startPair(body.subarray(0, 2 * MIB));
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield body.subarray(0, MIB);
      await new Promise(() => {});
    }
    const sent = a.transport.sendSnapshot(envelope(), { size: body.length, chunks: stuck() });
    expect(await sent).to.equal('failure');
    expect(String(a.receiver.failures.at(-1))).to.include('timeout');
  });

  /** The receiver takes this long to read what it has, and its sender has this much patience. */
  async function startSlowReader(part: Uint8Array, readingMs: number, snapshotStallMs: number): Promise<Member> {
    const bodies = new SnapshotFolder(scratchFolder());
    await leave(bodies, part);
    const find = bodies.part.bind(bodies);
    bodies.part = async (name, onPiece) => {
      const end = performance.now() + readingMs;
      while (performance.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        onPiece?.();
      }
      return find(name);
    };
    const a = await startMember(1n, { timings: { snapshotStallMs } });
    const b = await startMember(2n, { snapshots: bodies, timings: { heartbeatMs: 100 } });
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('b has answered', () => a.receiver.log.some((line) => line.includes('stream-reader-type')));
    return a;
  }

  it('waits for a receiver that is still reading what it has', async () => {
    const body = Buffer.alloc(4 * MIB, 'body');
    const a = await startSlowReader(body.subarray(0, 2 * MIB), 2500, 2000);
    const sent = a.transport.sendSnapshot(envelope(), { size: body.length, chunks: chunksOf(body, 65_536) });
    expect(await sent, String(a.receiver.failures)).to.equal('finish');
    expect(a.receiver.log.join()).to.include(`"bytes-before":${2 * MIB}`);
  });

  it('does not wait for one whose disk has got stuck', async () => {
    const body = Buffer.alloc(4 * MIB, 'body');
    const { a, b } = await startPair(body.subarray(0, 2 * MIB));
    const { part } = SnapshotFolder.prototype;
    let asked = false;
    const stuck = new Promise<undefined>(() => {});
    SnapshotFolder.prototype.part = () => {
      asked = true;
      return stuck;
    };
    try {
      const sent = a.transport.sendSnapshot(envelope(), { size: body.length, chunks: chunksOf(body, 65_536) });
      expect(await sent).to.equal('failure');
    } finally {
      SnapshotFolder.prototype.part = part;
    }
    expect([asked, b.receiver.processed.length]).to.deep.equal([true, 0]);
    expect(String(a.receiver.failures.at(-1))).to.include('timeout');
  });

  it('does not hold up the end of its transport', async () => {
    const body = Buffer.alloc(4 * MIB, 'body');
    const { a } = await startPair(body.subarray(0, 2 * MIB));
    let reached = false;
    async function* stuck(): AsyncGenerator<Uint8Array> {
      yield body.subarray(0, MIB);
      reached = true;
      await new Promise(() => {});
    }
    const sent = a.transport.sendSnapshot(envelope(), { size: body.length, chunks: stuck() });
    await eventually('it is read', () => reached);
    await a.transport.stop();
    expect(await sent).to.equal('failure');
  });

  it('gives the receiver time to process it, even if nothing was left to send', async () => {
    const body = Buffer.alloc(2 * MIB, 'body');
    const { a, b } = await startPair(body);
    b.receiver.onProcess = () => new Promise((resolve) => setTimeout(resolve, 2 * STALL_MS));
    const sent = a.transport.sendSnapshot(envelope(), { size: body.length, chunks: chunksOf(body, 65_536) });
    expect(await sent).to.equal('finish');
    expect(b.receiver.processed).to.have.length(1);
  });
});

describe('a snapshot at the least rate', () => {
  afterEach(stopAll);

  it('is begun when the one before it is done, so that neither is too slow for its receiver', async () => {
    const a = await startMember(1n, { maxSnapshotBytesPerSecond: 64 * 1024 });
    const [b, c] = (await Promise.all(
      [2n, 3n].map((id) => startMember(id, { snapshots: new SnapshotFolder(scratchFolder()) })),
    )) as [Member, Member];
    introduce(a, [b, c]);
    for (const member of [b, c]) introduce(member, [a]);
    let finish: () => void = () => {};
    b.receiver.onProcess = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    const body = Buffer.alloc(1000);
    const send = (to: bigint): Promise<unknown> =>
      a.transport.sendSnapshot({ ...envelope(), to }, { size: body.length, chunks: chunksOf(body) });
    const begun = (): number => a.receiver.log.filter((line) => line.includes('sending database snapshot')).length;
    const [toB, toC] = [send(2n), send(3n)];
    await eventually('b has the body', () => b.receiver.processed.length === 1);
    expect(begun()).to.equal(1);
    finish();
    expect(await toB).to.equal('finish');
    expect(await toC).to.equal('finish');
    expect(begun()).to.equal(2);
  });
});
