/** A log whose end is missing, or a file in the middle: what the folder can tell is told. */
import { readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DurableStorage, type DurableStorageOptions, repair, verify } from '@raft-ts/raftwal';
import { defaultFs, FrameDecoder, markPath, readMark, SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { Disk, FileNode, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { until } from '../helpers/waiting.js';
import { FaultyFs, fileError } from './faulty-fs.js';
import { entries, oneVoter, refused, state } from './logs.js';
import { removeScratch, scratchFolder } from './vectors.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 4096, keepSegments: 100 };

const open = (dir: string, more: Partial<DurableStorageOptions> = {}): Promise<DurableStorage> =>
  DurableStorage.open(dir, { ...options, ...more });

/** Saves `count` entries, one by one, each committed by the next. */
async function fill(storage: DurableStorage, count: number): Promise<void> {
  const from = storage.lastIndex() + 1;
  for (const one of entries(from, from + count - 1)) {
    await storage.save({ hardState: state(1, 1n, one.index - 1), entries: [one] });
  }
}

/** A closed member's folder: several files, the last of which holds a few records. */
async function member(more: Partial<DurableStorageOptions> = {}): Promise<string> {
  const dir = join(scratchFolder(), 'member');
  const storage = await open(dir, more);
  await fill(storage, 200);
  await storage.close();
  return dir;
}

const segmentsOf = (dir: string): string[] => readdirSync(join(dir, 'wal')).filter((name) => name.endsWith('.wal'));

/** Returns the offset of each record of the last file, and the end of the last one. */
function offsetsOf(path: string): number[] {
  const bytes = readFileSync(path);
  const decoder = new FrameDecoder(bytes.length);
  decoder.push(bytes);
  const offsets: number[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) offsets.push(frame.offset);
  return [...offsets, decoder.offset];
}

/** Removes the last records, so that the log ends as a shorter one would. */
function cutRecords(dir: string, count: number): { readonly file: string; readonly offset: number } {
  const file = segmentsOf(dir).at(-1) as string;
  const path = join(dir, 'wal', file);
  const offset = offsetsOf(path).at(-1 - count) as number;
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, offset));
  return { file, offset };
}

describe('a log that lost its end', () => {
  afterEach(removeScratch);

  it('on a record boundary is refused by the mark beside it, by everything that reads it', async () => {
    for (const torn of ['repair', 'refuse'] as const) {
      const dir = await member();
      const place = cutRecords(dir, 2);
      for (const refusal of [
        () => open(dir, { torn }),
        () => verify(join(dir, 'wal')),
        () => repair(join(dir, 'wal')),
      ]) {
        const error = await refused(refusal(), 'ERR_RAFT_WAL_CORRUPT');
        expect(error).to.include({ ...place, reason: 'lost' });
        expect(error.message).to.match(
          /^the log has lost its end: the mark beside the log shows .*; put back what is missing, or remove this member and add it anew/,
        );
      }
    }
  });

  it('in a file that was made shorter is refused too', async () => {
    const dir = await member();
    const path = join(dir, 'wal', segmentsOf(dir).at(-1) as string);
    truncateSync(path, offsetsOf(path).at(-2));
    expect((await refused(open(dir), 'ERR_RAFT_WAL_CORRUPT')).reason).to.equal('lost');
  });

  it('with its last file is refused, and the file that is missing is named', async () => {
    const dir = await member();
    const [before, last] = segmentsOf(dir).slice(-2) as [string, string];
    rmSync(join(dir, 'wal', last));
    const error = await refused(open(dir), 'ERR_RAFT_WAL_CORRUPT');
    expect(error).to.include({ file: before, reason: 'lost' });
    expect(error.message).to.include(`of file ${last.slice(0, 16)}-*.wal`);
  });

  it('with all of its files does not pass for a new one', async () => {
    for (const gone of ['files', 'folder']) {
      const dir = await member();
      if (gone === 'folder') rmSync(join(dir, 'wal'), { recursive: true });
      else for (const name of segmentsOf(dir)) rmSync(join(dir, 'wal', name));
      expect((await refused(open(dir), 'ERR_RAFT_WAL_NOT_FOUND')).message).to.include(
        'wal.mark shows that there was one',
      );
    }
  });

  it('without being closed is noticed: the mark follows each acknowledgement', async () => {
    const dir = join(scratchFolder(), 'member');
    const storage = await open(dir);
    await fill(storage, 20);
    const [file] = segmentsOf(dir) as [string];
    const end = offsetsOf(join(dir, 'wal', file)).at(-1);
    for (let at = 0; at !== end; at = (await readMark(defaultFs(), join(dir, 'wal')))?.offset ?? 0) {
      expect(at).to.be.below(end as number);
      await new Promise(setImmediate);
    }
    const bytes = readFileSync(join(dir, 'wal.mark'));
    await storage.close();
    writeFileSync(join(dir, 'wal.mark'), bytes);
    // Closing wrote the last commit; that, and the last entry.
    cutRecords(dir, 2);
    await refused(open(dir), 'ERR_RAFT_WAL_CORRUPT');
  });

  it('may be given up if an operator names exactly that place, and continues from there', async () => {
    const dir = await member();
    const place = cutRecords(dir, 2);
    const wal = join(dir, 'wal');
    await refused(repair(wal, { cut: { ...place, offset: place.offset - 8 } }), 'ERR_RAFT_WAL_INVALID');
    const dry = await repair(wal, { cut: place, dryRun: true });
    expect(dry.damage?.verdict).to.equal('lost');
    await refused(open(dir), 'ERR_RAFT_WAL_CORRUPT');
    expect(await repair(wal, { cut: place })).to.deep.equal({ damage: dry.damage, broken: undefined });
    const storage = await open(dir);
    const last = storage.lastIndex();
    await fill(storage, 3);
    await storage.close();
    const again = await open(dir);
    expect(again.lastIndex()).to.equal(last + 3);
    await again.close();
  });

  it('is noticed by a snapshot above its end if there is no mark; one that was never installed looks the same', async () => {
    const dir = await member();
    const storage = await open(dir);
    await storage.createSnapshot(190, oneVoter, new Uint8Array([1]));
    await storage.close();
    for (const name of segmentsOf(dir).slice(-3)) rmSync(join(dir, 'wal', name));
    rmSync(join(dir, 'wal.mark'));
    const warnings: string[] = [];
    const again = await open(dir, { logger: { info: () => {}, warn: (text) => warnings.push(text) } });
    expect(warnings.join()).to.match(
      /00be\.snap is above the end of the log in .*, which is \d+: .* or the log has lost its end/,
    );
    await again.close();
  });
});

describe('a log without a file in its middle', () => {
  afterEach(removeScratch);

  it('is refused, and the file that is missing is named, not its neighbour', async () => {
    const dir = await member();
    const names = segmentsOf(dir);
    expect(names.length).to.be.above(3);
    for (const missing of names.slice(1, -1)) {
      const path = join(dir, 'wal', missing);
      renameSync(path, join(dir, missing));
      for (const refusal of [() => open(dir), () => verify(join(dir, 'wal'))]) {
        const error = await refused(refusal(), 'ERR_RAFT_WAL_CORRUPT');
        expect(error).to.include({ file: `${missing.slice(0, 16)}-*.wal`, reason: 'missing' });
      }
      renameSync(join(dir, missing), path);
    }
    await (await open(dir)).close();
  });
});

describe('the mark of a log', () => {
  afterEach(removeScratch);

  it('is ignored if it is torn: the other, older copy counts', async () => {
    const dir = await member();
    const path = markPath(join(dir, 'wal'));
    const whole = readFileSync(path);
    const furthest = await readMark(defaultFs(), join(dir, 'wal'));
    const found = [];
    for (const slot of [0, 1]) {
      writeFileSync(path, Buffer.from(whole).fill(0x30, slot * SECTOR_SIZE + 20, slot * SECTOR_SIZE + 50));
      found.push(await readMark(defaultFs(), join(dir, 'wal')));
      await (await open(dir)).close();
      writeFileSync(path, whole);
    }
    expect(found).to.deep.include(furthest);
    expect(found.every((place) => place !== undefined)).to.equal(true);
    for (const nothing of [
      Buffer.alloc(0),
      Buffer.alloc(1024),
      Buffer.from('raft-wal mark 1 '),
      Buffer.alloc(5000, 'f'),
    ]) {
      writeFileSync(path, nothing);
      expect(await readMark(defaultFs(), join(dir, 'wal'))).to.equal(undefined);
      await (await open(dir)).close();
      expect(await readMark(defaultFs(), join(dir, 'wal'))).to.deep.equal(furthest);
    }
  });

  it('costs no sync, is never waited for, and one write covers all that was acknowledged meanwhile', async () => {
    const fs = new FaultyFs();
    let letGo: () => void = () => {};
    let writes = 0;
    fs.hook = (operation, path) => {
      if (operation !== 'write' || !path.endsWith('wal.mark')) return undefined;
      writes++;
      return new Promise<void>((resolve) => (letGo = resolve));
    };
    const planned: (() => void)[] = [];
    const dir = join(scratchFolder(), 'member');
    const storage = await open(dir, { fs, later: (run) => planned.push(run) });
    await fill(storage, 20);
    expect([planned.length, writes]).to.deep.equal([1, 0]);
    planned.pop()?.();
    await fill(storage, 20);
    // The write takes its time, and nothing waits for it; the next one follows it.
    expect(writes).to.equal(1);
    for (const run of planned.splice(0)) run();
    letGo();
    await until(() => planned.length > 0, 'the next write of the mark is planned');
    expect(writes).to.equal(1);
    fs.hook = () => {};
    await storage.close();
    // Too late: closing wrote it.
    for (const run of planned) run();
    expect(fs.calls).to.not.include('datasync wal.mark');
    const again = await open(dir);
    expect(again.lastIndex()).to.equal(40);
    await again.close();
  });

  it('that cannot be written is warned of once, and ends nothing', async () => {
    const fs = new FaultyFs();
    fs.hook = (operation, path) => {
      if (operation === 'write' && path.endsWith('wal.mark')) throw fileError('ENOSPC');
    };
    const warnings: string[] = [];
    const dir = join(scratchFolder(), 'member');
    const storage = await open(dir, { fs, logger: { info: () => {}, warn: (text) => warnings.push(text) } });
    await fill(storage, 40);
    await storage.close();
    expect(warnings).to.have.length(1);
    expect(warnings[0]).to.match(/^the mark of the log cannot be written: cannot write .*wal\.mark: ENOSPC/);
    const again = await open(dir);
    expect(again.lastIndex()).to.equal(40);
    await again.close();
  });

  it('never claims more than is durable when it is written', async () => {
    const disk = new Disk(new Map([['data', new Map()]]));
    const fileAt = (path: readonly string[]): FileNode => {
      let node: unknown = disk.root;
      for (const name of path) node = (node as { names: Map<string, unknown> }).names.get(name);
      return node as FileNode;
    };
    let claims = 0;
    const fs = new SimFs(disk, {
      pace: () => new Promise(setImmediate),
      onEffect: (effect, { path }) => {
        if (effect.kind !== 'write' || !path.endsWith('wal.mark')) return;
        const [, sequence, end] = /mark 1 (\w{16}) (\w{16})/.exec(Buffer.from(effect.bytes).toString()) ?? [];
        const names = (disk.root.names.get('data') as unknown as { names: Map<string, never> }).names.get('wal');
        const name = [...(names as unknown as { names: Map<string, never> }).names.keys()].find((one) =>
          one.startsWith(sequence as string),
        );
        const file = fileAt(['data', 'wal', name as string]);
        const offset = Number.parseInt(end as string, 16);
        for (let sector = 0; sector * SECTOR_SIZE < offset; sector++) {
          const until = Math.min(SECTOR_SIZE, offset - sector * SECTOR_SIZE);
          const [durable, cached] = [file.durable[sector], file.cached[sector]];
          expect(durable?.bytes.subarray(0, until)).to.deep.equal(cached?.bytes.subarray(0, until));
        }
        claims++;
      },
    });
    const storage = await open('data', { fs, later: setImmediate });
    const saves: Promise<void>[] = [];
    for (const one of entries(1, 200)) {
      saves.push(storage.save({ hardState: state(1, 1n, one.index - 1), entries: [one] }));
      if (one.index % 2 === 0) await Promise.all(saves.splice(0));
    }
    await storage.close();
    expect(claims).to.be.above(5);
  });
});
