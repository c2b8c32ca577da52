/** The scenarios of etcd's own tests of its log, under their names. What is ours in them is said in the title. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { SnapshotMetadata } from '@raft-ts/proto';
import { repair, validSnapshots, verify, Wal, type WalSnapshot } from '@raft-ts/raftwal';
import {
  decodeRecord,
  FilePipeline,
  FrameDecoder,
  listSegments,
  parseSegmentName,
  preallocate,
  RecordBuffer,
  RecordEncoder,
  RecordType,
  segmentName,
  segmentsFrom,
} from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { FaultyFs, fileError } from './faulty-fs.js';
import {
  entries,
  entry,
  indexes,
  newPlace,
  oneVoter,
  readBack,
  refused,
  refusedBySystem,
  removeMark,
  SEGMENT_SIZE,
  state,
} from './logs.js';
import { lastFile, removeScratch, scratchFolder, toHex } from './vectors.js';

const somedata = new TextEncoder().encode('somedata');
const small = { segmentSize: SEGMENT_SIZE };
const first = segmentName(0, 0).name;

function create(dir: string, metadata?: Uint8Array): Promise<Wal> {
  return Wal.create(dir, metadata === undefined ? small : { ...small, metadata });
}

const snapshotAt = (index: number, term = 1): WalSnapshot => ({ index, term, confState: oneVoter });

/** Offsets of the frames in a log's first file, and the end of the last one. */
function frameOffsets(dir: string): number[] {
  const bytes = readFileSync(join(dir, first));
  const decoder = new FrameDecoder(bytes.length);
  decoder.push(bytes);
  const offsets: number[] = [];
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) offsets.push(frame.offset);
  return [...offsets, decoder.offset];
}

describe("etcd's tests of the log", () => {
  afterEach(removeScratch);

  describe('creating', () => {
    it("WA-001 TestNew: the head is etcd's, byte for byte, in a file of the whole size", async () => {
      const dir = newPlace();
      const wal = await create(dir, somedata);
      await wal.close();
      expect(readdirSync(dir)).to.deep.equal([first]);
      const bytes = readFileSync(join(dir, first));
      const crc = '04000000000000840804100000000000';
      const metadata = '120000000000008608011085d4fda0071a08736f6d6564617461000000000000';
      const mark = '0e0000000000008208051080db81c1011a04080010000000';
      expect(toHex(bytes.subarray(0, 72))).to.equal(crc + metadata + mark);
      expect(bytes.length).to.equal(SEGMENT_SIZE);
      expect(bytes.subarray(72).every((byte) => byte === 0)).to.equal(true);
    });

    it('WA-002 TestCreateNewWALFile: files are 0600 in a folder of 0700, and a stale one is cut off', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      expect(statSync(dir).mode & 0o777).to.equal(0o700);
      expect(statSync(join(dir, first)).mode & 0o777).to.equal(0o600);
      await wal.close();
      const stale = join(dir, '0.tmp');
      writeFileSync(stale, 'x'.repeat(20_000));
      await preallocate(new FaultyFs(), stale, 1000);
      expect(readFileSync(stale).every((byte) => byte === 0)).to.equal(true);
      expect(statSync(stale).size).to.equal(1000);
    });

    it('WA-003 TestCreateFailFromPollutedDir: a folder that holds a file is refused', async () => {
      const dir = scratchFolder();
      writeFileSync(join(dir, 'test.wal'), 'x');
      await refused(create(dir), 'ERR_RAFT_WAL_EXISTS');
    });

    it('WA-004 TestNewForInitedDir: a folder with a log is refused', async () => {
      const dir = newPlace();
      await (await create(dir)).close();
      await refused(create(dir), 'ERR_RAFT_WAL_EXISTS');
    });

    it('WA-005 TestWalCleanup: if a folder cannot be made durable, nothing of the log stays', async () => {
      for (const folder of [dirname, (dir: string) => dir]) {
        const dir = newPlace();
        const fs = new FaultyFs();
        fs.hook = (operation, path) => {
          if (operation === 'syncDirectory' && path === folder(dir)) throw fileError('EIO');
        };
        await refusedBySystem(Wal.create(dir, { ...small, fs }), 'EIO', 'syncDirectory');
        expect(readdirSync(dirname(dir))).to.deep.equal(['wal.mark']);
        fs.hook = () => {};
        await (await Wal.create(dir, { ...small, fs })).close();
      }
    });

    it('WA-006 TestCreateFailFromNoSpaceLeft: what the disk says is heard, and nothing stays under the name', async () => {
      const dir = newPlace();
      const fs = new FaultyFs();
      fs.hook = (operation) => {
        if (operation === 'write') throw fileError('ENOSPC');
      };
      await refusedBySystem(Wal.create(dir, { ...small, fs }), 'ENOSPC', 'write');
      expect(existsSync(dir)).to.equal(false);
    });

    it('WA-021 TestRestartCreateWal: what an interrupted creation left is discarded', async () => {
      const dir = newPlace();
      mkdirSync(`${dir}.tmp`);
      writeFileSync(join(`${dir}.tmp`, first), 'half');
      const wal = await create(dir, somedata);
      await wal.close();
      expect(readdirSync(dirname(dir))).to.deep.equal(['wal', 'wal.mark']);
      expect((await readBack(dir)).metadata).to.deep.equal(somedata);
    });

    it('WA-023 TestRenameFail: an error of the rename is heard', async () => {
      const dir = newPlace();
      const fs = new FaultyFs();
      fs.hook = (operation) => {
        if (operation === 'rename') throw fileError('EACCES');
      };
      await refusedBySystem(Wal.create(dir, { ...small, fs }), 'EACCES', 'rename');
    });
  });

  describe('opening', () => {
    it('WA-007 TestOpenAtIndex: the last file that begins at or below the index, and all later ones', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(state(1, 1n, 0), entries(1, 9));
      await wal.cut();
      await wal.save(undefined, entries(10, 10));
      await wal.cut();
      await wal.close();
      const from0 = await Wal.open(dir, small);
      expect(from0.files).to.deep.equal([first, segmentName(1, 10).name, segmentName(2, 11).name]);
      await from0.close();
      const from11 = await Wal.open(dir, { ...small, snapshot: { index: 11, term: 1 } });
      expect(from11.files).to.deep.equal([segmentName(2, 11).name]);
      await from11.close();
      await refused(Wal.open(scratchFolder(), small), 'ERR_RAFT_WAL_NOT_FOUND');
    });

    it('WA-015 TestOpenAtUncommittedIndex: opens at 0 if only entry 0 was saved', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(undefined, [entry(0, 0)]);
      await wal.close();
      expect((await readBack(dir)).entries).to.deep.equal([]);
    });

    it('WA-016 TestOpenForRead: read-only, all files are seen, though some are locked and some released', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      for (let i = 0; i < 10; i++) {
        await wal.save(undefined, [entry(i, 1)]);
        await wal.cut();
      }
      await wal.releaseTo(5);
      const { entries: found } = await readBack(dir, { readOnly: true });
      expect(indexes(found).at(-1)).to.equal(9);
      await wal.close();
    });

    it('WA-017 TestOpenWithMaxIndex: a huge first index is a gap, not a crash', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(undefined, [entry(Number.MAX_SAFE_INTEGER)]);
      await wal.close();
      const error = await refused(readBack(dir), 'ERR_RAFT_WAL_CORRUPT');
      expect(error.reason).to.equal('gap');
    });

    it('WA-024 TestReadAllFail: a log is read once', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      const created = await refused(wal.readAll(), 'ERR_RAFT_WAL_STATE');
      expect(created.reason).to.equal('read-twice');
      await wal.close();
      const opened = await Wal.open(dir, small);
      await opened.readAll();
      await refused(opened.readAll(), 'ERR_RAFT_WAL_STATE');
      await opened.close();
    });

    it('WA-012 TestSearchIndex: the file that holds an index', () => {
      const names = [segmentName(0, 0), segmentName(1, 0x1000), segmentName(2, 0x50)];
      const at = (list: typeof names, index: number): number => list.indexOf(segmentsFrom(list, index)[0] as never);
      expect(at(names, 0x1000)).to.equal(2);
      expect(at(names.slice(0, 2), 0x1000)).to.equal(1);
      expect(at(names.slice(0, 2), 0x50)).to.equal(0);
      expect(() => segmentsFrom([segmentName(0, 0x1000)], 5)).to.throw('do not reach back');
    });

    it('WA-013 TestScanWalName: sequence and index of a name, and no other names', () => {
      expect(parseSegmentName('0000000000000000-0000000000000000.wal')).to.include({ sequence: 0, index: 0 });
      expect(parseSegmentName('00000000000000ff-0000000000000010.wal')).to.include({ sequence: 255, index: 16 });
      expect(parseSegmentName('0000000000000000.wal')).to.equal(undefined);
      expect(parseSegmentName('0000000000000000-0000000000000000.snap')).to.equal(undefined);
    });
  });

  describe('writing', () => {
    it('WA-018 TestSaveEmpty: an empty state and no entries write nothing', async () => {
      const dir = newPlace();
      const fs = new FaultyFs();
      const wal = await Wal.create(dir, { ...small, fs });
      await wal.save(state(0, 0n, 0), []);
      await wal.save(undefined, []);
      await wal.close();
      expect(frameOffsets(dir)).to.have.length(4);
    });

    it('WA-009 TestCut: files are named for what they may hold, and the state is repeated in the new one', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(state(1, 0n, 0), []);
      await wal.cut();
      expect(wal.files.at(-1)).to.equal(segmentName(1, 1).name);
      await wal.save(state(2, 0n, 0), [entry(1, 1)]);
      await wal.saveSnapshot(snapshotAt(2));
      await wal.cut();
      expect(wal.files.at(-1)).to.equal(segmentName(2, 3).name);
      const bytes = readFileSync(join(dir, wal.files.at(-1) as string));
      const decoder = new FrameDecoder(bytes.length);
      decoder.push(bytes);
      const kinds = [1, 2, 3].map(() => {
        const frame = decoder.next() as NonNullable<ReturnType<FrameDecoder['next']>>;
        return decodeRecord(frame.bytes, frame.start, frame.end).type;
      });
      expect(kinds).to.deep.equal([RecordType.Crc, RecordType.Metadata, RecordType.State]);
      await wal.close();
      const { hardState } = await readBack(dir, { readOnly: true, snapshot: { index: 2, term: 1 } });
      expect(hardState).to.deep.equal(state(2, 0n, 0));
    });

    it('WA-010 TestSaveWithCut: files are cut by themselves, and everything survives', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, { segmentSize: 2048, metadata: somedata });
      const data = 'a'.repeat(500);
      for (let index = 1; index <= 10; index++) await wal.save(state(1, 1n, index - 1), [entry(index, 1, data)]);
      await wal.close();
      expect(readdirSync(dir).length).to.be.above(2);
      const { entries: found, hardState, metadata } = await readBack(dir);
      expect(indexes(found)).to.deep.equal(indexes(entries(1, 10)));
      expect(found.every((one) => one.data?.length === 500)).to.equal(true);
      expect(hardState).to.deep.equal(state(1, 1n, 9));
      expect(metadata).to.deep.equal(somedata);
    });

    it('WA-019 TestReleaseLockTo: the newest file below the index stays held, with all later ones', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.releaseTo(10);
      expect(wal.files).to.have.length(1);
      for (let i = 0; i < 10; i++) {
        await wal.save(undefined, [entry(i, 1)]);
        await wal.cut();
      }
      expect(wal.files).to.have.length(11);
      await wal.releaseTo(5);
      expect(wal.files[0]).to.equal(segmentName(4, 4).name);
      expect(wal.files).to.have.length(7);
      await wal.releaseTo(15);
      expect(wal.files).to.deep.equal([segmentName(10, 10).name]);
      await wal.close();
    });

    it('WA-020 TestTailWriteNoSlackSpace: appending works after the preallocated part', async () => {
      const dir = newPlace();
      const wal = await create(dir, somedata);
      await wal.save(state(1, 1n, 0), entries(1, 5));
      await wal.close();
      const { zeroFrom } = lastFile(dir);
      truncateSync(join(dir, first), zeroFrom + ((8 - (zeroFrom % 8)) % 8));
      const again = await Wal.open(dir, small);
      expect((await again.readAll()).entries).to.have.length(5);
      await again.save(undefined, entries(6, 10));
      await again.close();
      expect(indexes((await readBack(dir)).entries)).to.deep.equal(indexes(entries(1, 10)));
    });

    it('WA-035 TestFilePipeline: returns a file of zeros, and removes the one that was not taken', async () => {
      const dir = scratchFolder();
      const pipeline = new FilePipeline(new FaultyFs(), dir, SEGMENT_SIZE);
      pipeline.prepare();
      const name = await pipeline.take();
      expect(statSync(join(dir, name)).size).to.equal(SEGMENT_SIZE);
      pipeline.prepare();
      await pipeline.close();
      expect(readdirSync(dir)).to.deep.equal([name]);
    });

    it('WA-036 TestFilePipelineFailPreallocate: an error is thrown when the file is taken', async () => {
      const fs = new FaultyFs();
      fs.hook = (operation) => {
        if (operation === 'write') throw fileError('ENOSPC');
      };
      const dir = scratchFolder();
      const pipeline = new FilePipeline(fs, dir, SEGMENT_SIZE);
      pipeline.prepare();
      await refused(pipeline.take(), 'ENOSPC');
      expect(readdirSync(dir)).to.deep.equal([]);
    });

    it('WA-042 TestValidateSnapshot: a mark needs index, term, and above index 0 a ConfState', async () => {
      const wal = await create(newPlace());
      await refused(wal.saveSnapshot({ index: 1, term: 1 }), 'ERR_RAFT_WAL_INVALID');
      await refused(wal.saveSnapshot({ index: 1, confState: oneVoter } as WalSnapshot), 'ERR_RAFT_WAL_INVALID');
      await wal.saveSnapshot({ index: 0, term: 0 });
      await wal.saveSnapshot(snapshotAt(1));
      await wal.close();
    });

    it("WA-041 TestSnapshotMetadataCompatibility: a mark holds what a snapshot's metadata hold", () => {
      const metadata: SnapshotMetadata = { index: 3, term: 2, confState: oneVoter };
      const mark: Required<WalSnapshot> = metadata;
      expect(Object.keys(mark).sort()).to.deep.equal(Object.keys(metadata).sort());
    });

    it('WA-030 TestWriteRecord: a record of any type comes back', () => {
      const out = new RecordBuffer();
      new RecordEncoder(0).record(out, 0xb as RecordType, new TextEncoder().encode('Hello world!'));
      const decoder = new FrameDecoder(out.length);
      decoder.push(out.bytes.subarray(0, out.length));
      const frame = decoder.next() as NonNullable<ReturnType<FrameDecoder['next']>>;
      const { type, data } = decodeRecord(frame.bytes, frame.start, frame.end);
      expect(type).to.equal(0xb);
      expect(new TextDecoder().decode(data)).to.equal('Hello world!');
    });
  });

  describe('recovering', () => {
    for (const size of [10, 20, 40]) {
      it(`WA-011 TestRecover: metadata, state and two entries of ${size} MB`, async () => {
        const dir = newPlace();
        const wal = await create(dir, somedata);
        const data = new Uint8Array(size * 1024 * 1024).fill(7);
        const saved = [1, 2].map((index) => ({ type: 0 as const, term: index, index, data }));
        await wal.save(undefined, saved);
        await wal.save(state(1, 1n, 1), []);
        await wal.save(state(2, 2n, 2), []);
        await wal.close();
        const { metadata, hardState, entries: found } = await readBack(dir);
        expect(metadata).to.deep.equal(somedata);
        expect(hardState).to.deep.equal(state(2, 2n, 2));
        expect(indexes(found)).to.deep.equal([1, 2]);
        expect(found.every((one) => Buffer.compare(one.data as Uint8Array, data) === 0)).to.equal(true);
      });
    }

    it('WA-014 TestRecoverAfterCut: without the fourth file, what begins before it cannot be opened', async () => {
      const dir = newPlace();
      const wal = await create(dir, somedata);
      for (let i = 0; i < 10; i++) {
        await wal.saveSnapshot(snapshotAt(i));
        await wal.save(undefined, [entry(i, 1)]);
        await wal.cut();
      }
      await wal.close();
      rmSync(join(dir, segmentName(4, 4).name));
      for (let i = 0; i < 10; i++) {
        const read = readBack(dir, { snapshot: { index: i, term: 1 } });
        if (i <= 4) {
          await refused(read, 'ERR_RAFT_WAL_CORRUPT');
          continue;
        }
        const { metadata, entries: found } = await read;
        expect(metadata).to.deep.equal(somedata);
        expect(found[0]?.index ?? i + 1).to.equal(i + 1);
      }
    });

    it('WA-008 TestVerify: a sound log gives its state, one whose middle file is cut short fails', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      for (let index = 1; index <= 5; index++) {
        await wal.save(state(1, 1n, index), [entry(index)]);
        await wal.cut();
      }
      await wal.close();
      expect((await verify(dir)).hardState).to.deep.equal(state(1, 1n, 5));
      const middle = join(dir, segmentName(2, 3).name);
      truncateSync(middle, statSync(middle).size - 12);
      await refused(verify(dir), 'ERR_RAFT_WAL_CORRUPT');
    });

    it('WA-022 TestOpenOnTornWrite: a zeroed record in the middle is refused (ours); cut there, new writes read back', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      for (let index = 1; index <= 40; index++) await wal.save(undefined, [entry(index)]);
      await wal.close();
      const offsets = frameOffsets(dir);
      const [from, to] = offsets.slice(3 + 20) as [number, number];
      const bytes = readFileSync(join(dir, first));
      bytes.fill(0, from, to);
      writeFileSync(join(dir, first), bytes);
      removeMark(dir);
      const error = await refused(readBack(dir), 'ERR_RAFT_WAL_UNDECIDED');
      expect([error.file, error.offset]).to.deep.equal([first, from]);
      await repair(dir, { cut: { file: first, offset: from } });
      const again = await Wal.open(dir, small);
      expect(indexes((await again.readAll()).entries)).to.deep.equal(indexes(entries(1, 20)));
      await again.save(undefined, entries(21, 60));
      await again.close();
      expect(indexes((await readBack(dir)).entries)).to.deep.equal(indexes(entries(1, 60)));
    });

    it('WA-028 TestLastRecordLengthExceedFileEnd: a length beyond the file is an unfinished write', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(undefined, entries(1, 3));
      await wal.close();
      const offset = frameOffsets(dir).at(-2) as number;
      const bytes = readFileSync(join(dir, first));
      writeFileSync(join(dir, first), bytes.subarray(0, offset + 20));
      removeMark(dir);
      const error = await refused(readBack(dir), 'ERR_RAFT_WAL_TORN');
      expect(error.offset).to.equal(offset);
    });

    it('WA-029 TestReadRecord: good, empty, cut off and corrupt records', () => {
      const good = Buffer.from('0700000000000000', 'hex');
      const frames = (bytes: Uint8Array): FrameDecoder => {
        const decoder = new FrameDecoder(bytes.length);
        decoder.push(bytes);
        return decoder;
      };
      const empty = frames(new Uint8Array(0));
      expect([empty.next(), empty.stop]).to.deep.equal([undefined, 'end']);
      const head = frames(good.subarray(0, 5));
      expect([head.next(), head.stop]).to.deep.equal([undefined, 'cut-head']);
      const body = frames(good);
      expect([body.next(), body.stop]).to.deep.equal([undefined, 'past-end']);
      const whole = frames(Buffer.from('14000000000000000801109b8dfbc10d1a0b68656c6c6f20776f726c64', 'hex'));
      const frame = whole.next();
      expect(frame?.offset).to.equal(0);
    });
  });

  describe('snapshots that the log confirms', () => {
    it('WA-025 TestValidSnapshotEntries: those up to the last commit', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.saveSnapshot(snapshotAt(1));
      await wal.save(state(1, 0n, 1), []);
      await wal.saveSnapshot(snapshotAt(2, 1));
      await wal.saveSnapshot(snapshotAt(3, 2));
      await wal.save(state(2, 0n, 3), []);
      await wal.saveSnapshot(snapshotAt(4, 2));
      await wal.close();
      const marks = await validSnapshots(dir);
      expect(marks.map(({ index, term }) => [index, term])).to.deep.equal([
        [0, 0],
        [1, 1],
        [2, 1],
        [3, 2],
      ]);
    });

    it('WA-026 TestValidSnapshotEntriesAfterPurgeWal: even if the first file is gone', async () => {
      const dir = newPlace();
      const wal = await Wal.create(dir, { segmentSize: 128 });
      await wal.saveSnapshot(snapshotAt(1));
      await wal.save(state(1, 0n, 1), []);
      await wal.saveSnapshot(snapshotAt(2));
      await wal.save(undefined, entries(3, 8));
      await wal.saveSnapshot(snapshotAt(3, 2));
      await wal.save(state(2, 0n, 3), []);
      await wal.close();
      rmSync(join(dir, first));
      expect((await validSnapshots(dir)).map(({ index }) => index)).to.include(3);
    });

    it('WA-027 TestValidSnapshotEntriesRetryOnTransientNotExist: a file that vanishes meanwhile is not waited for', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(state(1, 1n, 0), entries(1, 2));
      await wal.close();
      const fs = new FaultyFs();
      let missing = 4;
      fs.hook = (operation, path) => {
        if (operation === 'open' && path.endsWith('.wal') && missing-- > 0) throw fileError('ENOENT');
      };
      expect(await validSnapshots(dir, { fs })).to.have.length(1);
      missing = 5;
      await refusedBySystem(validSnapshots(dir, { fs }), 'ENOENT', 'open');
    });
  });

  describe('repairing', () => {
    /** A log of entries in batches of one, and what stays readable after `damage`. */
    async function damaged(
      count: number,
      size: number,
      damage: (path: string, offsets: number[]) => void,
    ): Promise<string> {
      const dir = newPlace();
      const wal = await create(dir);
      for (let index = 1; index <= count; index++) await wal.save(undefined, [entry(index, 1, 'x'.repeat(size))]);
      await wal.close();
      damage(join(dir, first), frameOffsets(dir));
      removeMark(dir);
      return dir;
    }

    async function checkRepair(dir: string, count: number): Promise<void> {
      await refused(readBack(dir), 'ERR_RAFT_WAL_TORN');
      const { broken } = await repair(dir, small);
      expect(statSync(join(dir, broken as string)).mode & 0o777).to.equal(0o600);
      const wal = await Wal.open(dir, small);
      const found = (await wal.readAll()).entries;
      expect(found).to.have.length(count);
      for (let index = count + 1; index <= count + 10; index++) await wal.save(undefined, [entry(index)]);
      await wal.close();
      expect((await readBack(dir)).entries).to.have.length(count + 10);
    }

    it('WA-031 TestRepairTruncate: four bytes short, one of ten is lost', async () => {
      const dir = await damaged(10, 20, (path, offsets) => truncateSync(path, (offsets.at(-1) as number) - 4));
      await checkRepair(dir, 9);
    });

    it('WA-032 TestRepairWriteTearLast: zeros from a sector boundary on', async () => {
      let readable = 0;
      const dir = await damaged(50, 5, (path, offsets) => {
        const bytes = readFileSync(path);
        truncateSync(path, 1024);
        truncateSync(path, bytes.length);
        // Three records at the head; one that reaches over the boundary is torn.
        readable = offsets.filter((offset) => offset <= 1024).length - 1 - 3;
        expect(offsets).to.not.include(1024);
      });
      await checkRepair(dir, readable);
    });

    it('WA-033 TestRepairWriteTearMiddle: a sector of zeros in a long record, and another record after it', async () => {
      const dir = newPlace();
      const wal = await create(dir);
      await wal.save(undefined, [entry(1)]);
      await wal.save(undefined, [entry(2, 1, 'y'.repeat(2500)), entry(3, 1, 'z'.repeat(2500))]);
      await wal.close();
      const path = join(dir, first);
      const bytes = readFileSync(path);
      bytes.fill(0, 1024, 1536);
      writeFileSync(path, bytes);
      removeMark(dir);
      await checkRepair(dir, 1);
    });

    it('WA-034 TestRepairFailDeleteDir: a folder that is gone is an error', async () => {
      const dir = await damaged(5, 20, (path, offsets) => truncateSync(path, (offsets.at(-1) as number) - 4));
      rmSync(dir, { recursive: true });
      await refused(repair(dir), 'ERR_RAFT_WAL_NOT_FOUND');
      expect(await listSegments(new FaultyFs(), dir)).to.deep.equal([]);
    });
  });
});
