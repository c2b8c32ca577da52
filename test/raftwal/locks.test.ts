import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { repair, verify, Wal } from '@raft-ts/raftwal';
import { NodeFs } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { entries, indexes, newPlace, readBack, refused, SEGMENT_SIZE } from './logs.js';
import { removeScratch } from './vectors.js';

const small = { segmentSize: SEGMENT_SIZE };
const program = fileURLToPath(new URL('./holder.js', import.meta.url));

interface Holder {
  readonly said: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

async function holder(dir: string): Promise<Holder> {
  const child = spawn(process.execPath, [program, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const said = await new Promise<string>((resolve) =>
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())),
  );
  return { said, child, ended };
}

describe('locks of a log', () => {
  afterEach(removeScratch);

  it('keep out a second object of the same process', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    await wal.save(undefined, entries(1, 3));
    await refused(Wal.open(dir, small), 'ERR_RAFT_WAL_LOCKED');
    await refused(repair(dir), 'ERR_RAFT_WAL_LOCKED');
    await wal.close();
    await (await Wal.open(dir, small)).close();
  });

  it('keep out a second process, and end with the first, killed without warning', async () => {
    const dir = newPlace();
    await (await Wal.create(dir, small)).close();
    const one = await holder(dir);
    expect(one.said).to.equal('open');
    await refused(Wal.open(dir, small), 'ERR_RAFT_WAL_LOCKED');
    const two = await holder(dir);
    expect(two.said).to.equal('ERR_RAFT_WAL_LOCKED');
    await two.ended;
    one.child.kill('SIGKILL');
    await one.ended;
    const three = await holder(dir);
    expect(three.said).to.equal('open');
    three.child.kill('SIGKILL');
    await three.ended;
    expect(indexes((await readBack(dir)).entries)).to.deep.equal([1, 2]);
  });

  it('cover every file that is held, and the next one from its first moment', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    await wal.save(undefined, entries(1, 3));
    await wal.cut();
    await wal.releaseTo(4);
    await refused(Wal.open(dir, { ...small, snapshot: { index: 4, term: 1 } }), 'ERR_RAFT_WAL_LOCKED');
    await wal.cut();
    await wal.releaseTo(5);
    await refused(Wal.open(dir, { ...small, snapshot: { index: 4, term: 1 } }), 'ERR_RAFT_WAL_LOCKED');
    await wal.close();
  });

  it('do not keep readers out', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    await wal.save(undefined, entries(1, 3));
    expect((await verify(dir)).entries).to.equal(3);
    expect((await readBack(dir, { readOnly: true })).entries).to.have.length(3);
    await wal.close();
  });

  it('are required: if there are none, opening for writing fails unless unsafeNoLock is set', async () => {
    const dir = newPlace();
    const fs = new NodeFs();
    await refused(Wal.create(dir, { ...small, fs }), 'ERR_RAFT_WAL_LOCK_UNAVAILABLE');
    await (await Wal.create(dir, { ...small, fs, unsafeNoLock: true })).close();
    await refused(Wal.open(dir, { ...small, fs }), 'ERR_RAFT_WAL_LOCK_UNAVAILABLE');
    expect((await readBack(dir, { fs, readOnly: true })).entries).to.deep.equal([]);
    expect((await readBack(dir, { fs, unsafeNoLock: true })).entries).to.deep.equal([]);
  });
});

describe('readers beside a writer', () => {
  afterEach(removeScratch);

  it('always see a beginning of the log, without an error', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    let last = 0;
    let done = false;
    const write = async (): Promise<void> => {
      for (; last < 400; last += 2) {
        await wal.save({ term: 1, vote: 1n, commit: last }, entries(last + 1, last + 2));
      }
      done = true;
    };
    const writing = write();
    let seen = 0;
    while (!done) {
      const { entries: found } = await readBack(dir, { readOnly: true });
      expect(indexes(found)).to.deep.equal(indexes(entries(1, found.length)));
      expect(found.length).to.be.at.least(seen);
      seen = found.length;
    }
    await writing;
    await wal.close();
    expect(seen).to.be.above(0);
  });
});
