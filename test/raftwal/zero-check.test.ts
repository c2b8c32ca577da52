/**
 * After the records of the last file there must be only zeros. Before a log is opened, only the part is checked that
 * one unfinished write can have reached. The rest is checked while the log is in use, always ahead of the writer.
 */
import { DurableStorage, verify, Wal, type WalError } from '@raft-ts/raftwal';
import { LARGEST_WRITE, segmentName } from '@raft-ts/raftwal/internal';
import { type Call, Disk, SimFs, type SimFsOptions } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { isPending, turn, until } from '../helpers/waiting.js';
import { entries, entry, failure, indexes, oneVoter, refused, state } from './logs.js';
import { overwrite, TracedFs } from './traced.js';

const MEBIBYTE = 1 << 20;
const SEGMENT_SIZE = 6.5 * MEBIBYTE;
const dir = '/wal';
const path = `${dir}/${segmentName(0, 0).name}`;
/** Far from the records of a small log, and after what is checked before it is opened. */
const FAR = 6 * MEBIBYTE + 12_345;
/** Size of the next file, which is cheap to preallocate. */
const NEXT_SIZE = 1 << 16;

/** A log of three entries. */
async function smallLog(): Promise<Disk> {
  const fs = new SimFs();
  const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
  await wal.save(state(1, 1n, 1), entries(1, 3));
  await wal.close();
  return fs.disk;
}

interface Opened {
  readonly wal: Wal;
  readonly fs: TracedFs;
  /** Call that was the first after the log had been read. */
  readonly from: number;
  readonly warnings: string[];
}

async function open(disk: Disk, options: SimFsOptions = {}, segmentSize = NEXT_SIZE): Promise<Opened> {
  const fs = new TracedFs(options, disk);
  const warnings: string[] = [];
  const logger = { info: () => {}, warn: (text: string) => warnings.push(text) };
  const wal = await Wal.open(dir, { fs, segmentSize, logger });
  await wal.readAll();
  return { wal, fs, from: fs.calls.length, warnings };
}

const isRead = ({ op, path: read }: Call): boolean => op === 'read' && read === path;
const endOf = ({ position = 0, length = 0 }: Call): number => position + length;

/** A gate in front of the reads of the second half of what the background check looks at. */
function gate(): { readonly pace: (call: Call) => Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pace = async (call: Call): Promise<void> => {
    if (isRead(call) && (call.position ?? 0) > 5 * MEBIBYTE) await opened;
  };
  return { pace, open: () => open() };
}

/** Fills four mebibytes: as much as was checked before the log was opened. */
const large = (index: number): ReturnType<typeof entry> => ({
  ...entry(index),
  data: new Uint8Array(LARGEST_WRITE).fill(7),
});

describe('the zeros after a log', () => {
  it('are checked as far as one write reaches before the log is open, and then to the end of the file', async () => {
    const { wal, fs, from } = await open(await smallLog());
    // The first piece of the rest may be on its way already.
    const ahead = Math.max(...fs.calls.slice(0, from).filter(isRead).map(endOf));
    expect(ahead).to.be.within(LARGEST_WRITE, LARGEST_WRITE + 2 * MEBIBYTE);
    await until(() => fs.calls.some((call) => isRead(call) && endOf(call) > SEGMENT_SIZE), 'all of it is read');
    const starts = ({ position = 0 }: Call): boolean => position > 2 * MEBIBYTE && position < SEGMENT_SIZE;
    const zeros = fs.calls.filter((call) => isRead(call) && starts(call));
    for (const [i, call] of zeros.entries()) {
      if (i > 0) expect(call.position, 'without a gap').to.equal(endOf(zeros[i - 1] as Call));
      expect(call.length, 'in pieces').to.be.at.most(MEBIBYTE);
    }
    await wal.save(undefined, [entry(4)]);
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('are read in turns of the event loop, one piece at a time', async () => {
    let under = 0;
    let most = 0;
    let turns = 0;
    const { wal, fs } = await open(await smallLog(), {
      pace: async (call) => {
        if (!isRead(call) || (call.position ?? 0) < LARGEST_WRITE) return;
        most = Math.max(most, ++under);
        await turn();
        turns++;
        under--;
      },
    });
    await until(() => fs.calls.some((call) => isRead(call) && endOf(call) > SEGMENT_SIZE), 'all of it is read');
    await wal.close();
    expect([most, turns > 2]).to.deep.equal([1, true]);
  });

  it('if there is something among them, end the log with a coded error, and keep what was acknowledged', async () => {
    const disk = await smallLog();
    await overwrite(new SimFs(disk), path, FAR, Uint8Array.of(1));
    const { wal, fs, warnings } = await open(disk);
    await until(() => warnings.length > 0, 'it is found');
    expect(warnings[0]).to.match(/no more records.*raft-wal verify/u);
    for (const save of [() => wal.save(undefined, [entry(4)]), () => wal.save(state(1, 1n, 2), []), () => wal.sync()]) {
      const error = await refused(save(), 'ERR_RAFT_WAL_POISONED');
      const cause = error.cause as WalError;
      expect([cause.code, cause.file, cause.offset]).to.deep.equal([
        'ERR_RAFT_WAL_UNDECIDED',
        segmentName(0, 0).name,
        FAR,
      ]);
    }
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
    // The check that the error asks for.
    const { damage, lastIndex } = await verify(dir, { fs });
    expect([damage?.verdict, damage?.what, lastIndex]).to.deep.equal(['torn', 'bytes after the end', 3]);
  });

  it('end the log with what waits to be written, if the write that is under way ends well', async () => {
    const disk = await smallLog();
    await overwrite(new SimFs(disk), path, FAR, Uint8Array.of(1));
    let writes = 0;
    let found = false;
    const { pace, open: release } = gate();
    const { wal, warnings } = await open(disk, {
      pace: async (call) => {
        // After the one that makes the end of the log durable.
        const first = call.op === 'write' && call.path === path && ++writes === 2;
        await (first ? until(() => found, 'the damage is found') : pace(call));
      },
    });
    const saved = wal.save(undefined, [entry(4)]);
    await until(() => writes === 2, 'it is being written');
    const waiting = failure(wal.save(undefined, [entry(5)]));
    release();
    await until(() => warnings.length > 0, 'the damage is found');
    found = true;
    await saved;
    expect((await waiting).code).to.equal('ERR_RAFT_WAL_POISONED');
    await wal.close();
    const reader = await Wal.open(dir, { fs: new SimFs(disk), readOnly: true });
    expect(indexes((await reader.readAll()).entries)).to.deep.equal([1, 2, 3, 4]);
    await reader.close();
  });

  it('are never written to before they are checked', async () => {
    const { pace, open: release } = gate();
    const { wal, fs } = await open(await smallLog(), { pace }, 2 * SEGMENT_SIZE);
    const saved = wal.save(undefined, [large(4), large(5)]);
    expect(await isPending(saved)).to.equal(true);
    const writes = fs.calls.filter(({ op, path: written }) => op === 'write' && written === path);
    expect(Math.max(...writes.map(endOf)), 'not beyond what is checked').to.be.at.most(6 * MEBIBYTE);
    release();
    await saved;
    await wal.close();
    const reader = await Wal.open(dir, { fs, readOnly: true });
    expect(indexes((await reader.readAll()).entries)).to.deep.equal([1, 2, 3, 4, 5]);
    await reader.close();
  });

  it('are not cut off before they are checked, as what lies there may be proof of a loss', async () => {
    for (const damaged of [false, true]) {
      const disk = await smallLog();
      if (damaged) await overwrite(new SimFs(disk), path, FAR, Uint8Array.of(1));
      const { pace, open: release } = gate();
      const { wal, fs } = await open(disk, { pace });
      const cut = wal.cut();
      const ended = cut.catch((error: unknown) => (error as WalError).code);
      expect(await isPending(cut)).to.equal(true);
      expect(fs.trace(['truncate'])).to.deep.equal([]);
      release();
      const files = damaged ? 1 : 2;
      expect(await ended).to.equal(damaged ? 'ERR_RAFT_WAL_POISONED' : undefined);
      expect(wal.files).to.have.length(files);
      await wal.close();
      const file = await fs.open(path);
      expect((await file.size()) === SEGMENT_SIZE).to.equal(damaged);
      await file.close();
    }
  });

  it('are not cut off for want of room before they are checked', async () => {
    const disk = await smallLog();
    await overwrite(new SimFs(disk), path, FAR, Uint8Array.of(1));
    const { pace, open: release } = gate();
    const { wal, fs } = await open(disk, {
      pace,
      fault: ({ op, path: written, position = 0 }) =>
        op === 'write' && written === path && position > 0 ? { code: 'ENOSPC' } : undefined,
    });
    const saved = failure(wal.save(undefined, [entry(4)]));
    release();
    expect((await saved).code).to.equal('ERR_RAFT_WAL_POISONED');
    await wal.close();
    expect(fs.trace(['truncate'])).to.deep.equal([]);
  });

  it('are let go of when the log is closed during the check', async () => {
    const { pace, open: release } = gate();
    const { wal, fs } = await open(await smallLog(), { pace });
    await until(() => fs.calls.some((call) => isRead(call) && (call.position ?? 0) > 5 * MEBIBYTE), 'it is under way');
    const closed = wal.close();
    expect(await isPending(closed), 'the piece that is being read is waited for').to.equal(true);
    release();
    await closed;
    const reads = fs.calls.filter(isRead).length;
    expect(fs.leftOpen).to.deep.equal([]);
    for (let i = 0; i < 20; i++) await turn();
    expect(fs.calls.filter(isRead)).to.have.length(reads);
    expect(Math.max(...fs.calls.filter(isRead).map(endOf))).to.be.below(SEGMENT_SIZE);
  });

  it('that cannot be read end the log with what the system said', async () => {
    const { wal, warnings } = await open(await smallLog(), {
      fault: (call) => (isRead(call) && (call.position ?? 0) > 5 * MEBIBYTE ? { code: 'EIO' } : undefined),
    });
    await until(() => warnings.length > 0, 'it is noticed');
    const { cause } = await refused(wal.save(undefined, [entry(4)]), 'ERR_RAFT_WAL_POISONED');
    expect(cause).to.include({ code: 'ERR_RAFT_WAL_IO', reason: 'EIO', operation: 'read' });
    await wal.close();
  });

  it('are all checked before a log without a mark is opened: etcd may have written any length without a sync', async () => {
    const disk = await smallLog();
    await new SimFs(disk).unlink('/wal.mark');
    const { wal, fs, from } = await open(disk);
    expect(Math.max(...fs.calls.slice(0, from).filter(isRead).map(endOf))).to.be.at.least(SEGMENT_SIZE);
    await wal.close();
    await new SimFs(disk).unlink('/wal.mark');
    await overwrite(new SimFs(disk), path, FAR, Uint8Array.of(1));
    const again = await Wal.open(dir, { fs: new SimFs(disk) });
    await refused(again.readAll(), 'ERR_RAFT_WAL_TORN');
    await again.close();
  });

  it('are all checked by those who only read', async () => {
    const disk = await smallLog();
    await overwrite(new SimFs(disk), path, FAR, Uint8Array.of(1));
    const reader = await Wal.open(dir, { fs: new SimFs(disk), readOnly: true });
    expect((await reader.readAll()).damage?.verdict).to.equal('torn');
    await reader.close();
  });

  it('are read to the end for proof, if the log ends in damage', async () => {
    const disk = await smallLog();
    const fs = new SimFs(disk);
    // A State of a later term, far after a record that was lost: it was written when that had been durable.
    const other = await Wal.create('/other', { fs, segmentSize: SEGMENT_SIZE });
    await other.save(state(9, 1n, 3), []);
    await other.close();
    const file = await fs.open(`/other/${segmentName(0, 0).name}`);
    const bytes = new Uint8Array(4096);
    await file.read(bytes, 0);
    await file.close();
    const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
    await overwrite(fs, path, 6 * MEBIBYTE, bytes.subarray(0, Math.ceil(used / 8) * 8));
    const { wal } = await open(disk);
    await refused(
      until(async () => {
        await wal.save(state(1, 1n, 2), []);
        return false;
      }, 'it is found'),
      'ERR_RAFT_WAL_POISONED',
    );
    await wal.close();
    expect((await failure(verify(dir, { fs }))).code).to.equal('ERR_RAFT_WAL_CORRUPT');
    // Something within reach: then all of it is looked at before the log is opened.
    await overwrite(fs, path, MEBIBYTE, Uint8Array.of(1));
    const again = await Wal.open(dir, { fs, segmentSize: NEXT_SIZE });
    await refused(again.readAll(), 'ERR_RAFT_WAL_CORRUPT');
    await again.close();
  });

  it('of a member are not waited for before it is open', async () => {
    const disk = new Disk();
    const options = { nodeId: 1n, clusterId: 2n, segmentSize: SEGMENT_SIZE };
    const made = await DurableStorage.open('/member', { ...options, fs: new SimFs(disk) });
    await made.save({ hardState: state(1, 1n, 3), entries: entries(1, 3) });
    await made.createSnapshot(2, oneVoter, undefined);
    await made.close();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const pace = ({ op, path: read, position = 0 }: Call): Promise<void> =>
      op === 'read' && read.endsWith('.wal') && position > 5 * MEBIBYTE ? released : Promise.resolve();
    const fs = new TracedFs({ pace }, disk);
    const storage = await DurableStorage.open('/member', { ...options, segmentSize: NEXT_SIZE, fs });
    expect([storage.firstIndex(), storage.lastIndex()]).to.deep.equal([3, 3]);
    release();
    await storage.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });
});
