import { DurableStorage, type Fs, readMember, type WalError } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { entries, entry, indexes, oneVoter, refused, state } from './logs.js';
import { contents, TracedFs } from './traced.js';

const options = { nodeId: 7n, clusterId: 9n, segmentSize: 8192 };

const open = (fs: TracedFs): Promise<DurableStorage> => DurableStorage.open('/member', { ...options, fs });

/** A log with a snapshot at 20, and entries up to 31, of which 30 are committed. */
async function write(fs: TracedFs): Promise<void> {
  const storage = await open(fs);
  await storage.keepFounders([7n, 8n]);
  await storage.save({ hardState: state(1, 7n, 0), entries: entries(1, 29) });
  await storage.save({ hardState: state(1, 7n, 25), entries: [] });
  await storage.createSnapshot(20, oneVoter, new Uint8Array([1, 2, 3]));
  await storage.save({ hardState: state(2, 7n, 30), entries: entries(30, 31, 2) });
  await storage.close();
}

/** Every file and what is in it. */
async function allOf(fs: TracedFs, dir = '/member'): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for (const name of await fs.readdir(dir)) {
    const path = `${dir}/${name}`;
    if (name === 'wal' || name === 'snap') Object.assign(all, await allOf(fs, path));
    else all[path] = Buffer.from(await contents(fs, path)).toString('hex');
  }
  return all;
}

describe('a member’s folder that is read', () => {
  let fs: TracedFs;
  beforeEach(() => {
    fs = new TracedFs();
  });
  afterEach(() => expect(fs.leftOpen).to.deep.equal([]));

  it('tells what a start would find, and changes nothing', async () => {
    await write(fs);
    const before = await allOf(fs);
    const from = fs.calls.length;
    const read = await readMember('/member', (content) => Promise.resolve(content), { fs });
    const changing = ['write', 'truncate', 'rename', 'unlink', 'mkdir', 'rmdir', 'datasync', 'syncDirectory'] as const;
    expect(fs.trace(changing, from)).to.deep.equal([]);
    expect(await allOf(fs)).to.deep.equal(before);
    const storage = await open(fs);
    expect(read).to.deep.include({
      identity: { nodeId: 7n, clusterId: 9n },
      founders: [7n, 8n],
      snapshot: storage.snapshot(),
      hardState: storage.initialState().hardState,
      damage: undefined,
    });
    expect(indexes(read.entries)).to.deep.equal([21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31]);
    expect(read.entries).to.deep.equal(storage.entries(21, 32, Number.POSITIVE_INFINITY));
    await storage.close();
  });

  it('is locked meanwhile, and not read while its member runs', async () => {
    await write(fs);
    const storage = await open(fs);
    await refused(
      readMember('/member', () => Promise.resolve(), { fs }),
      'ERR_RAFT_WAL_LOCKED',
    );
    await storage.close();
    await readMember('/member', () => refused(open(fs), 'ERR_RAFT_WAL_LOCKED'), { fs });
    // What etcd has written has no mark beside it.
    await fs.unlink('/member/wal.mark');
    await readMember('/member', () => refused(open(fs), 'ERR_RAFT_WAL_LOCKED'), { fs });
    await fs.unlink('/member/wal.mark').catch(() => {});
    await (await open(fs)).close();
  });

  it('is read from a disk that nobody can write to, by several at once', async () => {
    await write(fs);
    const refuse = (): Promise<never> =>
      Promise.reject(Object.assign(new Error('EROFS: read-only file system'), { code: 'EROFS' }));
    const mounted: Fs = {
      open: (path, how = {}) => (how.write === true ? refuse() : fs.open(path, how)),
      readdir: (path) => fs.readdir(path),
      rename: refuse,
      unlink: refuse,
      mkdir: refuse,
      rmdir: refuse,
      syncDirectory: refuse,
    };
    const read = (): Promise<number> =>
      readMember(
        '/member',
        async (content) => {
          await refused(open(fs), 'ERR_RAFT_WAL_LOCKED');
          return content.entries.length;
        },
        { fs: mounted },
      );
    expect(await Promise.all([read(), read()])).to.deep.equal([11, 11]);
    // The same disk may be mounted elsewhere on this machine, and its member run there.
    const storage = await open(fs);
    await refused(read(), 'ERR_RAFT_WAL_LOCKED');
    await storage.close();
  });

  it('is read up to a last write that is unfinished, which stays there', async () => {
    await write(fs);
    const [name] = (await fs.readdir('/member/wal')).filter((file) => file.endsWith('.wal')) as [string];
    const path = `/member/wal/${name}`;
    const end = await readMember('/member', ({ entries: list }) => Promise.resolve(list.length), { fs });
    const storage = await open(fs);
    const writes = fs.calls.length;
    await storage.save({ hardState: state(2, 7n, 30), entries: [entry(32, 2, 'x'.repeat(2000))] });
    await storage.close();
    const last = fs.calls.slice(writes).find((call) => call.op === 'write' && call.path === path);
    const file = await fs.open(path, { write: true });
    // Its last sectors were not written; nobody was told that it was saved.
    await file.write(new Uint8Array(2048), Math.ceil(((last?.position ?? 0) + 600) / 512) * 512);
    await file.close();
    await fs.unlink('/member/wal.mark');
    const before = await allOf(fs);
    const read = await readMember('/member', (content) => Promise.resolve(content), { fs });
    expect(read.entries).to.have.length(end);
    expect(read.damage?.verdict).to.equal('torn');
    expect(await allOf(fs)).to.deep.equal(before);
  });

  it('is missing, or holds no log', async () => {
    const none = (await refused(
      readMember('/nothing', () => Promise.resolve(), { fs }),
      'ERR_RAFT_WAL_NOT_FOUND',
    )) as WalError;
    expect(none.message).to.match(/no log in \/nothing\/wal/u);
    expect(await fs.readdir('/')).to.deep.equal([]);
  });
});
