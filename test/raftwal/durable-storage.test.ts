import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { RawNode } from '@raft-ts/raft';
import { DurableStorage, type DurableStorageOptions } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { FaultyFs, fileError } from './faulty-fs.js';
import { entries, failure, oneVoter, refused, refusedBySystem, removeMark, state } from './logs.js';
import { lastFile, removeScratch, scratchFolder } from './vectors.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 4096 };

const place = (): string => join(scratchFolder(), 'data', 'member-1');

const open = (dir: string, more: Partial<DurableStorageOptions> = {}): Promise<DurableStorage> =>
  DurableStorage.open(dir, { ...options, ...more });

/** Saves `count` entries, one by one, each committed by the next. */
async function fill(storage: DurableStorage, count: number): Promise<void> {
  const from = storage.lastIndex() + 1;
  for (const one of entries(from, from + count - 1)) {
    await storage.save({ hardState: state(1, 1n, one.index - 1), entries: [one] });
  }
}

describe('DurableStorage', () => {
  afterEach(removeScratch);

  it('makes the folders that are missing, and knows a new log from an old one', async () => {
    const dir = place();
    const storage = await open(dir);
    expect(storage.isNew).to.equal(true);
    await storage.save({ hardState: state(1, 1n, 0) });
    await storage.close();
    expect(readdirSync(dir).sort()).to.deep.equal(['incarnation', 'snap', 'wal', 'wal.mark']);
    const again = await open(dir);
    expect(again.isNew).to.equal(false);
    await again.close();
  });

  it('is kept by one member of one cluster, and one process', async () => {
    const dir = place();
    const storage = await open(dir);
    const error = await refused(open(dir), 'ERR_RAFT_WAL_LOCKED');
    expect(error.message).to.include(`the log in ${dir} is open`);
    await storage.close();
    await refused(open(dir, { nodeId: 7n }), 'ERR_RAFT_WAL_IDENTITY');
    await refused(open(dir, { clusterId: 7n }), 'ERR_RAFT_WAL_IDENTITY');
  });

  it('carries a member through restarts', async () => {
    const dir = place();
    let applied = 0;
    for (let life = 0; life < 4; life++) {
      const storage = await open(dir);
      const node = new RawNode({
        id: 1n,
        electionTick: 10,
        heartbeatTick: 1,
        storage,
        maxSizePerMsg: 1 << 20,
        maxInflightMsgs: 256,
        applied: storage.firstIndex() - 1,
      });
      if (storage.isNew) node.bootstrap([{ id: 1n }]);
      applied = storage.firstIndex() - 1;
      const drain = async (): Promise<void> => {
        while (node.hasReady()) {
          const rd = node.ready();
          await storage.save(rd);
          for (const one of rd.committedEntries) {
            expect(one.index).to.equal(++applied);
            if (one.type === 1) node.applyConfChange({ id: 0n, type: 0, nodeId: 1n, context: undefined });
          }
          node.advance();
        }
      };
      await drain();
      node.campaign();
      await drain();
      for (let i = 0; i < 20; i++) {
        node.propose(new TextEncoder().encode(`${life} ${i}`));
        await drain();
      }
      if (life === 1) await storage.createSnapshot(applied, oneVoter, new Uint8Array(3));
      expect(applied).to.equal(storage.lastIndex());
      await storage.close();
    }
    // A membership change, an empty entry of each leader, and what was proposed.
    expect(applied).to.equal(1 + 4 * 21);
  });

  it('removes files of the log and snapshots by number, and never what the newest snapshot needs', async () => {
    const dir = place();
    const storage = await open(dir, { keepSnapshots: 2, keepSegments: 2 });
    for (let round = 1; round <= 6; round++) {
      await fill(storage, 100);
      await storage.createSnapshot(storage.lastIndex() - 60, oneVoter, new Uint8Array([round]));
    }
    const files = readdirSync(join(dir, 'wal')).filter((name) => name.endsWith('.wal'));
    expect(files.length).to.be.below(6);
    expect(Number.parseInt(files[0]?.slice(0, 16) ?? '', 16)).to.be.above(2);
    expect(readdirSync(join(dir, 'snap'))).to.have.length(2);
    await storage.close();
    const again = await open(dir);
    expect([again.firstIndex(), again.lastIndex()]).to.deep.equal([541, 600]);
    await again.close();
  });

  it('keeps what the newest durable snapshot needs while a newer one is being installed', async () => {
    const dir = place();
    const fs = new FaultyFs();
    const storage = await open(dir, { fs, keepSnapshots: 1, keepSegments: 1 });
    await fill(storage, 300);
    let letGo: () => void = () => {};
    let opened = 0;
    fs.hook = (operation, path) => {
      // The first file is that of our own snapshot, the second that of the leader's.
      if (operation !== 'open' || !path.includes('/snap/') || ++opened !== 2) return undefined;
      return new Promise<void>((resolve) => {
        letGo = resolve;
      });
    };
    const own = storage.createSnapshot(100, oneVoter, new Uint8Array(3));
    const metadata = { confState: oneVoter, index: 1000, term: 1 };
    const installed = storage.save({ hardState: state(1, 1n, 1000), snapshot: { data: new Uint8Array(3), metadata } });
    await own;
    expect(opened).to.equal(2);
    const image = join(scratchFolder(), 'image');
    cpSync(dir, image, { recursive: true });
    const after = await open(image);
    expect([after.firstIndex(), after.lastIndex()]).to.deep.equal([101, 300]);
    await after.close();
    letGo();
    await installed;
    await storage.close();
    const again = await open(dir);
    expect(again.snapshot().metadata.index).to.equal(1000);
    await again.close();
  });

  it('falls back to an older snapshot if the newest cannot be read and the log reaches back', async () => {
    const dir = place();
    const storage = await open(dir, { keepSegments: 100 });
    await fill(storage, 50);
    await storage.createSnapshot(20, oneVoter, new Uint8Array([1]));
    await storage.createSnapshot(40, oneVoter, new Uint8Array([2]));
    await storage.close();
    const newest = readdirSync(join(dir, 'snap')).sort().at(-1) as string;
    writeFileSync(join(dir, 'snap', newest), 'garbage');
    const again = await open(dir);
    expect(again.snapshot().metadata.index).to.equal(20);
    expect([again.firstIndex(), again.lastIndex()]).to.deep.equal([21, 50]);
    await again.close();
    expect(readdirSync(join(dir, 'snap'))).to.include(`${newest}.broken`);
  });

  it('starts from the first entry if no snapshot can be read and the log is complete', async () => {
    const dir = place();
    const storage = await open(dir);
    await fill(storage, 10);
    await storage.createSnapshot(5, oneVoter, undefined);
    await storage.close();
    rmSync(join(dir, 'snap'), { recursive: true });
    const again = await open(dir);
    expect([again.snapshot().metadata.index, again.firstIndex(), again.lastIndex()]).to.deep.equal([0, 1, 10]);
    await again.close();
  });

  it('ignores a snapshot file that the log does not confirm', async () => {
    const dir = place();
    const storage = await open(dir);
    await fill(storage, 10);
    await storage.snapshots.save({ data: undefined, metadata: { confState: oneVoter, index: 9, term: 9 } });
    await storage.close();
    const again = await open(dir);
    expect(again.snapshot().metadata.index).to.equal(0);
    await again.close();
  });

  it('refuses to start a new log if the log is gone but there are snapshots', async () => {
    const dir = place();
    const storage = await open(dir);
    await fill(storage, 10);
    await storage.createSnapshot(5, oneVoter, undefined);
    await storage.close();
    rmSync(join(dir, 'wal'), { recursive: true });
    await refused(open(dir), 'ERR_RAFT_WAL_NOT_FOUND');
    mkdirSync(join(dir, 'wal'));
    await refused(open(dir), 'ERR_RAFT_WAL_NOT_FOUND');
  });

  it('repairs a torn end, says so and keeps a copy; or refuses it, as told', async () => {
    const dir = place();
    const storage = await open(dir);
    await fill(storage, 5);
    await storage.save({ entries: [{ type: 0, term: 1, index: 6, data: new Uint8Array(2000).fill(7) }] });
    await storage.close();
    const wal = join(dir, 'wal');
    const { name } = lastFile(wal);
    const bytes = readFileSync(join(wal, name));
    const at = 1536;
    bytes.fill(0, at, 4096);
    writeFileSync(join(wal, name), bytes);
    removeMark(wal);
    const error = await refused(open(dir, { torn: 'refuse' }), 'ERR_RAFT_WAL_TORN');
    expect(error.file).to.equal(name);
    const warnings: string[] = [];
    const again = await open(dir, { logger: { info: () => {}, warn: (text) => warnings.push(text) } });
    expect(again.lastIndex()).to.equal(5);
    expect(warnings.join()).to.include(`cut ${name} at byte ${error.offset}`);
    expect(readFileSync(join(wal, `${name}.broken`))).to.deep.equal(bytes);
    await again.close();
  });

  it('refuses what raft never asks for: a vote, term or commit that goes back', async () => {
    const storage = await open(place());
    await storage.save({ hardState: state(5, 2n, 2), entries: entries(1, 3, 5) });
    for (const back of [state(4, 2n, 2), state(5, 3n, 2), state(5, 0n, 2), state(5, 2n, 1)]) {
      await refused(storage.save({ hardState: back }), 'ERR_RAFT_WAL_INVALID');
    }
    await refused(storage.createSnapshot(3, oneVoter, undefined), 'ERR_RAFT_WAL_INVALID');
    await storage.save({ hardState: state(6, 3n, 2) });
    await storage.close();
  });

  it("does not continue after a leader's snapshot that it could not write", async () => {
    const dir = place();
    const fs = new FaultyFs();
    const storage = await open(dir, { fs });
    await fill(storage, 3);
    fs.hook = (operation, path) => {
      if (operation === 'write' && path.includes('.snap')) throw fileError('ENOSPC');
    };
    const snapshot = { data: new Uint8Array(9), metadata: { confState: oneVoter, index: 50, term: 2 } };
    const install = failure(storage.save({ hardState: state(2, 0n, 50), snapshot }));
    const behind = failure(storage.save({ entries: entries(51, 52, 2) }));
    for (const error of [await install, await behind]) {
      expect([error.code, error.reason]).to.deep.equal(['ERR_RAFT_WAL_IO', 'ENOSPC']);
    }
    await refused(storage.save({ entries: entries(51, 52, 2) }), 'ERR_RAFT_WAL_POISONED');
    fs.hook = () => {};
    await storage.close();
    const again = await open(dir);
    expect([again.firstIndex(), again.lastIndex()]).to.deep.equal([1, 3]);
    await again.close();
  });

  it('drops nothing from memory that no snapshot stands for', async () => {
    const dir = place();
    const storage = await open(dir);
    await fill(storage, 10);
    expect(() => storage.compact(1))
      .to.throw()
      .with.property('code', 'ERR_RAFT_WAL_INVALID');
    await storage.createSnapshot(5, oneVoter, undefined);
    expect(() => storage.compact(6))
      .to.throw()
      .with.property('code', 'ERR_RAFT_WAL_INVALID');
    expect(storage.firstIndex()).to.equal(1);
    storage.compact(5);
    expect(storage.firstIndex()).to.equal(6);
    expect(() => storage.compact(5))
      .to.throw()
      .with.property('code', 'ERR_RAFT_COMPACTED');
    await storage.close();
  });

  it('opens on a file system whose errors are of another realm, as under Jest', async () => {
    const fs = new FaultyFs();
    const foreign = (code: string): unknown =>
      runInNewContext(`Object.assign(new Error('${code}: of another realm'), { code: '${code}' })`);
    const rethrow = async (work: Promise<unknown>): Promise<unknown> => {
      try {
        return await work;
      } catch (error) {
        throw foreign((error as { code: string }).code);
      }
    };
    const other = new Proxy(fs, {
      get: (target, name) => {
        return (...args: unknown[]) => rethrow(Reflect.apply(Reflect.get(target, name) as never, target, args));
      },
    });
    const dir = place();
    const storage = await open(dir, { fs: other });
    await fill(storage, 3);
    await storage.close();
    const error = await refusedBySystem(
      open(join(dir, 'wal', lastFile(join(dir, 'wal')).name), { fs: other }),
      'ENOTDIR',
      'open',
    );
    expect(error.message).to.include('of another realm');
  });

  it('saves while a snapshot of its own is written', async () => {
    const dir = place();
    const fs = new FaultyFs();
    const storage = await open(dir, { fs });
    await fill(storage, 10);
    let release: () => void = () => {};
    fs.hook = (operation, path) => {
      if (operation !== 'write' || !path.includes('.snap')) return undefined;
      fs.hook = () => {};
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    const made = storage.createSnapshot(8, oneVoter, new Uint8Array(5));
    await fill(storage, 5);
    expect(storage.snapshot().metadata.index).to.equal(0);
    release();
    await made;
    expect(storage.snapshot().metadata.index).to.equal(8);
    await storage.close();
  });
});
