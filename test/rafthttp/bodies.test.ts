import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import promises, { type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '@raft-ts/proto';
import { SnapshotFolder } from '@raft-ts/rafthttp';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';
import { snapshot } from './members.js';

function messageAt(index: number): Message {
  const one = snapshot(1n, 2n);
  const metadata = { ...(one.snapshot as NonNullable<Message['snapshot']>).metadata, index };
  return { ...one, snapshot: { data: undefined, metadata } };
}

describe('SnapshotFolder, call by call', () => {
  let folder: string;
  let calls: string[];
  let open: number;
  /** How many bytes a write takes at most. */
  let most: number;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'raft-ts-bodies-'));
    calls = [];
    open = 0;
    most = Number.POSITIVE_INFINITY;
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
        write: (chunk: Uint8Array, offset: number, length: number) =>
          note('write', () => handle.write(chunk, offset, Math.min(length, most))),
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
    const sink = await bodies.create(messageAt(9));
    await sink.write(Buffer.from('state'));
    await sink.commit();
    expect(calls).to.deep.equal([
      'open tmp wx 600',
      'write tmp',
      'sync tmp',
      'close tmp',
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
