import type { Snapshot } from '@raft-ts/proto';
import { backup, DurableStorage, repair, SnapshotFiles, Wal } from '@raft-ts/raftwal';
import { listSegments, placeFile, segmentName, writeFully } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { entries, entry, failure, oneVoter, refused, state } from './logs.js';
import { contents, overwrite, TracedFs } from './traced.js';

const SEGMENT_SIZE = 4096;
const member = { nodeId: 1n, clusterId: 2n };
const first = segmentName(0, 0).name;

/** Returns the system's code inside an error of the log. */
const causeOf = ({ cause }: Error): unknown => (cause as { code?: unknown } | undefined)?.code;

/** Flips a bit of a file. */
async function damage(fs: TracedFs, path: string, at: number): Promise<void> {
  const byte = (await contents(fs, path)).subarray(at, at + 1);
  await overwrite(fs, path, at, Uint8Array.of((byte[0] as number) ^ 1));
}

describe('a backup, call by call', () => {
  /** A member with a snapshot of entry 8, its stream, and entries to 12, in a few files. */
  async function setUp(): Promise<{ fs: TracedFs; storage: DurableStorage }> {
    const fs = new TracedFs();
    const storage = await DurableStorage.open('/member', { fs, ...member, segmentSize: SEGMENT_SIZE, keepSegments: 9 });
    for (let index = 1; index <= 12; index += 4) {
      const data = new Uint8Array(SEGMENT_SIZE / 4).fill(index);
      const batch = entries(index, index + 3).map((one) => ({ ...one, data }));
      await storage.save({ hardState: state(1, 1n, index + 3), entries: batch });
    }
    await storage.snapshots.saveStream([new Uint8Array(5000)], 8);
    await storage.createSnapshot(8, oneVoter, undefined);
    await storage.sync();
    return { fs, storage };
  }
  const mark = '0000000000000001-0000000000000008.snap';
  const stream = '0000000000000008.snap.db';

  it('makes every file, and then every name, durable before it resolves, and leaves nothing open', async () => {
    const { fs, storage } = await setUp();
    const open = fs.leftOpen;
    const from = fs.calls.length;
    const { files, lastIndex, snapshot } = await backup('/member', '/copies/one', { fs });
    expect([lastIndex, snapshot.index]).to.deep.equal([12, 8]);
    const segments = (await listSegments(fs, '/member/wal')).map(({ name }) => name);
    expect(files).to.deep.equal([...segments.map((name) => `wal/${name}`), `snap/${mark}`, `snap/${stream}`]);
    const own = /one\.tmp-[0-9a-f-]{36}/u;
    const after = fs.calls.slice(from).map(({ op, path }) => ({ op, path: path.replace(own, 'one.tmp') }));
    const synced = after
      .filter(({ op, path }) => op === 'datasync' && path.startsWith('/copies/'))
      .map(({ path }) => path);
    expect(synced).to.deep.equal(files.map((name) => `/copies/one.tmp/${name}`));
    const names = after
      .filter(({ op, path }) => (op === 'syncDirectory' || op === 'rename') && path.startsWith('/copies'))
      .map(({ op, path }) => `${op} ${path}`);
    expect(names.slice(-2)).to.deep.equal(['rename /copies/one', 'syncDirectory /copies']);
    const before = names.slice(0, -2);
    for (const folder of ['', '/wal', '/snap']) expect(before).to.include(`syncDirectory /copies/one.tmp${folder}`);
    expect(fs.leftOpen).to.deep.equal(open);
    await storage.close();
    const copy = await DurableStorage.open('/copies/one', { fs, ...member });
    expect([copy.snapshot().metadata.index, copy.lastIndex()]).to.deep.equal([8, 12]);
    await copy.close();
  });

  it('ends with the last record, even while more is being written', async () => {
    const { fs, storage } = await setUp();
    const last = (await listSegments(fs, '/member/wal')).at(-1)?.name ?? '';
    await backup('/member', '/copies/one', { fs });
    const [whole, copy] = [await contents(fs, `/member/wal/${last}`), await contents(fs, `/copies/one/wal/${last}`)];
    expect(whole).to.have.length(SEGMENT_SIZE);
    expect(copy.at(-1), 'no zeros but those of padding').to.satisfy(() => copy.length < SEGMENT_SIZE);
    expect(copy).to.deep.equal(whole.subarray(0, copy.length));
    await storage.close();
  });

  it('begins again when a file has vanished, a few times, and after any other failure not at all', async () => {
    for (const [code, failures, attempts, succeeds] of [
      ['ENOENT', 2, 3, true],
      ['ENOENT', 99, 5, false],
      ['EIO', 1, 1, false],
    ] as const) {
      const { fs, storage } = await setUp();
      await storage.close();
      let left: number = failures;
      const faulty = new TracedFs(
        {
          fault: ({ op, path }) => {
            const fails = op === 'open' && path === `/member/snap/${mark}` && left > 0;
            if (fails) left--;
            return fails ? { code } : undefined;
          },
        },
        fs.disk,
      );
      const copied = backup('/member', '/copies/one', { fs: faulty });
      if (succeeds) await copied;
      else expect(causeOf(await refused(copied, 'ERR_RAFT_WAL_IO'))).to.equal(code);
      expect(faulty.trace(['mkdir']).filter((line) => /^mkdir one\.tmp-[0-9a-f-]{36}$/u.test(line))).to.have.length(
        attempts,
      );
      expect(faulty.leftOpen).to.deep.equal([]);
    }
  });

  it('takes no name that is taken, and removes nothing that it did not make', async () => {
    const { fs, storage } = await setUp();
    await storage.close();
    for (const path of ['/copies', '/copies/one.tmp', '/copies/one.tmp/wal']) await fs.mkdir(path);
    await (await fs.open('/copies/one.tmp/wal/x.wal', { write: true, create: true })).close();
    await backup('/member', '/copies/one', { fs });
    await refused(backup('/member', '/copies/one', { fs }), 'ERR_RAFT_WAL_EXISTS');
    expect(await fs.readdir('/copies')).to.deep.equal(['one', 'one.tmp']);
    expect(await fs.readdir('/copies/one.tmp/wal')).to.deep.equal(['x.wal']);
  });

  it('is made twice at once by nobody: one of them gets the name, and nothing is left of the other', async () => {
    const { fs, storage } = await setUp();
    await storage.close();
    const ended = await Promise.allSettled([
      backup('/member', '/copies/one', { fs }),
      backup('/member', '/copies/one', { fs }),
    ]);
    expect(ended.map(({ status }) => status).toSorted()).to.deep.equal(['fulfilled', 'rejected']);
    const failed = ended.find((one) => one.status === 'rejected');
    expect(failed?.reason).to.include({ code: 'ERR_RAFT_WAL_EXISTS' });
    expect(await fs.readdir('/copies')).to.deep.equal(['one']);
    await (await DurableStorage.open('/copies/one', { ...member, fs })).close();
  });

  it('gets no name if a member could not start from it: a bad snapshot, or a log that does not reach back', async () => {
    const bad = await setUp();
    await bad.storage.close();
    await damage(bad.fs, `/member/snap/${mark}`, 30);
    await refused(backup('/member', '/copies/one', { fs: bad.fs }), 'ERR_RAFT_SNAP_NONE');
    expect(await bad.fs.readdir('/copies')).to.deep.equal([]);
    const cut = await setUp();
    await cut.storage.close();
    for (const name of await cut.fs.readdir('/member/snap')) await cut.fs.unlink(`/member/snap/${name}`);
    await cut.fs.unlink(`/member/wal/${first}`);
    await refused(backup('/member', '/copies/one', { fs: cut.fs }), 'ERR_RAFT_WAL_NOT_FOUND');
    expect(await cut.fs.readdir('/copies')).to.deep.equal([]);
  });
});

describe('a repair, call by call', () => {
  /** A log whose last record lacks its end. */
  async function torn(): Promise<{ fs: TracedFs; whole: Uint8Array; end: number }> {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 0), entries(1, 3));
    await wal.save(undefined, [{ ...entry(4), data: new Uint8Array(1000).fill(7) }]);
    await wal.close();
    const bytes = await contents(fs, `/wal/${first}`);
    let end = bytes.length;
    while (bytes[end - 1] === 0) end--;
    // With the mark it would be known that the record had been acknowledged.
    await fs.unlink('/wal.mark');
    const file = await fs.open(`/wal/${first}`, { write: true });
    await file.truncate(end - 500);
    await file.close();
    return { fs, whole: bytes.slice(0, end - 500), end };
  }

  it('keeps a durable copy before it cuts, and cuts durably', async () => {
    const { fs, whole } = await torn();
    const from = fs.calls.length;
    const { broken, damage: found } = await repair('/wal', { fs });
    expect(found).to.include({ verdict: 'torn', file: first });
    expect(fs.trace(['datasync', 'syncDirectory', 'truncate'], from)).to.deep.equal([
      `datasync ${first}.broken`,
      'syncDirectory wal',
      `truncate ${first}`,
      `datasync ${first}`,
    ]);
    expect(await contents(fs, `/wal/${broken}`)).to.deep.equal(whole);
    expect((await contents(fs, `/wal/${first}`)).length).to.equal(found?.offset);
    expect(fs.leftOpen).to.deep.equal([]);
    expect(await repair('/wal', { fs })).to.deep.equal({ damage: undefined, broken: undefined });
  });

  it('that is only asked for changes nothing', async () => {
    const { fs } = await torn();
    const from = fs.calls.length;
    expect((await repair('/wal', { fs, dryRun: true })).damage?.verdict).to.equal('torn');
    expect(fs.trace(['write', 'truncate', 'datasync', 'rename', 'unlink', 'syncDirectory'], from)).to.deep.equal([]);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('does not touch a log that is open for writing', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE });
    await refused(repair('/wal', { fs }), 'ERR_RAFT_WAL_LOCKED');
    await wal.close();
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('of data that may have been acknowledged needs a decision about exactly this place', async () => {
    const fs = new TracedFs();
    const wal = await Wal.create('/wal', { fs, segmentSize: SEGMENT_SIZE });
    await wal.save(state(1, 1n, 0), entries(1, 3));
    await wal.save(undefined, [{ ...entry(4), data: new Uint8Array(1000).fill(7) }]);
    await wal.close();
    const bytes = await contents(fs, `/wal/${first}`);
    // With the mark it would be known that the record had been acknowledged.
    await fs.unlink('/wal.mark');
    await damage(
      fs,
      `/wal/${first}`,
      bytes.findLastIndex((byte) => byte === 7),
    );
    const { offset = 0, file = '' } = await refused(repair('/wal', { fs }), 'ERR_RAFT_WAL_UNDECIDED');
    for (const cut of [
      { file, offset: offset + 1 },
      { file: `x${file}`, offset },
    ]) {
      await refused(repair('/wal', { fs, cut }), 'ERR_RAFT_WAL_INVALID');
    }
    expect((await repair('/wal', { fs, cut: { file, offset } })).damage).to.include({ verdict: 'undecided', offset });
    await refused(repair('/wal', { fs, cut: { file, offset } }), 'ERR_RAFT_WAL_INVALID');
  });
});

describe('a file that is placed, call by call', () => {
  const text = new TextEncoder().encode('content');
  const place = (fs: TracedFs): Promise<void> => placeFile(fs, '/', 'name', (file) => writeFully(file, text, 0));

  it('has its name once it is durable, and the name is durable before the call resolves', async () => {
    const fs = new TracedFs();
    await (await fs.open('/name', { write: true, create: true })).write(new Uint8Array(100), 0);
    await (await fs.open('/name.tmp', { write: true, create: true })).write(new Uint8Array(100), 0);
    const from = fs.calls.length;
    await place(fs);
    expect(fs.trace(['write', 'datasync', 'close', 'rename', 'syncDirectory'], from)).to.deep.equal([
      'write name.tmp',
      'datasync name.tmp',
      'close name.tmp',
      'rename name.tmp name',
      'syncDirectory ',
    ]);
    expect(await contents(fs, '/name')).to.deep.equal(text);
  });

  for (const op of ['write', 'datasync', 'close', 'rename'] as const) {
    it(`leaves the former file, and no other, if the ${op} fails`, async () => {
      const fs = new TracedFs();
      await place(fs);
      const failing = new TracedFs({ fault: (call) => (call.op === op ? { code: 'EIO' } : undefined) }, fs.disk);
      const other = placeFile(failing, '/', 'name', (file) => writeFully(file, new Uint8Array(3), 0));
      expect((await failure(other)).code).to.equal('EIO');
      expect(failing.leftOpen).to.deep.equal([]);
      expect(await fs.readdir('/')).to.deep.equal(['name']);
      expect(await contents(fs, '/name')).to.deep.equal(text);
    });
  }
});

describe('snapshot files, call by call', () => {
  const at = (index: number, term = 1): Snapshot => ({
    data: new Uint8Array(2000).fill(index),
    metadata: { confState: oneVoter, index, term },
  });
  const dir = '/member/snap';
  const nameOf = (index: number): string => SnapshotFiles.namesOf({ index, term: 1 })[0];
  const streamOf = (index: number): string => SnapshotFiles.namesOf({ index, term: 1 })[1];

  it('their folder, and the one above it, are durable', async () => {
    const fs = new TracedFs();
    await SnapshotFiles.open(dir, { fs });
    expect(fs.trace(['mkdir', 'syncDirectory']).slice(1)).to.deep.equal([
      'mkdir member',
      'syncDirectory ',
      'mkdir snap',
      'syncDirectory member',
    ]);
  });

  it('are durable under another name first, and leave nothing open', async () => {
    const fs = new TracedFs();
    const files = await SnapshotFiles.open(dir, { fs });
    const from = fs.calls.length;
    await files.save(at(1));
    const name = nameOf(1);
    const calls = fs.trace(['datasync', 'close', 'rename', 'syncDirectory'], from);
    const scratch = calls[0]?.split(' ')[1] ?? '';
    expect(scratch).to.match(/\.snap\.tmp$/);
    expect(calls).to.deep.equal([
      `datasync ${scratch}`,
      `close ${scratch}`,
      `rename ${scratch} ${name}`,
      'syncDirectory snap',
    ]);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('that cannot be written are removed and closed', async () => {
    for (const op of ['write', 'datasync'] as const) {
      const fs = new TracedFs({ fault: (call) => (call.op === op ? { code: 'ENOSPC' } : undefined) });
      const files = await SnapshotFiles.open(dir, { fs });
      expect(causeOf(await refused(files.save(at(1)), 'ERR_RAFT_WAL_IO'))).to.equal('ENOSPC');
      expect(await fs.readdir(dir)).to.deep.equal([]);
      expect(fs.leftOpen).to.deep.equal([]);
    }
  });

  it('two streams of an index at the same time: one of them is there, whole', async () => {
    const fs = new TracedFs();
    const files = await SnapshotFiles.open(dir, { fs });
    const pieces = (byte: number) => Array.from({ length: 20 }, () => new Uint8Array(100).fill(byte));
    await Promise.all([1, 2].map((byte) => files.saveStream(pieces(byte).slice(0, 10 * byte), 3)));
    expect(await fs.readdir(dir)).to.deep.equal([streamOf(3)]);
    const bytes = await contents(fs, `${dir}/${streamOf(3)}`);
    const [byte = 0] = bytes;
    expect(bytes).to.deep.equal(new Uint8Array(1000 * byte).fill(byte));
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('a stream that is not read to its end is closed', async () => {
    const fs = new TracedFs();
    const files = await SnapshotFiles.open(dir, { fs });
    await files.saveStream([new Uint8Array(3 << 20)], 3);
    for await (const piece of files.loadStream(3)) {
      expect(piece.length).to.equal(1 << 20);
      break;
    }
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('that are broken are renamed, durably, and told once', async () => {
    const fs = new TracedFs();
    const warnings: string[] = [];
    const files = await SnapshotFiles.open(dir, { fs, logger: { warn: (text) => warnings.push(text) } });
    for (const index of [1, 2]) await files.save(at(index));
    await damage(fs, `${dir}/${nameOf(2)}`, 100);
    const from = fs.calls.length;
    for (let i = 0; i < 2; i++) expect((await files.load()).metadata.index).to.equal(1);
    expect(fs.trace(['rename', 'syncDirectory'], from)).to.deep.equal([
      `rename ${nameOf(2)} ${nameOf(2)}.broken`,
      'syncDirectory snap',
    ]);
    expect(warnings.filter((text) => text.startsWith('renamed'))).to.have.length(1);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('that the disk does not give are not taken for broken', async () => {
    let failing = false;
    const fs = new TracedFs({ fault: ({ op }) => (failing && op === 'read' ? { code: 'EIO' } : undefined) });
    const files = await SnapshotFiles.open(dir, { fs });
    for (const index of [1, 2]) await files.save(at(index));
    failing = true;
    expect(causeOf(await refused(files.load(), 'ERR_RAFT_WAL_IO'))).to.equal('EIO');
    failing = false;
    expect((await files.load()).metadata.index).to.equal(2);
    expect(fs.leftOpen).to.deep.equal([]);
  });

  it('are loaded only with a mark of their index and term', async () => {
    const fs = new TracedFs();
    const files = await SnapshotFiles.open(dir, { fs });
    for (const index of [1, 2, 3]) await files.save(at(index));
    expect(
      (
        await files.load([
          { index: 1, term: 1 },
          { index: 2, term: 1 },
        ])
      ).metadata.index,
    ).to.equal(2);
    await refused(files.load([{ index: 3, term: 2 }]), 'ERR_RAFT_SNAP_NONE');
  });

  it('are purged durably, except for the newest ones, the one that the log needs, and their streams', async () => {
    const fs = new TracedFs();
    const files = await SnapshotFiles.open(dir, { fs });
    for (let index = 1; index <= 6; index++) {
      await files.save(at(index));
      await files.saveStream([Uint8Array.of(index)], index);
    }
    const from = fs.calls.length;
    const removed = await files.purge(2, { index: 3, term: 1 });
    expect([...removed].sort()).to.deep.equal([nameOf(1), nameOf(2), nameOf(4), streamOf(1), streamOf(2)].sort());
    expect(fs.trace(['unlink', 'syncDirectory'], from).at(-1)).to.equal('syncDirectory snap');
    const again = fs.calls.length;
    expect(await files.purge(2, { index: 3, term: 1 })).to.deep.equal([]);
    expect(fs.trace(['unlink', 'syncDirectory'], again)).to.deep.equal([]);
    expect(await files.releaseStreams(5)).to.deep.equal([streamOf(3), streamOf(4)]);
    expect((await fs.readdir(dir)).filter((name) => name.endsWith('.db'))).to.deep.equal([streamOf(5), streamOf(6)]);
  });

  it('unfinished files of a crashed process are removed when the folder is opened', async () => {
    const fs = new TracedFs();
    await SnapshotFiles.open(dir, { fs });
    const left = [`${nameOf(1)}.tmp`, `${streamOf(1)}.tmp`, 'db.tmp123'];
    for (const name of [...left, `${nameOf(2)}.broken`]) {
      await (await fs.open(`${dir}/${name}`, { write: true, create: true })).close();
    }
    await SnapshotFiles.open(dir, { fs });
    expect(await fs.readdir(dir)).to.deep.equal([`${nameOf(2)}.broken`]);
  });
});
