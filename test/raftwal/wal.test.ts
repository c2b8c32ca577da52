import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Wal, WalHistograms } from '@raft-ts/raftwal';
import { segmentName } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { isPending, turn } from '../helpers/waiting.js';
import { FaultyFs, fileError } from './faulty-fs.js';
import {
  entries,
  entry,
  failure,
  indexes,
  newPlace,
  oneVoter,
  readBack,
  refused,
  refusedBySystem,
  SEGMENT_SIZE,
  state,
} from './logs.js';
import { lastFile, removeScratch, toHex } from './vectors.js';

const small = { segmentSize: SEGMENT_SIZE };
const identity = { nodeId: 0x1234n, clusterId: 0x1000n };
const first = segmentName(0, 0).name;

/** A file system whose writes to segments wait until they are let go. */
class SlowFs extends FaultyFs {
  private readonly waiting: (() => void)[] = [];
  writes = 0;
  held = false;

  constructor() {
    super();
    this.hook = (operation, path) => {
      if (operation !== 'write' || !path.endsWith('.wal') || !this.held) return undefined;
      this.writes++;
      return new Promise<void>((resolve) => this.waiting.push(resolve));
    };
  }

  letGo(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

describe('Wal', () => {
  afterEach(removeScratch);

  describe('save', () => {
    it("writes etcd's bytes: entries, then the state, and again in the next file", async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, { ...small, metadata: new TextEncoder().encode('somedata') });
      await wal.save(state(1, 2n, 1), [
        { type: undefined, term: 1, index: 1, data: new TextEncoder().encode('hello') },
      ]);
      await wal.cut();
      await wal.saveSnapshot({ index: 1, term: 1, confState: { ...oneVoter, voters: [1n, 2n, 3n] } });
      await wal.close();
      const [one, two] = readdirSync(dir).map((name) => readFileSync(join(dir, name))) as [Buffer, Buffer];
      expect(toHex(one.subarray(72))).to.equal(
        '1500000000000083080210ec829a8d091a0b10011801220568656c6c6f00000010000000000000000803' +
          '10bcade3c90e1a06080110021801',
      );
      expect(toHex(two.subarray(0, 16 + 32 + 24 + 32))).to.equal(
        '0800000000000000080410bcade3c90e' +
          '1200000000000086080110a6d3e4b7051a08736f6d6564617461000000000000' +
          '1000000000000000080310c29f9daf061a06080110021801' +
          '16000000000000820805109bf682e30c1a0c080110011a06080108020803' +
          '0000',
      );
      expect(readdirSync(dir)).to.deep.equal([first, segmentName(1, 2).name]);
    });

    it('resolves only when the write is durable, if there are entries or a new term or vote', async () => {
      const fs = new SlowFs();
      const wal = await Wal.create(newPlace(), { ...small, fs });
      fs.held = true;
      for (const save of [
        () => wal.save(undefined, [entry(1)]),
        () => wal.save(state(2, 0n, 0), []),
        () => wal.save(state(2, 1n, 0), []),
      ]) {
        const saved = save();
        expect(await isPending(saved)).to.equal(true);
        fs.letGo();
        await saved;
      }
      fs.held = false;
      await wal.close();
    });

    it('resolves at once with only a commit, which goes with the next write, or with close', async () => {
      const dir = newPlace();
      const fs = new SlowFs();
      const wal = await Wal.create(dir, { ...small, fs });
      await wal.save(state(1, 1n, 0), entries(1, 3));
      const { zeroFrom } = lastFile(dir);
      fs.held = true;
      await wal.save(state(1, 1n, 2), []);
      await wal.save(state(1, 1n, 3), []);
      expect(lastFile(dir).zeroFrom, 'nothing was written').to.equal(zeroFrom);
      fs.held = false;
      expect((await readBack(dir, { readOnly: true })).hardState).to.deep.equal(state(1, 1n, 0));
      await wal.close();
      expect((await readBack(dir)).hardState).to.deep.equal(state(1, 1n, 3));
    });

    it('shares the next write among all calls that come during one', async () => {
      const fs = new SlowFs();
      const dir = newPlace();
      const wal = await Wal.create(dir, { ...small, fs });
      fs.held = true;
      const one = wal.save(undefined, [entry(1)]);
      await turn();
      expect(fs.writes).to.equal(1);
      const others = entries(2, 50).map((next) => wal.save(undefined, [next]));
      await turn();
      expect(fs.writes, 'one write at a time').to.equal(1);
      fs.letGo();
      await one;
      await turn();
      expect(fs.writes).to.equal(2);
      fs.letGo();
      await Promise.all(others);
      expect(fs.writes).to.equal(2);
      fs.held = false;
      await wal.close();
      expect(indexes((await readBack(dir)).entries)).to.deep.equal(indexes(entries(1, 50)));
    });

    it('shares one write among all calls of a turn', async () => {
      const fs = new SlowFs();
      const wal = await Wal.create(newPlace(), { ...small, fs });
      fs.held = true;
      const saved = entries(1, 20).map((next) => wal.save(undefined, [next]));
      await turn();
      fs.letGo();
      await Promise.all(saved);
      expect(fs.writes).to.equal(1);
      fs.held = false;
      await wal.close();
    });

    it('keeps the order of calls, no matter which waits for which', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, small);
      await Promise.all([
        wal.save(state(1, 1n, 0), entries(1, 2)),
        wal.save(state(2, 0n, 1), [entry(2, 2)]),
        wal.save(state(2, 3n, 1), []),
        wal.saveSnapshot({ index: 1, term: 1, confState: oneVoter }),
        wal.save(state(2, 3n, 2), entries(3, 4, 2)),
        wal.cut(),
        wal.save(state(3, 0n, 2), [entry(4, 3)]),
        wal.cut(),
        wal.save(undefined, [entry(5, 3)]),
      ]);
      await wal.close();
      const { entries: found, hardState } = await readBack(dir);
      expect(found.map(({ index, term }) => `${index}/${term}`)).to.deep.equal(['1/1', '2/2', '3/2', '4/3', '5/3']);
      expect(hardState).to.deep.equal(state(3, 0n, 2));
      const names = readdirSync(dir);
      expect(names).to.deep.equal([first, segmentName(1, 5).name, segmentName(2, 5).name]);
    });

    it('refuses what cannot be written and stays as it was', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, small);
      await wal.save(state(1, 1n, 0), [entry(1)]);
      const bad = { ...entry(3), index: -1 };
      const [, , error] = await Promise.all([
        wal.save(state(1, 1n, 1), []),
        wal.save(undefined, [entry(2)]),
        failure(wal.save(undefined, [entry(3), bad])),
        wal.save(undefined, [entry(3)]),
      ]);
      expect((error as { code?: string }).code).to.equal('ERR_RAFT_POSITION_RANGE');
      expect((await failure(wal.save({ ...state(9, 1n, 1), vote: -1n }, [entry(4)]))).message).to.include('vote');
      await wal.save(undefined, [entry(4)]);
      await wal.close();
      const { entries: found, hardState } = await readBack(dir);
      expect(indexes(found)).to.deep.equal([1, 2, 3, 4]);
      expect(hardState).to.deep.equal(state(1, 1n, 1));
    });

    it('never puts a State or Snapshot after another record in one write', async () => {
      const dir = newPlace();
      const fs = new FaultyFs();
      const wal = await Wal.create(dir, { ...small, fs });
      await wal.save(state(1, 1n, 0), []);
      const before = lastFile(dir).zeroFrom;
      const pieces: number[] = [];
      // The next file is prepared at the same time, by writes of its own.
      fs.hook = (operation, path) => {
        if (operation === 'write' && path.endsWith(first)) pieces.push(lastFile(dir).zeroFrom);
      };
      await wal.save(state(2, 2n, 0), [entry(1), entry(2)]);
      expect(pieces, 'entries, then the state').to.have.length(2);
      expect(pieces[0]).to.equal(before);
      await wal.save(state(2, 2n, 1), [entry(3)]);
      expect(pieces, 'the commit waits').to.have.length(3);
      await wal.saveSnapshot({ index: 1, term: 1, confState: oneVoter });
      expect(pieces, 'the commit, then the mark').to.have.length(5);
      await wal.close();
    });
  });

  describe('a write that fails', () => {
    for (const code of ['EIO', 'ENOSPC']) {
      it(`poisons the log and every later call (${code})`, async () => {
        const dir = newPlace();
        const fs = new FaultyFs();
        const wal = await Wal.create(dir, { ...small, fs });
        await wal.save(state(1, 1n, 0), entries(1, 3));
        let failures = 0;
        fs.hook = (operation, path) => {
          if (operation === 'write' && path.endsWith('.wal') && failures++ === 0) throw fileError(code);
        };
        const [one, two] = await Promise.all([
          failure(wal.save(undefined, [entry(4)])),
          failure(wal.saveSnapshot({ index: 1, term: 1, confState: oneVoter })),
        ]);
        expect([one, two].map((error) => error.code)).to.deep.equal(['ERR_RAFT_WAL_POISONED', 'ERR_RAFT_WAL_POISONED']);
        expect(one.cause).to.include({ code: 'ERR_RAFT_WAL_IO', reason: code, operation: 'write' });
        for (const later of [
          () => wal.save(undefined, [entry(4)]),
          () => wal.save(state(1, 1n, 1), []),
          () => wal.saveSnapshot({ index: 1, term: 1, confState: oneVoter }),
          () => wal.sync(),
          () => wal.cut(),
          () => wal.releaseTo(1),
          () => wal.purge(),
        ]) {
          await refused(later(), 'ERR_RAFT_WAL_POISONED');
        }
        expect(failures, 'nothing was tried again').to.equal(1);
        await wal.close();
        expect(indexes((await readBack(dir)).entries)).to.deep.equal([1, 2, 3]);
      });
    }

    it('for want of room in the middle of a record leaves a log that opens', async () => {
      const dir = newPlace();
      const fs = new FaultyFs();
      const wal = await Wal.create(dir, { ...small, fs });
      await wal.save(state(1, 1n, 0), entries(1, 3));
      const data = new Uint8Array(20_000).fill(7);
      fs.hook = (operation, path) => {
        if (operation !== 'write' || path !== join(dir, first)) return;
        // Half of it was written when there was no more room.
        const bytes = readFileSync(path);
        const { zeroFrom } = lastFile(dir);
        writeFileSync(path, Buffer.concat([bytes.subarray(0, zeroFrom + 40), data.subarray(0, 9000)]));
        throw fileError('ENOSPC');
      };
      await refused(wal.save(undefined, [{ ...entry(4), data }]), 'ERR_RAFT_WAL_POISONED');
      fs.hook = () => {};
      await wal.close();
      const again = await Wal.open(dir, small);
      expect(indexes((await again.readAll()).entries)).to.deep.equal([1, 2, 3]);
      await again.save(undefined, [entry(4)]);
      await again.close();
    });

    it('while the next file begins is heard by the next call; what was acknowledged is there', async () => {
      for (const operation of ['write', 'rename', 'syncDirectory'] as const) {
        const dir = newPlace();
        const fs = new FaultyFs();
        const wal = await Wal.create(dir, { ...small, fs });
        await wal.save(state(1, 1n, 0), entries(1, 3));
        let cutting = false;
        fs.hook = (called, path) => {
          cutting ||= called === 'open' && path.endsWith('.tmp');
          if (called === operation && cutting) throw fileError('ENOSPC');
        };
        await wal.save(undefined, [{ ...entry(4), data: new Uint8Array(SEGMENT_SIZE) }]);
        await refused(wal.sync(), 'ERR_RAFT_WAL_POISONED');
        await refused(wal.save(undefined, [entry(5)]), 'ERR_RAFT_WAL_POISONED');
        fs.hook = () => {};
        await wal.close();
        expect(indexes((await readBack(dir)).entries)).to.deep.equal([1, 2, 3, 4]);
      }
    });
  });

  describe('phases', () => {
    it('must be read before it is written, and is closed once and for all', async () => {
      const dir = newPlace();
      await (await Wal.create(dir, small)).close();
      const wal = await Wal.open(dir, small);
      expect((await refused(wal.save(undefined, [entry(1)]), 'ERR_RAFT_WAL_STATE')).reason).to.equal('not-read');
      await wal.readAll();
      await wal.save(undefined, [entry(1)]);
      await Promise.all([wal.close(), wal.close()]);
      await wal.close();
      expect((await refused(wal.save(undefined, [entry(2)]), 'ERR_RAFT_WAL_STATE')).reason).to.equal('closed');
    });

    it('opened read-only, changes nothing and cannot be written', async () => {
      const dir = newPlace();
      const writer = await Wal.create(dir, small);
      await writer.save(state(1, 1n, 0), entries(1, 5));
      const before = readFileSync(join(dir, first));
      const fs = new FaultyFs();
      const reader = await Wal.open(dir, { ...small, fs, readOnly: true });
      expect((await reader.readAll()).entries).to.have.length(5);
      expect((await refused(reader.save(undefined, [entry(6)]), 'ERR_RAFT_WAL_STATE')).reason).to.equal('read-only');
      await reader.close();
      expect(fs.calls.filter((call) => /^(write|truncate|unlink|rename|datasync)/.test(call))).to.deep.equal([]);
      expect(readFileSync(join(dir, first))).to.deep.equal(before);
      await writer.close();
    });

    it('opening twice returns the same content', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, { ...small, identity });
      for (let index = 1; index <= 200; index++) await wal.save(state(1, 1n, index - 1), [entry(index)]);
      await wal.close();
      const one = await readBack(dir, { identity });
      const two = await readBack(dir, { identity });
      expect(two).to.deep.equal(one);
      expect(two.entries).to.have.length(200);
    });

    it('seeds the state: a file that begins after a restart has it at its head', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, small);
      await wal.save(state(3, 2n, 1), entries(1, 2));
      await wal.close();
      const again = await Wal.open(dir, small);
      await again.readAll();
      await again.cut();
      await again.saveSnapshot({ index: 1, term: 1, confState: oneVoter });
      await again.cut();
      await again.close();
      const { hardState } = await readBack(dir, { readOnly: true, snapshot: { index: 1, term: 1 } });
      expect(hardState).to.deep.equal(state(3, 2n, 1));
    });
  });

  describe('identity', () => {
    it("is etcd's metadata", async () => {
      const dir = newPlace();
      await (await Wal.create(dir, { ...small, identity })).close();
      expect(toHex((await readBack(dir)).metadata as Uint8Array)).to.equal('08b424108020');
    });

    for (const other of [
      { ...identity, nodeId: 1n },
      { ...identity, clusterId: 1n },
    ]) {
      it(`of another ${other.nodeId === 1n ? 'member' : 'cluster'} is refused before anything is written`, async () => {
        const dir = newPlace();
        await (await Wal.create(dir, { ...small, identity })).close();
        const path = join(dir, first);
        writeFileSync(path, readFileSync(path).fill(1, 4096, 4200));
        const before = readFileSync(path);
        await refused(Wal.open(dir, { ...small, identity: other, torn: 'repair' }), 'ERR_RAFT_WAL_IDENTITY');
        expect(readFileSync(path)).to.deep.equal(before);
        expect(readdirSync(dir)).to.deep.equal([first]);
      });
    }
  });

  it('writes a commit that waits before it lets files go, because marks count up to it', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    await wal.save(state(1, 1n, 0), entries(1, 5));
    await wal.cut();
    await wal.save(state(1, 1n, 4), []);
    await wal.releaseTo(4);
    expect((await readBack(dir, { readOnly: true })).hardState).to.deep.equal(state(1, 1n, 4));
    await wal.close();
  });

  it('purges released files, oldest first, and keeps the requested number', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    for (let index = 1; index <= 10; index++) {
      await wal.save(undefined, [entry(index)]);
      await wal.cut();
    }
    expect(await wal.purge(5), 'nothing is released').to.deep.equal([]);
    await wal.releaseTo(9);
    expect(await wal.purge(5)).to.have.length(6);
    expect(await wal.purge(1)).to.have.length(1);
    await wal.close();
    expect(indexes((await readBack(dir, { snapshot: { index: 8, term: 1 } })).entries)).to.deep.equal([9, 10]);
  });

  it('does not follow a symbolic link', async () => {
    const dir = newPlace();
    await (await Wal.create(dir, small)).close();
    symlinkSync(join(dir, first), join(dir, segmentName(1, 1).name));
    await refusedBySystem(Wal.open(dir, small), 'ELOOP', 'open');
  });

  it('tells its histograms what writes take, and warns of a slow one', async () => {
    const metrics = new WalHistograms();
    const warnings: string[] = [];
    let clock = 0;
    const wal = await Wal.create(newPlace(), {
      ...small,
      metrics,
      logger: { info: () => {}, warn: (text) => warnings.push(text) },
      now: () => (clock += 3),
    });
    await wal.save(undefined, [entry(1)]);
    expect(warnings).to.deep.equal([]);
    clock = 0;
    let step = 0;
    (wal as unknown as { writer: { now: () => number } }).writer.now = () => (step += 1500);
    await wal.save(undefined, [entry(2)]);
    expect(warnings.join()).to.match(/slow fdatasync: .*\.wal took 1500 ms/);
    const text = metrics.text();
    expect(text).to.include('etcd_disk_wal_fsync_duration_seconds_bucket{le="0.004"} 1\n');
    expect(text).to.include('etcd_disk_wal_fsync_duration_seconds_bucket{le="2.048"} 2\n');
    expect(text).to.include('etcd_disk_wal_write_duration_seconds_count 2\n');
    expect(text).to.match(/etcd_disk_wal_write_bytes_total \d+/);
    await wal.close();
  });

  it('reads back what was saved, as an array would (random runs)', async () => {
    const call = fc.record({
      back: fc.nat({ max: 3 }),
      count: fc.nat({ max: 5 }),
      size: fc.nat({ max: 700 }),
      term: fc.nat({ max: 1 }),
      vote: fc.boolean(),
      commit: fc.boolean(),
      wait: fc.boolean(),
      then: fc.constantFrom('go on', 'go on', 'go on', 'cut', 'reopen'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 25 }), async (calls) => {
        const dir = newPlace();
        let wal = await Wal.create(dir, { segmentSize: 2048, identity });
        const model: { index: number; term: number; size: number }[] = [];
        let hard = state(1, 0n, 0);
        for (const { back, count, size, term, vote, commit, wait, then } of calls) {
          hard = state(hard.term + term, vote ? 1n : term === 1 ? 0n : hard.vote, hard.commit);
          const from = Math.max(hard.commit, model.length - back);
          if (count > 0) model.length = from;
          const saved = Array.from({ length: count }, (_, i) => {
            model.push({ index: from + i + 1, term: hard.term, size });
            return { type: 0 as const, term: hard.term, index: from + i + 1, data: new Uint8Array(size).fill(i) };
          });
          if (commit) hard = { ...hard, commit: model.length };
          const done = wal.save(hard, saved);
          if (wait) await done;
          if (then === 'cut') await wal.cut();
          if (then !== 'reopen') continue;
          await wal.close();
          wal = await Wal.open(dir, { segmentSize: 2048, identity });
          await wal.readAll();
        }
        await wal.close();
        const { entries: found, hardState } = await readBack(dir, { segmentSize: 2048 });
        expect(found.map(({ index, term, data }) => ({ index, term, size: data?.length }))).to.deep.equal(model);
        if (calls.length > 0) expect(hardState).to.deep.equal(hard);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves no files that do not belong to the log', async () => {
    const dir = newPlace();
    const wal = await Wal.create(dir, small);
    await wal.save(undefined, [entry(1)]);
    await wal.close();
    expect(readdirSync(dir)).to.deep.equal([first]);
    expect(readdirSync(dirname(dir))).to.deep.equal(['wal', 'wal.mark']);
  });
});
