/** A start that is refused must not harm the member that runs, and of two first starts one alone gets the log. */
import { mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DurableStorage, type DurableStorageOptions, repair, verify, Wal } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { FaultyFs } from './faulty-fs.js';
import { entries, oneVoter, refused, state } from './logs.js';
import { removeScratch, scratchFolder } from './vectors.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 4096 };

const open = (dir: string, more: Partial<DurableStorageOptions> = {}): Promise<DurableStorage> =>
  DurableStorage.open(dir, { ...options, ...more });

/** Everything in a folder: names, sizes, and when each was changed. */
function listing(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(dir, name));
      return `${name} ${size} ${mtimeMs} ${ino}`;
    })
    .sort();
}

/** Stops the first write of a snapshot in its middle; `release` lets it go on. */
function stopSnapshot(fs: FaultyFs): { readonly stopped: Promise<void>; readonly release: () => void } {
  let release: () => void = () => {};
  const stopped = new Promise<void>((reached) => {
    fs.hook = (operation, path) => {
      if (operation !== 'datasync' || !path.includes('.snap')) return undefined;
      fs.hook = () => {};
      reached();
      return new Promise<void>((resolve) => (release = resolve));
    };
  });
  return { stopped, release: () => release() };
}

const data = new Uint8Array(100_000).fill(7);

/** What may be under way when another process starts on the same folder. */
const works: Readonly<Record<string, (storage: DurableStorage) => Promise<unknown>>> = {
  'a snapshot of its own': (storage) => storage.createSnapshot(3, oneVoter, data),
  "a snapshot of the leader's": (storage) =>
    storage.save({
      hardState: state(2, 1n, 50),
      snapshot: { data, metadata: { confState: oneVoter, index: 50, term: 2 } },
    }),
  'a streamed state': (storage) => storage.snapshots.saveStream([data], 3),
};

describe('a start that is refused', () => {
  afterEach(removeScratch);

  for (const [name, work] of Object.entries(works)) {
    it(`changes nothing while ${name} is written, which ends well`, async () => {
      const dir = join(scratchFolder(), 'member');
      const fs = new FaultyFs();
      const live = await open(dir, { fs });
      await live.save({ hardState: state(1, 1n, 3), entries: entries(1, 3) });
      const { stopped, release } = stopSnapshot(fs);
      const done = work(live);
      await stopped;
      // The mark follows the acknowledgement, and the next file is made in the background.
      const quiet = (): string[] => listing(dir).filter((line) => !/^wal(\.mark|\/\d\.tmp)/.test(line));
      const before = quiet();
      await refused(open(dir), 'ERR_RAFT_WAL_LOCKED');
      await refused(open(dir, { nodeId: 7n }), 'ERR_RAFT_WAL_LOCKED');
      await refused(Wal.open(join(dir, 'wal'), options), 'ERR_RAFT_WAL_LOCKED');
      await refused(Wal.create(join(dir, 'wal'), options), 'ERR_RAFT_WAL_LOCKED');
      await refused(repair(join(dir, 'wal')), 'ERR_RAFT_WAL_LOCKED');
      expect(quiet()).to.deep.equal(before);
      release();
      await done;
      await live.save({ hardState: state(3, 1n, live.lastIndex()) });
      await live.close();
    });
  }

  it('finds the lock by every path that leads to the folder', async () => {
    const base = scratchFolder();
    mkdirSync(join(base, 'real'));
    symlinkSync(join(base, 'real'), join(base, 'link'));
    const live = await open(join(base, 'real', 'member'));
    for (const other of ['link/member', 'real/../real/member', 'real/member/']) {
      await refused(open(join(base, other)), 'ERR_RAFT_WAL_LOCKED');
    }
    await live.close();
  });

  it('meets a program that knows no mark and locks only its files, as etcd does', async () => {
    const dir = join(scratchFolder(), 'member');
    const first = await open(dir);
    await first.save({ hardState: state(1, 1n, 3), entries: entries(1, 3) });
    await first.close();
    rmSync(join(dir, 'wal.mark'));
    writeFileSync(join(dir, 'snap', 'half.snap.tmp'), 'of the one who runs');
    writeFileSync(join(dir, 'snap', '0000000000000001-0000000000000002.snap'), 'not whole yet');
    const before = listing(join(dir, 'snap'));
    // A log that is open without the lock of the mark.
    const live = await Wal.open(join(dir, 'wal'), options);
    rmSync(join(dir, 'wal.mark'));
    await refused(open(dir), 'ERR_RAFT_WAL_LOCKED');
    expect(listing(join(dir, 'snap'))).to.deep.equal(before);
    await live.readAll();
    await live.close();
  });

  it('for another reason frees the lock', async () => {
    const dir = join(scratchFolder(), 'member');
    await (await open(dir)).close();
    for (let i = 0; i < 2; i++) await refused(open(dir, { nodeId: 7n }), 'ERR_RAFT_WAL_IDENTITY');
    writeFileSync(join(dir, 'wal', '0000000000000000-0000000000000000.wal'), 'garbage');
    for (let i = 0; i < 2; i++) await refused(open(dir), 'ERR_RAFT_WAL_CORRUPT');
  });
});

describe('two first starts at once', () => {
  afterEach(removeScratch);

  it('give the log to one of them, and what that one acknowledged stays', async () => {
    let pause = 0;
    for (let reached = true; reached; pause++) {
      // The folders above it are missing too, and both make them.
      const dir = join(scratchFolder(), 'data', 'of', 'member');
      const fs = new FaultyFs();
      let second: Promise<unknown> | undefined;
      // The second one starts, and is through, before the n-th call of the first.
      let count = 0;
      fs.hook = async () => {
        if (count++ !== pause) return;
        second = open(dir).then(
          async (storage) => {
            await storage.save({ hardState: state(1, 1n, 0), entries: entries(1, 1) });
            return storage;
          },
          (error: unknown) => error,
        );
        await second;
      };
      const first = await open(dir, { fs }).catch((error: unknown) => error);
      reached = second !== undefined;
      const both = [first, reached ? await second : await open(dir).catch((error: unknown) => error)];
      const opened = both.filter((one) => one instanceof DurableStorage);
      expect(opened, `before call ${pause}`).to.have.length(1);
      const loser = both.find((one) => !(one instanceof DurableStorage)) as { code: string };
      expect(loser.code, `before call ${pause}`).to.equal('ERR_RAFT_WAL_LOCKED');
      const [winner] = opened as [DurableStorage];
      if (winner.lastIndex() === 0) await winner.save({ hardState: state(1, 1n, 0), entries: entries(1, 1) });
      await winner.close();
      expect((await verify(join(dir, 'wal'))).entries).to.equal(1);
    }
    expect(pause).to.be.above(10);
  });
});
