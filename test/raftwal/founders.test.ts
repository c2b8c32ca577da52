import { RawNode, silentLogger } from '@raft-ts/raft';
import { DurableStorage } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { entry, refused, state } from './logs.js';
import { TracedFs } from './traced.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 8192 };
const PATH = '/member/founders';

const open = (fs: TracedFs): Promise<DurableStorage> => DurableStorage.open('/member', { ...options, fs });

/** Begins a log with these founders, and writes to it. */
async function begin(fs: TracedFs, founders: readonly bigint[] | undefined): Promise<void> {
  const storage = await open(fs);
  if (founders !== undefined) await storage.keepFounders(founders);
  expect(storage.founders).to.deep.equal(founders);
  await storage.save({ hardState: state(1, 1n, 0), entries: [entry(1)] });
  await storage.close();
}

async function kept(fs: TracedFs): Promise<readonly bigint[] | undefined> {
  const storage = await open(fs);
  await storage.close();
  return storage.founders;
}

async function overwrite(fs: TracedFs, content: string, path = PATH): Promise<void> {
  const file = await fs.open(path, { write: true, create: true, truncate: true });
  if (content !== '') await file.write(new TextEncoder().encode(content), 0);
  await file.close();
}

describe('the founders of the cluster of a log', () => {
  let fs: TracedFs;
  beforeEach(() => {
    fs = new TracedFs();
  });
  afterEach(() => expect(fs.leftOpen).to.deep.equal([]));

  it('stay, and are settled once something was saved', async () => {
    await begin(fs, [1n, 2n, 2n ** 64n - 1n]);
    expect(await kept(fs)).to.deep.equal([1n, 2n, 2n ** 64n - 1n]);
    const storage = await open(fs);
    await refused(storage.keepFounders([1n]), 'ERR_RAFT_WAL_INVALID');
    await storage.close();
    expect(await kept(fs)).to.deep.equal([1n, 2n, 2n ** 64n - 1n]);
  });

  it('are settled once something was saved since the log was opened', async () => {
    const storage = await open(fs);
    const saving = storage.save({ hardState: state(1, 1n, 0), entries: [entry(1)] });
    await refused(storage.keepFounders([1n]), 'ERR_RAFT_WAL_INVALID');
    await saving;
    await refused(storage.keepFounders([1n]), 'ERR_RAFT_WAL_INVALID');
    await storage.close();
    expect(await kept(fs)).to.equal(undefined);
  });

  it('are named again after a crash between the first entries and the first hard state', async () => {
    const node = (log: DurableStorage): RawNode =>
      new RawNode({
        id: 1n,
        electionTick: 10,
        heartbeatTick: 1,
        storage: log,
        maxSizePerMsg: 1 << 20,
        maxInflightMsgs: 256,
        logger: silentLogger,
      });
    const first = await open(fs);
    await first.keepFounders([1n, 2n]);
    const founder = node(first);
    founder.bootstrap([{ id: 1n }, { id: 2n }]);
    await first.save({ entries: founder.ready().entries });
    await first.close();

    const storage = await open(fs);
    expect([storage.isNew, storage.lastIndex(), storage.founders]).to.deep.equal([true, 2, undefined]);
    await storage.keepFounders([1n]);
    const again = node(storage);
    again.bootstrap([{ id: 1n }]);
    const rd = again.ready();
    await storage.save(rd);
    await storage.close();

    const continued = await open(fs);
    expect([continued.isNew, continued.lastIndex(), continued.founders]).to.deep.equal([false, 1, [1n]]);
    expect(continued.initialState().hardState).to.deep.equal(state(1, 0n, 1));
    await continued.close();
  });

  it('are settled once entries were saved beside those of a founding', async () => {
    const storage = await open(fs);
    await storage.save({ entries: [{ type: 1, term: 1, index: 1, data: new Uint8Array(2) }] });
    await refused(storage.keepFounders([1n]), 'ERR_RAFT_WAL_INVALID');
    await storage.save({ entries: [entry(2)] });
    await storage.close();
    const again = await open(fs);
    expect([again.isNew, again.lastIndex()]).to.deep.equal([false, 2]);
    await again.close();
  });

  it('are as many as can be read back, and one at least', async () => {
    const storage = await open(fs);
    const many = Array.from({ length: 1025 }, (_, i) => 2n ** 64n - 1n - BigInt(i));
    for (const founders of [[], many]) await refused(storage.keepFounders(founders), 'ERR_RAFT_ARGUMENT');
    expect(storage.founders).to.equal(undefined);
    await storage.close();
    await begin(fs, many.slice(1));
    expect(await kept(fs)).to.deep.equal(many.slice(1));
  });

  it('are not in the way of what a start that was interrupted has left, though that is longer', async () => {
    const storage = await open(fs);
    await overwrite(fs, '100,200,300,400', `${PATH}.tmp`);
    await storage.keepFounders([1n, 2n]);
    await storage.close();
    const file = await fs.open(PATH);
    const bytes = new Uint8Array(100);
    const length = await file.read(bytes, 0);
    await file.close();
    expect(new TextDecoder().decode(bytes.subarray(0, length))).to.equal('1,2\n');
    expect(await fs.readdir('/member')).not.to.include('founders.tmp');
  });

  it('have their file once it is durable, and that is durable before anything is saved', async () => {
    await begin(fs, [1n, 2n]);
    const calls = fs.trace(['write', 'datasync', 'rename', 'syncDirectory']);
    const from = calls.findIndex((line) => line.includes('founders'));
    expect(calls.slice(from, from + 4)).to.deep.equal([
      'write founders.tmp',
      'datasync founders.tmp',
      'rename founders.tmp founders',
      'syncDirectory member',
    ]);
  });

  it('of a log that was never kept any there are none', async () => {
    await begin(fs, undefined);
    expect(await kept(fs)).to.equal(undefined);
  });

  it('of an earlier log, or of a start that saved nothing, do not count', async () => {
    const first = await open(fs);
    await first.keepFounders([1n, 2n]);
    await first.close();
    expect(await kept(fs), 'nothing was saved').to.equal(undefined);
    await begin(fs, [1n, 2n, 3n]);
    for (const name of await fs.readdir('/member/wal')) await fs.unlink(`/member/wal/${name}`);
    await fs.unlink('/member/wal.mark');
    await begin(fs, undefined);
    expect(await kept(fs)).to.equal(undefined);
  });

  it('that cannot be read are refused: they do not pass for missing', async () => {
    await begin(fs, [1n]);
    const failing = new TracedFs(
      { fault: ({ op, path }) => (op === 'read' && path === PATH ? { code: 'EIO' } : undefined) },
      fs.disk,
    );
    await refused(open(failing), 'ERR_RAFT_WAL_IO');
    expect(failing.leftOpen).to.deep.equal([]);
    for (const text of ['', '1,,2', '1,x', '-1', '0', '18446744073709551616', '\0\0\0\0', '1,'.repeat(100_000)]) {
      await overwrite(fs, text);
      const error = await refused(open(fs), 'ERR_RAFT_WAL_FOUNDERS');
      expect(error.message, text).to.include(PATH);
    }
    await overwrite(fs, '7\n');
    expect(await kept(fs)).to.deep.equal([7n]);
  });
});
