import { verify, Wal } from '@raft-ts/raftwal';
import {
  closeAll,
  type DamagedTail,
  decodeSnapshotFile,
  decodeWalSnapshot,
  FieldReader,
  FrameDecoder,
  type FsFile,
  judge,
  paddingOf,
  RecordBuffer,
  RecordEncoder,
  RecordType,
  segmentName,
  withCleanup,
} from '@raft-ts/raftwal/internal';
import { SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { entries, entry, failure, indexes, oneVoter, refused, state } from './logs.js';
import { contents, overwrite, TracedFs } from './traced.js';

const first = segmentName(0, 0).name;

describe('a log, read call by call', () => {
  it('is whole, however short the single reads and writes are', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
    await wal.save(state(1, 1n, 1), entries(1, 50));
    await wal.close();
    const short = new TracedFs(
      { fault: ({ op }) => (op === 'read' || op === 'write' ? { short: 100 } : undefined) },
      fs.disk,
    );
    const again = await Wal.open('/wal', { fs: short, segmentSize: 8192 });
    expect(indexes((await again.readAll()).entries)).to.deep.equal(indexes(entries(1, 50)));
    await again.save(undefined, [{ ...entry(51), data: new Uint8Array(3000).fill(5) }]);
    await again.close();
    const reader = await Wal.open('/wal', { fs, readOnly: true });
    const content = await reader.readAll();
    await reader.close();
    expect(indexes(content.entries)).to.deep.equal(indexes(entries(1, 51)));
    expect(short.leftOpen.concat(fs.leftOpen)).to.deep.equal([]);
  });

  it('beside a writer is complete whenever the writer continues, and leaves no file open', async () => {
    let found = 0;
    for (let when = 1; when <= 8; when++) {
      const fs = new TracedFs();
      const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
      await wal.save(state(1, 1n, 1), entries(1, 3));
      await wal.save(undefined, [{ ...entry(4), data: new Uint8Array(2000).fill(7) }]);
      await wal.close();
      await fs.unlink('/wal.mark');
      // The last write is under way: its second half has not come yet.
      const path = `/wal/${first}`;
      const whole = await contents(fs, path);
      const half = whole.findLastIndex((byte) => byte === 7) - 1000;
      await overwrite(fs, path, half, new Uint8Array(whole.length - half));
      let reads = 0;
      const beside: SimFs = new SimFs(fs.disk, {
        pace: async ({ op, path: read }) => {
          if (op !== 'read' || read !== path || ++reads !== when) return;
          found++;
          await overwrite(new SimFs(fs.disk), path, half, whole.subarray(half));
        },
      });
      const { damage, lastIndex } = await verify('/wal', { fs: beside });
      expect([damage?.verdict, lastIndex], `at read ${when}`).to.deep.equal(
        reads >= when ? [undefined, 4] : ['torn', 3],
      );
    }
    expect(found).to.be.at.least(3);
  });

  it('beside a writer that removes files is read again, and from the first file that is left', async () => {
    const setUp = async (): Promise<{ fs: TracedFs; wal: Wal }> => {
      const fs = new TracedFs();
      const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
      for (let file = 0; file < 3; file++) {
        await wal.save(state(1, 1n, 3 * file + 3), entries(3 * file + 1, 3 * file + 3));
        await wal.cut();
      }
      await wal.saveSnapshot({ index: 8, term: 1, confState: oneVoter });
      return { fs, wal };
    };
    const { fs, wal } = await setUp();
    let removed: readonly string[] = [];
    const beside = new SimFs(fs.disk, {
      pace: async ({ op, path }) => {
        if (op !== 'open' || removed.length > 0 || !path.endsWith('.wal')) return;
        await wal.releaseTo(8);
        removed = await wal.purge(1);
      },
    });
    const { files, lastIndex } = await verify('/wal', { fs: beside });
    expect(removed).to.have.length(2);
    expect([files.length, lastIndex]).to.deep.equal([2, 9]);
    await wal.close();
    let opens = 0;
    const gone = new SimFs(fs.disk, {
      fault: ({ op, path }) => (op === 'open' && path.endsWith('.wal') && ++opens > 0 ? { code: 'ENOENT' } : undefined),
    });
    await refused(verify('/wal', { fs: gone }), 'ERR_RAFT_WAL_IO');
    expect(opens, 'not for ever').to.equal(5);
  });

  it('leaves no file open, and those of a writer as they are', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
    await wal.save(undefined, entries(1, 3));
    await wal.cut();
    await wal.close();
    await verify('/wal', { fs });
    expect(fs.leftOpen).to.deep.equal([]);
    const again = await Wal.open('/wal', { fs });
    await again.readAll();
    await again.save(undefined, [entry(4)]);
    await again.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('from a snapshot contains no entries that were replaced before it', async () => {
    const readFrom = async (save: (wal: Wal) => Promise<void>, term: number): Promise<number[]> => {
      const fs = new TracedFs();
      const wal = await Wal.create('/wal', { fs, segmentSize: 8192 });
      await wal.save(state(1, 1n, 1), entries(1, 10));
      await save(wal);
      await wal.saveSnapshot({ index: 5, term, confState: oneVoter });
      await wal.close();
      const again = await Wal.open('/wal', { fs, snapshot: { index: 5, term } });
      const content = await again.readAll();
      await again.close();
      return indexes(content.entries);
    };
    expect(await readFrom(async () => {}, 1)).to.deep.equal([6, 7, 8, 9, 10]);
    // A leader of term 2 replaced the entries from 4 on, but for those above 5.
    expect(await readFrom((wal) => wal.save(undefined, entries(4, 5, 2)), 2)).to.deep.equal([]);
    // A snapshot of term 3 came, to which this log did not lead.
    expect(await readFrom(async () => {}, 3)).to.deep.equal([]);
  });

  it('with damaged metadata is refused as damaged, not as the log of another member', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: 8192, identity: { nodeId: 1n, clusterId: 2n } });
    await wal.save(undefined, entries(1, 3));
    await wal.close();
    const bytes = await contents(fs, `/wal/${first}`);
    // The node's id is the second byte of the data of the second record.
    const at = bytes.indexOf(0x10, bytes.indexOf(0x1a)) - 1;
    expect(bytes[at]).to.equal(1);
    await overwrite(fs, `/wal/${first}`, at, Uint8Array.of(3));
    const again = await Wal.open('/wal', { fs, identity: { nodeId: 1n, clusterId: 2n } });
    await refused(again.readAll(), 'ERR_RAFT_WAL_CORRUPT');
    await again.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });
});

describe('frames at the end of a file', () => {
  const stopOf = (bytes: Uint8Array): string | undefined => {
    const decoder = new FrameDecoder(bytes.length);
    decoder.push(bytes);
    while (decoder.next() !== undefined);
    return decoder.stop;
  };

  it('end with the file, and say how they are cut', () => {
    const out = new RecordBuffer();
    new RecordEncoder(0).record(out, RecordType.Metadata, new Uint8Array(20).fill(7));
    const frame = out.bytes.slice(0, out.length);
    expect(stopOf(frame)).to.equal('end');
    for (let length = 1; length < frame.length; length++) {
      expect(stopOf(frame.slice(0, length)), String(length)).to.equal(length < 8 ? 'cut-head' : 'past-end');
    }
    for (let zeros = 1; zeros <= 16; zeros++) expect(stopOf(new Uint8Array(zeros)), String(zeros)).to.equal('end');
  });
});

describe('invalid records', () => {
  it('reach no further than they are long', () => {
    for (const [bytes, use] of [
      [[0x0a, 5, 1, 2], (fields: FieldReader) => fields.view()],
      [[0x09, 1, 2, 3, 4, 5, 6, 7], (fields: FieldReader) => fields.skip(0x09)],
      [[0x0d, 1, 2, 3], (fields: FieldReader) => fields.skip(0x0d)],
    ] as const) {
      const fields = new FieldReader(Uint8Array.from(bytes));
      expect(fields.next()).to.equal(bytes[0]);
      expect(() => use(fields))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_DECODE', reason: 'truncated' });
    }
  });

  it('name no position that a number cannot hold', () => {
    // 2^53 as a varint of eight bytes.
    const varint = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    for (const tag of [0x08, 0x10]) {
      expect(() => decodeWalSnapshot(Uint8Array.from([tag, ...varint])))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_WAL_CORRUPT', reason: 'position' });
    }
  });

  it('are no snapshot files: without a sum, or without data', () => {
    for (const bytes of [[], [0x08, 5], [0x12, 1, 7], [0x08, 0, 0x12, 1, 7]]) {
      expect(() => decodeSnapshotFile(Uint8Array.from(bytes)))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_SNAP_BROKEN', reason: 'empty' });
    }
  });
});

describe('the verdict on a damaged end', () => {
  const before = state(2, 1n, 5);
  const tailOf = (bytes: Uint8Array, chain: number, defect: DamagedTail['defect']): DamagedTail => ({
    file: first,
    offset: 512,
    defect,
    bytes,
    used: bytes.findLastIndex((byte) => byte !== 0) + 1,
    chain,
    state: before,
    headRead: true,
  });

  it('takes a State for proof only if it says more than the one before', () => {
    for (const [later, verdict] of [
      [before, 'torn'],
      [state(2, 1n, 6), 'corrupt'],
      [state(3, 1n, 5), 'corrupt'],
      [state(2, 2n, 5), 'corrupt'],
      [state(2, 1n, 4), 'torn'],
    ] as const) {
      const out = new RecordBuffer();
      const encoder = new RecordEncoder(0);
      encoder.entry(out, { ...entry(1), data: new Uint8Array(1500).fill(7) });
      encoder.state(out, later);
      const bytes = out.bytes.slice(0, out.length);
      // The second sector of the entry was lost.
      bytes.fill(0, 512, 1024);
      expect(judge(tailOf(bytes, 0, 'crc mismatch')).verdict, JSON.stringify(String(later.commit))).to.equal(verdict);
    }
  });

  it('leaves a record of which only the length field is damaged to the operator', () => {
    const out = new RecordBuffer();
    new RecordEncoder(0).entry(out, { ...entry(1), data: new Uint8Array(100).fill(7) });
    const bytes = out.bytes.slice(0, out.length);
    const size = bytes[0] as number;
    // Still a length field by its looks: a multiple of eight more.
    bytes[0] = size + 64;
    bytes[1] = 8;
    expect(paddingOf(size + 64 + 8 * 256)).to.equal(paddingOf(size));
    expect(judge(tailOf(bytes, 0, 'longer than the file')).verdict).to.equal('undecided');
  });
});

describe('what is done after work, however that ends', () => {
  it('is done once, and the first failure is the one that is thrown', async () => {
    const [work, cleanup] = [new Error('work'), new Error('cleanup')];
    for (const [works, cleans, expected] of [
      [true, true, 'done'],
      [false, true, work],
      [true, false, cleanup],
      [false, false, work],
    ] as const) {
      let cleaned = 0;
      const result = await withCleanup(
        () => (works ? Promise.resolve('done') : Promise.reject(work)),
        () => {
          cleaned++;
          return cleans ? Promise.resolve() : Promise.reject(cleanup);
        },
      ).catch((error: unknown) => error);
      expect([result, cleaned]).to.deep.equal([expected, 1]);
    }
  });

  it('closes all files, whichever of them cannot be closed', async () => {
    const closed: number[] = [];
    const files = [0, 1, 2].map(
      (i) =>
        ({
          close: () => {
            closed.push(i);
            return i === 2 ? Promise.resolve() : Promise.reject(new Error(`close ${i}`));
          },
        }) as FsFile,
    );
    expect((await failure(closeAll(files))).message).to.equal('close 0');
    expect(closed).to.deep.equal([0, 1, 2]);
  });
});

describe('padding', () => {
  it('consists of zeros, no matter what the memory held before', () => {
    for (let length = 0; length < 16; length++) {
      const out = new RecordBuffer();
      out.bytes.fill(0xff);
      const encoder = new RecordEncoder(0);
      encoder.entry(out, { ...entry(1), data: new Uint8Array(length).fill(0xff) });
      encoder.record(out, RecordType.Metadata, new Uint8Array(length).fill(0xff));
      for (let at = 0; at < out.length; ) {
        const size = out.bytes[at] as number;
        const padding = (out.bytes[at + 7] as number) & 7;
        const end = at + 8 + size + padding;
        expect([...out.bytes.subarray(end - padding, end)]).to.deep.equal(Array(padding).fill(0));
        expect(end % 8).to.equal(0);
        at = end;
      }
    }
  });
});
