import type { Entry, Snapshot } from '@raft-ts/proto';
import { DurableStorage, type DurableStorageOptions, Wal } from '@raft-ts/raftwal';
import { segmentName } from '@raft-ts/raftwal/internal';
import type { Call } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { turn } from '../helpers/waiting.js';
import { entries, entry, failure, indexes, oneVoter, refused, state } from './logs.js';
import { TracedFs } from './traced.js';

const SEGMENT_SIZE = 4096;
const options = { nodeId: 1n, clusterId: 2n, segmentSize: SEGMENT_SIZE };

const open = (fs: TracedFs, more: Partial<DurableStorageOptions> = {}): Promise<DurableStorage> =>
  DurableStorage.open('/member', { fs, ...options, ...more });

const snapshotAt = (index: number, term = 1): Snapshot => ({
  data: Uint8Array.of(index),
  metadata: { confState: oneVoter, index, term },
});

/** Entries that fill a file each. */
const large = (from: number, to: number): Entry[] =>
  entries(from, to).map((one) => ({ ...one, data: new Uint8Array(SEGMENT_SIZE).fill(one.index) }));

describe('a durable storage, call by call', () => {
  it('drops entries up to its newest snapshot, and keeps nothing of them in memory', async () => {
    const fs = new TracedFs();
    const storage = await open(fs);
    await storage.save({ hardState: state(1, 1n, 10), entries: entries(1, 10) });
    await storage.createSnapshot(5, oneVoter, undefined);
    for (const above of [6, 7, 10]) {
      expect(() => storage.compact(above))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_WAL_INVALID' });
    }
    storage.compact(5);
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(5)]).to.deep.equal([6, 10, 1]);
    const { list } = (storage as unknown as { view: { recent: { list: readonly (Entry | undefined)[] } } }).view.recent;
    expect(list.filter((kept) => kept !== undefined && kept.index <= 5)).to.deep.equal([]);
    for (const again of [4, 5]) {
      expect(() => storage.compact(again))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_COMPACTED' });
    }
    await storage.close();
  });

  it('takes entries that follow, or replace the end, and no others', async () => {
    const fs = new TracedFs();
    const storage = await open(fs);
    await storage.save({ hardState: state(1, 1n, 5), entries: entries(1, 10) });
    await storage.createSnapshot(5, oneVoter, undefined);
    storage.compact(5);
    const save = (list: Entry[]): Promise<void> => storage.save({ entries: list });
    await refused(save(entries(5, 6, 2)), 'ERR_RAFT_WAL_INVALID');
    await refused(save(entries(12, 13, 2)), 'ERR_RAFT_WAL_INVALID');
    await refused(save([entry(11), entry(13)]), 'ERR_RAFT_WAL_INVALID');
    await refused(save([entry(11), entry(11)]), 'ERR_RAFT_WAL_INVALID');
    // It would not open again.
    await refused(save(entries(5, 5, 2)), 'ERR_RAFT_WAL_INVALID');
    await refused(storage.save({ hardState: state(1, 1n, 11) }), 'ERR_RAFT_WAL_INVALID');
    await refused(storage.save({ hardState: state(1, 1n, 9), entries: entries(7, 8, 2) }), 'ERR_RAFT_WAL_INVALID');
    await save(entries(8, 9, 2));
    await save(entries(10, 11, 2));
    expect(storage.entries(6, 12, Number.POSITIVE_INFINITY).map(({ index, term }) => [index, term])).to.deep.equal([
      [6, 1],
      [7, 1],
      [8, 2],
      [9, 2],
      [10, 2],
      [11, 2],
    ]);
    await storage.close();
  });

  it('installs a snapshot that is newer, once: its file, its mark and its commit are durable when that resolves', async () => {
    const fs = new TracedFs();
    const storage = await open(fs);
    await storage.save({ hardState: state(1, 1n, 0), entries: entries(1, 3) });
    const from = fs.calls.length;
    await storage.save({ snapshot: snapshotAt(10), hardState: state(1, 1n, 10) });
    const calls = fs.calls.slice(from);
    const at = (op: Call['op'], part: string): number =>
      calls.findIndex((call) => call.op === op && call.path.includes(part));
    expect(at('rename', '.snap')).to.be.within(0, at('write', '.wal') - 1);
    expect(at('syncDirectory', '/snap')).to.be.within(0, at('write', '.wal') - 1);
    // Returns the disk as a power cut would leave it now.
    const { hardState, snapshots } = await readBeside(fs);
    expect([hardState?.commit, snapshots.at(-1)?.index]).to.deep.equal([10, 10]);
    await refused(storage.save({ snapshot: snapshotAt(10) }), 'ERR_RAFT_SNAP_OUT_OF_DATE');
    await storage.save({ entries: entries(11, 12) });
    await refused(storage.save({ snapshot: snapshotAt(9) }), 'ERR_RAFT_SNAP_OUT_OF_DATE');
    expect([storage.firstIndex(), storage.lastIndex()]).to.deep.equal([11, 12]);
    await storage.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('whose mark or commit cannot be written is not installed', async () => {
    let failures = 0;
    for (let nth = 1; nth <= 4; nth++) {
      let writes = 0;
      let counting = false;
      const fs = new TracedFs({
        fault: ({ op, path }) =>
          counting && op === 'write' && path.endsWith('.wal') && ++writes === nth ? { code: 'EIO' } : undefined,
      });
      const storage = await open(fs);
      await storage.save({ hardState: state(1, 1n, 0), entries: entries(1, 3) });
      counting = true;
      const outcome = await storage.save({ snapshot: snapshotAt(10), hardState: state(1, 1n, 10) }).then(
        () => 'saved',
        () => 'refused',
      );
      expect(outcome, `write ${nth} of ${writes}`).to.equal(writes >= nth ? 'refused' : 'saved');
      if (outcome === 'refused') {
        failures++;
        await refused(storage.save({ entries: entries(11, 11) }), 'ERR_RAFT_WAL_POISONED');
      }
      await storage.close().catch(() => {});
    }
    expect(failures).to.equal(2);
  });

  /** Returns the content of the log on disk at this moment. */
  async function readBeside(fs: TracedFs) {
    const wal = await Wal.open('/member/wal', { fs: new TracedFs({}, fs.disk), readOnly: true });
    try {
      return await wal.readAll();
    } finally {
      await wal.close();
    }
  }

  it('is closed after the installation that is under way, and after the removal of old files', async () => {
    for (const held of ['.snap.tmp', '.wal']) {
      let letGo = (): void => {};
      let holding = false;
      const fs = new TracedFs({
        pace: ({ op, path }) => {
          const holds = held === '.wal' ? op === 'unlink' : op === 'datasync';
          if (!holding || !holds || !path.endsWith(held)) return Promise.resolve();
          holding = false;
          return new Promise<void>((resolve) => {
            letGo = resolve;
          });
        },
      });
      const warnings: string[] = [];
      const logger = { info() {}, warn: (text: string) => warnings.push(text) };
      const storage = await open(fs, { keepSegments: 1, logger });
      for (const one of large(1, 6)) await storage.save({ hardState: state(1, 1n, one.index), entries: [one] });
      holding = true;
      const saved =
        held === '.wal'
          ? storage.createSnapshot(6, oneVoter, undefined)
          : storage.save({ snapshot: snapshotAt(10), hardState: state(1, 1n, 10) });
      for (let i = 0; i < 50 && holding; i++) await turn();
      expect(holding, held).to.equal(false);
      let closed = false;
      const close = async (): Promise<void> => {
        await storage.close();
        closed = true;
      };
      const closing = close();
      for (let i = 0; i < 50; i++) await turn();
      expect(closed, held).to.equal(false);
      letGo();
      await closing;
      await saved;
      expect(warnings, held).to.deep.equal([]);
      expect(fs.leftOpen).to.deep.equal([]);
      const again = await open(new TracedFs({}, fs.disk));
      expect(again.snapshot().metadata.index).to.equal(held === '.wal' ? 6 : 10);
      await again.close();
    }
  });

  it('a saved snapshot counts even if old files cannot be removed', async () => {
    const fs = new TracedFs({ fault: ({ op }) => (op === 'unlink' ? { code: 'EACCES' } : undefined) });
    const warnings: string[] = [];
    const logger = { info() {}, warn: (text: string) => warnings.push(text) };
    const storage = await open(fs, { keepSegments: 1, keepSnapshots: 1, logger });
    for (const one of large(1, 4)) await storage.save({ hardState: state(1, 1n, one.index), entries: [one] });
    expect((await storage.createSnapshot(3, oneVoter, undefined)).metadata.index).to.equal(3);
    expect(warnings.filter((text) => text.startsWith('old files were not removed'))).to.have.length(1);
    await storage.close();
  });

  it('keeps a snapshot, even if none is asked for', async () => {
    const fs = new TracedFs();
    const storage = await open(fs, { keepSnapshots: 0 });
    const { keepSnapshots } = storage as unknown as { keepSnapshots: number };
    expect(keepSnapshots).to.equal(1);
    await storage.close();
  });
});

describe('a start, call by call', () => {
  it('refuses a log whose commit lies above its end', async () => {
    const fs = new TracedFs();
    const storage = await open(fs);
    await storage.save({ hardState: state(1, 1n, 3), entries: entries(1, 3) });
    await storage.close();
    const wal = await Wal.open('/member/wal', { fs });
    await wal.readAll();
    await wal.save(state(2, 1n, 4), []);
    await wal.close();
    expect((await refused(open(fs), 'ERR_RAFT_WAL_CORRUPT')).reason).to.equal('commit');
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('makes durable what it tells raft: it writes the end of the log again, and syncs file and names', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 2), entries(1, 3));
    await wal.close();
    const again = await Wal.open('/wal', { fs, segmentSize: SEGMENT_SIZE });
    const from = fs.calls.length;
    await again.readAll();
    const calls = fs
      .trace(['write', 'datasync', 'syncDirectory'], from)
      .filter((line) => line.endsWith('.wal') || line.endsWith(' wal'));
    const file = segmentName(0, 0).name;
    expect(calls).to.deep.equal([`write ${file}`, `datasync ${file}`, `datasync ${file}`, 'syncDirectory wal']);
    const write = fs.calls.slice(from).find((call) => call.op === 'write') as Call;
    expect(write.position).to.equal(0);
    expect(write.length).to.be.above(100);
    await again.close();
  });

  it('cuts only a torn end, and only if it is told to', async () => {
    const setUp = async (damage: 'torn' | 'undecided'): Promise<TracedFs> => {
      const fs = new TracedFs();
      const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE });
      await wal.save(state(1, 1n, 0), entries(1, 3));
      await wal.save(undefined, [{ ...entry(4), data: new Uint8Array(1000).fill(7) }]);
      await wal.close();
      await fs.unlink('/wal.mark');
      const file = await fs.open(`/wal/${segmentName(0, 0).name}`, { write: true });
      const bytes = new Uint8Array(await file.size());
      await file.read(bytes, 0);
      const last = bytes.findLastIndex((byte) => byte === 7);
      if (damage === 'torn') await file.truncate(last - 100);
      else await file.write(Uint8Array.of(6), last);
      await file.close();
      return fs;
    };
    for (const [damage, torn, code] of [
      ['torn', 'refuse', 'ERR_RAFT_WAL_TORN'],
      ['undecided', 'refuse', 'ERR_RAFT_WAL_UNDECIDED'],
      ['undecided', 'repair', 'ERR_RAFT_WAL_UNDECIDED'],
    ] as const) {
      const fs = await setUp(damage);
      const wal = await Wal.open('/wal', { fs, torn });
      const from = fs.calls.length;
      await refused(wal.readAll(), code);
      expect(fs.trace(['write', 'truncate'], from)).to.deep.equal([]);
      await wal.close();
    }
    const fs = await setUp('torn');
    const wal = await Wal.open('/wal', { fs, torn: 'repair' });
    expect(indexes((await wal.readAll()).entries)).to.deep.equal([1, 2, 3]);
    await wal.close();
  });
});

describe('the removal of files of a log, call by call', () => {
  async function setUp(): Promise<{ fs: TracedFs; wal: Wal; names: readonly string[] }> {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE });
    for (const one of large(1, 5)) await wal.save(state(1, 1n, one.index), [one]);
    await wal.sync();
    const names = wal.files;
    expect(names).to.have.length(6);
    return { fs, wal, names };
  }

  it('takes what was released, oldest first, each durably before the next, and leaves nothing open', async () => {
    const { fs, wal, names } = await setUp();
    expect(await wal.purge(0), 'nothing was released').to.deep.equal([]);
    await wal.releaseTo(4);
    // The file that holds entry 3 stays.
    expect(wal.files).to.deep.equal(names.slice(2));
    const from = fs.calls.length;
    expect(await wal.purge(5)).to.deep.equal(names.slice(0, 1));
    expect(await wal.purge(0)).to.deep.equal(names.slice(1, 2));
    expect(fs.trace(['unlink', 'syncDirectory'], from)).to.deep.equal([
      `unlink ${names[0]}`,
      'syncDirectory wal',
      `unlink ${names[1]}`,
      'syncDirectory wal',
    ]);
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('purges no file that is held, even if there are no locks', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE, unsafeNoLock: true });
    for (const one of large(1, 3)) await wal.save(state(1, 1n, one.index), [one]);
    await wal.sync();
    expect(await wal.purge(0)).to.deep.equal([]);
    await wal.close();
  });

  it('stops at a file that somebody else has locked', async () => {
    const { fs, wal, names } = await setUp();
    await wal.releaseTo(6);
    const other = await fs.open(`/wal/${names[1]}`, { write: true });
    expect(await other.lock()).to.equal(true);
    expect(await wal.purge(0)).to.deep.equal(names.slice(0, 1));
    await other.close();
    expect(await wal.purge(0)).to.deep.equal(names.slice(1, 4));
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('is refused once the log is closed, as everything else is', async () => {
    const { wal } = await setUp();
    await wal.close();
    let settled = 0;
    const late = [wal.save(undefined, [entry(6)]), wal.sync(), wal.cut(), wal.purge(), wal.releaseTo(1)].map(failure);
    for (const one of late) void one.finally(() => settled++);
    for (let i = 0; i < 50; i++) await turn();
    expect(settled).to.equal(late.length);
    for (const error of await Promise.all(late))
      expect(error).to.include({ code: 'ERR_RAFT_WAL_STATE', reason: 'closed' });
  });
});
