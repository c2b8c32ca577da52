import { DurableStorage } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { entry, refused, state } from './logs.js';
import { TracedFs } from './traced.js';

const options = { nodeId: 1n, clusterId: 2n, segmentSize: 8192 };
const PATH = '/member/incarnation';

/** What the logs that were opened have said. */
const warnings: string[] = [];
const logger = { info: () => {}, warn: (text: string) => warnings.push(text) };

async function open(fs: TracedFs): Promise<DurableStorage> {
  return DurableStorage.open('/member', { ...options, fs, logger });
}

/** Opens the log, writes to it, closes it, and answers its name. */
async function use(fs: TracedFs): Promise<string> {
  const storage = await open(fs);
  const index = storage.lastIndex() + 1;
  await storage.save({ hardState: state(1, 1n, 0), entries: [entry(index)] });
  await storage.close();
  return storage.incarnation;
}

async function text(fs: TracedFs): Promise<string> {
  const file = await fs.open(PATH);
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return new TextDecoder().decode(bytes);
}

async function overwrite(fs: TracedFs, content: string): Promise<void> {
  const file = await fs.open(PATH, { write: true, create: true, truncate: true });
  if (content !== '') await file.write(new TextEncoder().encode(content), 0);
  await file.close();
}

/** Removes the log itself, and leaves what is beside it. */
async function empty(fs: TracedFs): Promise<void> {
  for (const name of await fs.readdir('/member/wal')) await fs.unlink(`/member/wal/${name}`);
  await fs.unlink('/member/wal.mark');
}

describe('the incarnation of a log', () => {
  let fs: TracedFs;
  beforeEach(() => {
    fs = new TracedFs();
    warnings.length = 0;
  });
  afterEach(() => expect(fs.leftOpen).to.deep.equal([]));

  it('is a random name that stays', async () => {
    const first = await use(fs);
    expect(first).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u);
    expect(await text(fs)).to.equal(`${first}\n`);
    expect(await use(fs)).to.equal(first);
    expect(await use(new TracedFs()), 'another log').to.not.equal(first);
  });

  it('is made by the owner of the log, if it has a way to', async () => {
    const names = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
    for (const name of names) {
      const storage = await DurableStorage.open(`/${name}`, { ...options, fs, newName: () => name });
      await storage.close();
      expect(storage.incarnation).to.equal(name);
    }
  });

  it('of a log that replaces another one is a new one', async () => {
    const first = await use(fs);
    await empty(fs);
    const second = await use(fs);
    expect(second).to.not.equal(first);
    expect(await use(fs)).to.equal(second);
  });

  it('of a former log does not come back with a first start that is interrupted', async () => {
    const first = await use(fs);
    await empty(fs);
    for (const [op, name] of [
      ['write', 'incarnation.tmp'],
      ['rename', 'incarnation.tmp'],
      ['write', '0.tmp'],
    ] as const) {
      const failing = new TracedFs(
        {
          fault: ({ op: called, path, from }) =>
            called === op && (from ?? path).endsWith(name) ? { code: 'ENOSPC' } : undefined,
        },
        fs.disk,
      );
      await refused(open(failing), 'ERR_RAFT_WAL_IO');
      expect(failing.leftOpen).to.deep.equal([]);
    }
    expect(await use(fs)).to.not.equal(first);
  });

  it('stays with a log that is put back', async () => {
    const first = await use(fs);
    const names = await fs.readdir('/member/wal');
    for (const name of names) await fs.rename(`/member/wal/${name}`, `/member/wal/${name}.away`);
    await refused(open(fs), 'ERR_RAFT_WAL_NOT_FOUND');
    for (const name of names) await fs.rename(`/member/wal/${name}.away`, `/member/wal/${name}`);
    expect(await use(fs)).to.equal(first);
  });

  it('has its file once it is durable, and that is durable before it is used', async () => {
    await use(fs);
    const calls = fs.trace(['write', 'datasync', 'rename', 'syncDirectory']);
    const from = calls.findIndex((line) => line.includes('incarnation'));
    expect(calls.slice(from, from + 4)).to.deep.equal([
      'write incarnation.tmp',
      'datasync incarnation.tmp',
      'rename incarnation.tmp incarnation',
      'syncDirectory member',
    ]);
  });

  for (const content of ['', 'me\n', '00000000-0000-0000-0000-00000000000', '\0'.repeat(37)]) {
    it(`is drawn again if the file does not hold one: ${JSON.stringify(content)}`, async () => {
      await use(fs);
      expect(warnings).to.deep.equal([]);
      await overwrite(fs, content);
      const made = await use(fs);
      expect(warnings).to.deep.equal([
        `${PATH} was damaged: the log has a new name, and members that knew the former refuse it`,
      ]);
      expect(made).to.match(/^[0-9a-f-]{36}$/u);
      expect(await text(fs)).to.equal(`${made}\n`);
    });
  }

  it('is made for a log of a version that kept none', async () => {
    await use(fs);
    await fs.unlink(PATH);
    const made = await use(fs);
    expect(await use(fs)).to.equal(made);
    expect(warnings).to.deep.equal([]);
  });

  it('that cannot be read is not replaced: the log does not open, and its lock is released', async () => {
    const first = await use(fs);
    const failing = new TracedFs(
      { fault: ({ op, path }) => (op === 'read' && path === PATH ? { code: 'EIO' } : undefined) },
      fs.disk,
    );
    await refused(open(failing), 'ERR_RAFT_WAL_IO');
    expect(failing.leftOpen).to.deep.equal([]);
    expect(await use(fs)).to.equal(first);
  });
});
