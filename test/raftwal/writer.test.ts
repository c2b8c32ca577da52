import { Wal } from '@raft-ts/raftwal';
import { LARGEST_WRITE, segmentName } from '@raft-ts/raftwal/internal';
import type { Call } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { isPending, turn } from '../helpers/waiting.js';
import { entries, entry, failure, indexes, oneVoter, refused, state } from './logs.js';
import { TracedFs } from './traced.js';

const SEGMENT_SIZE = 8192;
const first = segmentName(0, 0).name;
const dir = '/wal';

const isSegment = ({ path }: Call): boolean => path.endsWith('.wal');

describe('the writer of a log, call by call', () => {
  it('a file of zeros is durable before it gets a name of the log, and that name before anything is saved there', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(undefined, entries(1, 2));
    await wal.cut();
    const from = fs.calls.length;
    await wal.cut();
    await wal.close();
    const prepared = fs.trace(['write', 'datasync', 'rename']).filter((line) => line.endsWith(' 1.tmp'));
    // The zeros, and then the head through a handle that syncs each write.
    expect(prepared).to.deep.equal(['write 1.tmp', 'datasync 1.tmp', 'write 1.tmp', 'datasync 1.tmp']);
    const second = segmentName(2, 3).name;
    const begun = fs.trace(['write', 'rename', 'syncDirectory', 'lock'], from);
    const own = begun.slice(begun.indexOf('lock 1.tmp')).filter((line) => !/ (0\.tmp|wal\.mark)$/.test(line));
    expect(own).to.deep.equal(['lock 1.tmp', 'write 1.tmp', `rename 1.tmp ${second}`, 'syncDirectory wal']);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('every save is durable with its write, in a log that was created or opened', async () => {
    const fs = new TracedFs();
    const made = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
    const durably = async (name: string, save: () => Promise<void>): Promise<void> => {
      const from = fs.calls.length;
      await save();
      const calls = fs.trace(['write', 'datasync'], from).filter((line) => line.endsWith(` ${name}`));
      expect(calls).to.deep.equal([`write ${name}`, `datasync ${name}`]);
    };
    await durably(first, () => made.save(undefined, [entry(1)]));
    await made.cut();
    // It was opened under the name that it had before.
    await durably('0.tmp', () => made.save(state(1, 1n, 0), []));
    await made.close();
    const opened = await Wal.open(dir, { fs, segmentSize: SEGMENT_SIZE });
    await opened.readAll();
    await durably(opened.files.at(-1) ?? '', () => opened.save(undefined, [entry(2)]));
    await opened.close();
  });

  it('the next file begins with the write that fills the present one, not with the one before', async () => {
    const filled = async (room: number): Promise<readonly string[]> => {
      const fs = new TracedFs();
      const probe = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
      await probe.save(undefined, [entry(1)]);
      await probe.close();
      const { position = 0, length = 0 } = fs.calls.findLast((call) => call.op === 'write' && isSegment(call)) as Call;
      const wal = await Wal.create('/other', { fs, segmentSize: position + length + room });
      await wal.save(undefined, [entry(1)]);
      await wal.sync();
      const { files } = wal;
      await wal.close();
      return files;
    };
    expect(await filled(0)).to.deep.equal([first, segmentName(1, 2).name]);
    expect(await filled(1)).to.deep.equal([first]);
  });

  it('one write carries no more than what the next open writes again', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create(dir, { fs, segmentSize: 9 << 20 });
    const from = fs.calls.length;
    await wal.save(undefined, [{ ...entry(1), data: new Uint8Array(2 * LARGEST_WRITE + 10) }]);
    const lengths = fs.calls.slice(from).flatMap((call) => (call.op === 'write' && isSegment(call) ? call.length : []));
    expect(lengths).to.have.length(3);
    expect(lengths.slice(0, 2)).to.deep.equal([LARGEST_WRITE, LARGEST_WRITE]);
    await wal.close();
  });

  for (const [code, cuts] of [
    ['EIO', []],
    ['ENOSPC', [`truncate ${first}`, `datasync ${first}`]],
    ['EDQUOT', [`truncate ${first}`, `datasync ${first}`]],
  ] as const) {
    it(`${code}: all that waits is refused, and the file is ${cuts.length > 0 ? 'cut, durably' : 'left as it is'}`, async () => {
      let failing = false;
      const fs = new TracedFs({
        fault: (call) => (failing && call.op === 'write' && isSegment(call) ? { code, written: 5 } : undefined),
        pace: async (call) => {
          if (failing && call.op === 'write') await turn();
        },
      });
      // The file has no room left: a write that fails has made it longer.
      const wal = await Wal.create(dir, { fs, segmentSize: 100 });
      await turn();
      failing = true;
      const from = fs.calls.length;
      const saves = [wal.save(state(1, 1n, 0), entries(1, 9)), wal.save(state(2, 1n, 0), entries(10, 11))];
      const waiting = [...saves, wal.saveSnapshot({ index: 1, term: 1, confState: oneVoter })];
      const failures = Promise.all(waiting.map(failure));
      for (const one of waiting) expect(await isPending(one)).to.equal(false);
      expect((await failures).map((error) => error.code)).to.deep.equal(Array(3).fill('ERR_RAFT_WAL_POISONED'));
      const changes = fs.trace(['truncate', 'datasync'], from).filter((line) => line.includes('.wal'));
      expect(changes.filter((line) => line.endsWith(first))).to.deep.equal(cuts);
      await refused(wal.save(undefined, [entry(12)]), 'ERR_RAFT_WAL_POISONED');
      await wal.close();
      expect(fs.leftOpen).to.deep.equal([]);
    });
  }

  it('a save that is refused changes neither the records before it nor the commit that waits', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 0), entries(1, 3));
    await wal.save(state(1, 1n, 2), []);
    const together = [
      wal.save(undefined, [entry(4)]),
      refused(wal.save(undefined, [entry(5), { ...entry(6), term: -1 }]), 'ERR_RAFT_POSITION_RANGE'),
      wal.save(undefined, [entry(5)]),
    ];
    await Promise.all(together);
    await wal.save(state(1, 1n, 3), []);
    await refused(wal.save(undefined, [{ ...entry(6), index: -1 }]), 'ERR_RAFT_POSITION_RANGE');
    await wal.close();
    const again = await Wal.open(dir, { fs, segmentSize: SEGMENT_SIZE });
    const content = await again.readAll();
    await again.close();
    expect(indexes(content.entries)).to.deep.equal([1, 2, 3, 4, 5]);
    expect(content.hardState).to.deep.equal(state(1, 1n, 3));
  });

  it('the spare file holds only zeros, no matter what a crash left under its name', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(undefined, entries(1, 2));
    await wal.close();
    const left = await fs.open(`${dir}/0.tmp`, { write: true, create: true });
    await left.write(new Uint8Array(3 * SEGMENT_SIZE).fill(7), 0);
    await left.close();
    const again = await Wal.open(dir, { fs, segmentSize: SEGMENT_SIZE });
    await again.readAll();
    await again.cut();
    await again.save(undefined, [entry(3)]);
    await again.close();
    const reader = await Wal.open(dir, { fs, readOnly: true });
    const { damage, entries: read } = await reader.readAll();
    await reader.close();
    expect(damage).to.equal(undefined);
    expect(indexes(read)).to.deep.equal([1, 2, 3]);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('a spare file that cannot be made is told at once, while the present one has room', async () => {
    const warnings: string[] = [];
    let full = false;
    const fs = new TracedFs({
      fault: ({ op, path }) => (full && op === 'write' && path.endsWith('1.tmp') ? { code: 'ENOSPC' } : undefined),
    });
    const logger = { info() {}, warn: (text: string) => warnings.push(text) };
    const wal = await Wal.create(dir, { fs, segmentSize: SEGMENT_SIZE, logger });
    await wal.save(undefined, [entry(1)]);
    full = true;
    await wal.cut();
    for (let i = 0; i < 20; i++) await turn();
    await wal.save(undefined, [entry(2)]);
    expect(warnings.filter((text) => text.startsWith('the next file of the log cannot be prepared'))).to.have.length(1);
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('the memory of an unusually large batch is not kept', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create(dir, { fs, segmentSize: 7 << 20 });
    await wal.save(undefined, [{ ...entry(1), data: new Uint8Array(6 << 20) }]);
    await wal.sync();
    const { spare } = (wal as unknown as { writer: { spare: { bytes: Uint8Array } | undefined } }).writer;
    expect(spare?.bytes.length ?? 0).to.be.at.most(4 << 20);
    await wal.close();
  });
});
