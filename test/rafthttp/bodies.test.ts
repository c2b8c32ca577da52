import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message, Snapshot } from '@raft-ts/proto';
import { HttpTransport, type SnapshotBody, SnapshotFolder, type SnapshotStore } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';
import { snapshot } from './members.js';

function messageAt(index: number): Message {
  const one = snapshot(1n, 2n);
  const metadata = { ...(one.snapshot as NonNullable<Message['snapshot']>).metadata, index };
  return { ...one, snapshot: { data: undefined, metadata } };
}

describe('The transport of a member that gets streamed snapshots', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'raft-ts-bodies-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const textOf = async (body: SnapshotBody | undefined): Promise<string> => {
    const parts: Uint8Array[] = [];
    for await (const chunk of body?.chunks ?? []) parts.push(chunk);
    return Buffer.concat(parts).toString();
  };
  const transportWith = (snapshots?: SnapshotStore): HttpTransport => {
    const receiver = { process() {}, isIdRemoved: () => false, reportUnreachable() {}, reportSnapshot() {} };
    return new HttpTransport({ id: 2n, clusterId: 1n, receiver, ...(snapshots && { snapshots }) });
  };
  const rejected = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

  it('shows a body before raft takes its snapshot, then opens it, and lets go of it once it is kept elsewhere', async () => {
    const bodies = new SnapshotFolder(folder);
    const transport = transportWith(bodies);
    const message = messageAt(9);
    const which = message.snapshot as Snapshot;
    expect(await transport.peekSnapshot(which)).to.equal(undefined);
    const sink = await bodies.create(message);
    await sink.write(Buffer.from('body'));
    await sink.commit();
    expect(await textOf(await transport.peekSnapshot(which))).to.equal('body');
    expect(await transport.peekSnapshot(messageAt(8).snapshot as Snapshot)).to.equal(undefined);
    // Looking at it has not made it the one of its index.
    expect(readdirSync(folder)).to.not.include('0000000000000009.snap.db');
    const opened = await transport.openSnapshot(which);
    expect(opened).to.include({ size: 4, file: join(folder, '0000000000000009.snap.db') });
    expect(await textOf(opened)).to.equal('body');
    await opened.release?.();
    expect(readdirSync(folder)).to.deep.equal([]);
    await transport.stop();
  });

  it('says by a code that it has no store, or one that cannot open bodies', async () => {
    const which = messageAt(9).snapshot as Snapshot;
    const none = transportWith();
    expect(await none.peekSnapshot(which)).to.equal(undefined);
    expect(await rejected(none.openSnapshot(which))).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'store' });
    const bodies = new SnapshotFolder(folder);
    const sinksOnly: SnapshotStore = {
      removeRemains: () => bodies.removeRemains(),
      create: (message) => bodies.create(message),
      freeBytes: () => bodies.freeBytes(),
    };
    const other = transportWith(sinksOnly);
    for (const call of [other.peekSnapshot(which), other.openSnapshot(which)]) {
      expect(await rejected(call)).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'store' });
    }
    await Promise.all([none.stop(), other.stop()]);
  });
});

/** Lets everything run that waits for nothing outside. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

describe('SnapshotFolder, call by call', () => {
  let folder: string;
  let calls: string[];
  let open: number;
  /** How many bytes a write takes at most. */
  let most: number;
  /** Writes wait for this. */
  let writable: Promise<unknown> | undefined;

  const first = (chunks: readonly Uint8Array[]): Uint8Array =>
    most === Number.POSITIVE_INFINITY ? Buffer.concat(chunks) : (chunks[0]?.subarray(0, most) as Uint8Array);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'raft-ts-bodies-'));
    calls = [];
    open = 0;
    most = Number.POSITIVE_INFINITY;
    writable = undefined;
    const name = (path: unknown): string =>
      path === folder ? 'folder' : ((path as string).split('/').at(-1) ?? '').replace(/^tmp.*/, 'tmp');
    replaceBuiltin(promises, 'open', (real) => async (path, flags, mode) => {
      const handle = await real(path, flags, mode);
      calls.push(`open ${name(path)} ${String(flags)} ${(mode as number | undefined)?.toString(8) ?? ''}`.trim());
      open++;
      const note = <T>(what: string, call: () => T): T => {
        calls.push(`${what} ${name(path)}`);
        return call();
      };
      return {
        sync: () => note('sync', () => handle.sync()),
        close: () => {
          open--;
          return note('close', () => handle.close());
        },
        writev: async (chunks: readonly Uint8Array[], position: number) => {
          await writable;
          return note(`write ${chunks.length} to`, () => handle.writev([first(chunks)], position));
        },
      } as unknown as FileHandle;
    });
    replaceBuiltin(promises, 'rename', (real) => (from, to) => {
      calls.push(`rename ${name(from)} ${name(to)}`);
      return real(from, to);
    });
    replaceBuiltin(promises, 'rm', (real) => (path, options) => {
      calls.push(`rm ${name(path)}`);
      return real(path, options);
    });
  });
  afterEach(() => {
    restoreBuiltins();
    rmSync(folder, { recursive: true, force: true });
  });

  it('a body is its owner’s alone, and durable with its name before it counts', async () => {
    const bodies = new SnapshotFolder(folder);
    const part = '0000000000000009-0000000000000001.snap.part';
    const sink = await bodies.create(messageAt(9));
    await sink.write(Buffer.from('state'));
    await sink.commit();
    expect(calls).to.deep.equal([
      `rm ${part}`,
      `open ${part} wx 600`,
      `write 1 to ${part}`,
      `sync ${part}`,
      `close ${part}`,
      `rename ${part} tmp`,
      'open folder r',
      'sync folder',
      'close folder',
    ]);
    expect(open).to.equal(0);
  });

  it('a body that is opened has the name of its index, durably', async () => {
    const bodies = new SnapshotFolder(folder);
    const message = messageAt(9);
    const sink = await bodies.create(message);
    await sink.commit();
    calls.length = 0;
    await bodies.open(message.snapshot as NonNullable<Message['snapshot']>);
    expect(calls).to.deep.equal([
      'rename tmp 0000000000000009.snap.db',
      'open folder r',
      'sync folder',
      'close folder',
    ]);
    expect(open).to.equal(0);
  });

  it('is written whole, however little the system takes at a time', async () => {
    const bodies = new SnapshotFolder(folder);
    most = 2;
    const message = messageAt(9);
    const sink = await bodies.create(message);
    await sink.write(Buffer.from('state'));
    await sink.commit();
    await bodies.open(message.snapshot as NonNullable<Message['snapshot']>);
    expect(readFileSync(bodies.path(9), 'utf8')).to.equal('state');
  });

  it('what arrives during a write is written by the next one, and no more of it is held than a MiB or 64 chunks', async () => {
    for (const [chunk, before] of [
      [new Uint8Array(2 ** 18).fill(7), 4],
      [new Uint8Array(3).fill(7), 64],
    ] as const) {
      calls.length = 0;
      let goOn = (): void => {};
      writable = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const bodies = new SnapshotFolder(folder);
      const message = messageAt(chunk.length);
      const sink = await bodies.create(message);
      // The first is being written; as many as wait come at once, and the next only once they are written.
      for (let i = 0; i < before; i++) await sink.write(chunk);
      let taken = false;
      const take = async (): Promise<void> => {
        await sink.write(chunk);
        taken = true;
      };
      const last = take();
      await turns();
      expect(taken).to.equal(false);
      expect(calls.filter((call) => call.startsWith('write'))).to.deep.equal([]);
      goOn();
      await last;
      await sink.write(chunk);
      await sink.commit();
      const counts = calls.filter((call) => call.startsWith('write')).map((call) => Number(call.split(' ')[1]));
      expect(counts).to.deep.equal([1, before, 1]);
      const { chunks, size } = await bodies.open(message.snapshot as Snapshot);
      expect(size).to.equal((before + 2) * chunk.length);
      for await (const piece of chunks) expect(piece.every((byte) => byte === 7)).to.equal(true);
    }
  });

  it('a body whose write failed is no body: the next call says why, and so does commit', async () => {
    const bodies = new SnapshotFolder(folder);
    let fail = (): void => {};
    writable = new Promise((_, reject) => {
      fail = () => reject(new Error('ENOSPC'));
    });
    const [one, other] = [await bodies.create(messageAt(8)), await bodies.create(messageAt(9))];
    for (const sink of [one, other]) await sink.write(Buffer.from('state'));
    fail();
    await turns();
    // There is room again, but what comes now must not stand where the first bytes should.
    writable = undefined;
    const before = calls.length;
    const errors = [
      await one.write(Buffer.from('more')).catch((reason: unknown) => reason),
      await other.commit().catch((reason: unknown) => reason),
    ];
    expect(errors.map((error) => (error as Error).message)).to.deep.equal(['ENOSPC', 'ENOSPC']);
    expect(calls.slice(before).filter((call) => call.startsWith('write'))).to.deep.equal([]);
    await one.abort();
    expect(open).to.equal(0);
    expect(calls.filter((call) => call.startsWith('sync'))).to.deep.equal([]);
  });

  it('a body that will not be complete is closed, and removed', async () => {
    const bodies = new SnapshotFolder(folder);
    const sink = await bodies.create(messageAt(9));
    await sink.write(Buffer.from('st'));
    await sink.abort();
    expect(open).to.equal(0);
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('a body that cannot be synced is closed all the same, and is no body', async () => {
    const bodies = new SnapshotFolder(folder);
    restoreBuiltins();
    let closed = false;
    replaceBuiltin(promises, 'open', (real) => async (path, flags, mode) => {
      const handle = await real(path, flags, mode);
      return {
        sync: () => Promise.reject(new Error('EIO')),
        close: () => {
          closed = true;
          return handle.close();
        },
      } as unknown as FileHandle;
    });
    const sink = await bodies.create(messageAt(9));
    const error = await sink.commit().catch((reason: unknown) => reason);
    expect((error as Error).message).to.equal('EIO');
    expect(closed).to.equal(true);
    const missing = await bodies.open(9).catch((reason: unknown) => reason);
    expect(missing).to.include({ code: 'ERR_RAFT_SNAPSHOT_BODY', reason: 'missing' });
  });
});
