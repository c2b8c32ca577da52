import timers from 'node:timers';
import { DurableStorage, repair, Wal } from '@raft-ts/raftwal';
import { readMark, SECTOR_SIZE, segmentName } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';
import { turn, until } from '../helpers/waiting.js';
import { entries, entry, refused, state } from './logs.js';
import { contents, overwrite, TracedFs } from './traced.js';

const first = segmentName(0, 0).name;

/** Where the records of the file end. */
async function endOf(fs: TracedFs): Promise<number> {
  const bytes = await contents(fs, `/wal/${first}`);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return Math.ceil(end / 8) * 8;
}

describe('the mark beside a log, call by call', () => {
  /** A log with two acknowledged writes, and both copies of its mark. */
  async function setUp(): Promise<TracedFs> {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: 8192, later: setImmediate });
    for (const [i, one] of entries(1, 2).entries()) {
      await wal.save(state(1, 1n, i), [one]);
      const marks = (): number => fs.trace(['write']).filter((line) => line === 'write wal.mark').length;
      await until(() => marks() > i, `copy ${i + 1} of the mark is written`);
    }
    await wal.close();
    return fs;
  }

  it('is written when the log is closed, however short the time since the last acknowledgement', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
    await wal.save(undefined, entries(1, 3));
    await wal.close();
    expect(await readMark(fs, '/wal')).to.deep.equal({ sequence: 0, offset: await endOf(fs) });
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('is written five milliseconds after an acknowledgement, for which a process that ends does not wait', async () => {
    const planned: { run: () => void; ms: number | undefined; unref: number }[] = [];
    replaceBuiltin(timers, 'setTimeout', () => {
      const plan = (run: () => void, ms?: number): unknown => {
        const timer = { run, ms, unref: 0 };
        planned.push(timer);
        return { unref: () => timer.unref++ };
      };
      return plan as typeof timers.setTimeout;
    });
    try {
      const fs = new TracedFs();
      const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
      await wal.save(undefined, entries(1, 1));
      await wal.save(undefined, entries(2, 2));
      expect(planned.map(({ ms, unref }) => [ms, unref])).to.deep.equal([[5, 1]]);
      expect(await readMark(fs, '/wal')).to.equal(undefined);
      planned[0]?.run();
      for (let turns = 0; turns < 100 && (await readMark(fs, '/wal')) === undefined; turns++) await turn();
      expect(await readMark(fs, '/wal')).to.deep.equal({ sequence: 0, offset: await endOf(fs) });
      await wal.close();
    } finally {
      restoreBuiltins();
    }
  });

  it('is the further one of its copies, in whichever place', async () => {
    const fs = await setUp();
    const expected = { sequence: 0, offset: await endOf(fs) };
    expect(await readMark(fs, '/wal')).to.deep.equal(expected);
    const bytes = await contents(fs, '/wal.mark');
    const copies = [bytes.subarray(0, SECTOR_SIZE), bytes.subarray(SECTOR_SIZE)];
    expect(copies.map((copy) => new TextDecoder().decode(copy.subarray(0, 15)))).to.deep.equal(
      Array(2).fill('raft-wal mark 1'),
    );
    expect(copies[0]).to.not.deep.equal(copies[1]);
    const swapped = new Uint8Array(2 * SECTOR_SIZE);
    swapped.set(copies[1] as Uint8Array, 0);
    swapped.set((copies[0] as Uint8Array).subarray(0, SECTOR_SIZE), SECTOR_SIZE);
    await overwrite(fs, '/wal.mark', 0, swapped);
    expect(await readMark(fs, '/wal')).to.deep.equal(expected);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('is not believed if its checksum is wrong', async () => {
    const fs = await setUp();
    const expected = await readMark(fs, '/wal');
    const bytes = await contents(fs, '/wal.mark');
    for (const copy of [0, SECTOR_SIZE]) {
      // The first digit of the offset: a place far beyond the end.
      const at = copy + 'raft-wal mark 1 '.length + 17;
      expect(bytes[at]).to.equal('0'.charCodeAt(0));
      await overwrite(fs, '/wal.mark', at, Uint8Array.of('1'.charCodeAt(0)));
      const found = await readMark(fs, '/wal');
      expect(found?.offset).to.be.at.most(expected?.offset ?? 0);
      await overwrite(fs, '/wal.mark', 0, bytes);
    }
  });

  it('is closed again by a start that is refused', async () => {
    const fs = new TracedFs();
    const options = { nodeId: 1n, clusterId: 2n, segmentSize: 8192 };
    const storage = await DurableStorage.open('/member', { fs, ...options });
    const second = new TracedFs({}, fs.disk);
    await refused(DurableStorage.open('/member', { fs: second, ...options }), 'ERR_RAFT_WAL_LOCKED');
    expect(second.leftOpen).to.deep.equal([]);
    await storage.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('is lowered durably, in both copies, before anything is cut', async () => {
    const fs = await setUp();
    const end = await endOf(fs);
    await overwrite(fs, `/wal/${first}`, end - 16, new Uint8Array(16));
    const { file = '', offset = 0 } = await refused(repair('/wal', { fs }), 'ERR_RAFT_WAL_CORRUPT');
    const from = fs.calls.length;
    await repair('/wal', { fs, cut: { file, offset } });
    const changes = fs.trace(['write', 'datasync', 'truncate'], from).filter((line) => !line.endsWith('.broken'));
    expect(changes.slice(0, 3)).to.deep.equal(['write wal.mark', 'write wal.mark', 'datasync wal.mark']);
    expect(await readMark(fs, '/wal')).to.deep.equal({ sequence: 0, offset });
    const again = await Wal.open('/wal', { fs });
    await again.readAll();
    await again.save(undefined, [entry(again.lastIndex + 1)]);
    await again.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });
});
