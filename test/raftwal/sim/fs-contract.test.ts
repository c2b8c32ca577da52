import { lstat, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fs, NodeFs } from '@raft-ts/raftwal';
import { readFully, writeFully } from '@raft-ts/raftwal/internal';
import { SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { rejectionCode } from './rejection.js';

const text = (words: string): Uint8Array => Buffer.from(words);

/** The contract of every file system; `root` is an empty directory. */
function describeFs(name: string, start: () => Promise<{ fs: Fs; root: string; end(): Promise<void> }>): void {
  describe(`Fs: ${name}`, () => {
    let fs: Fs;
    let root: string;
    let end: () => Promise<void>;
    beforeEach(async () => {
      ({ fs, root, end } = await start());
    });
    afterEach(() => end());

    it('reads back what was written, and zeros elsewhere', async () => {
      const file = await fs.open(`${root}/a`, { write: true, create: true });
      await writeFully(file, text('hello'), 1000);
      expect(await file.size()).to.equal(1005);
      const into = new Uint8Array(2000).fill(7);
      expect(await readFully(file, into, 0)).to.equal(1005);
      expect(into.subarray(0, 1000).every((byte) => byte === 0)).to.equal(true);
      expect(Buffer.from(into.subarray(1000, 1005)).toString()).to.equal('hello');
      expect(into[1005]).to.equal(7);
      expect(await file.read(into, 1005)).to.equal(0);
      expect(await file.read(into, 5000)).to.equal(0);
      await file.datasync();
      await file.close();
    });

    it('truncates, and what a file gains again reads as zeros', async () => {
      const file = await fs.open(`${root}/a`, { write: true, create: true, exclusive: true });
      await writeFully(file, new Uint8Array(1500).fill(1), 0);
      await file.truncate(700);
      expect(await file.size()).to.equal(700);
      await file.truncate(1400);
      const into = new Uint8Array(1400);
      expect(await readFully(file, into, 0)).to.equal(1400);
      expect(into.subarray(0, 700).every((byte) => byte === 1)).to.equal(true);
      expect(into.subarray(700).every((byte) => byte === 0)).to.equal(true);
      await file.close();
    });

    it('writes through a handle that was opened for it', async () => {
      const file = await fs.open(`${root}/a`, { write: true, create: true, writeThrough: true });
      await writeFully(file, text('durable'), 0);
      await file.close();
      const again = await fs.open(`${root}/a`);
      const into = new Uint8Array(7);
      await readFully(again, into, 0);
      expect(Buffer.from(into).toString()).to.equal('durable');
      expect(await rejectionCode(again.write(into, 0))).to.equal('EBADF');
      await again.close();
    });

    it('creates only what it is told to, and only if the name is free', async () => {
      expect(await rejectionCode(fs.open(`${root}/a`))).to.equal('ENOENT');
      expect(await rejectionCode(fs.open(`${root}/a`, { write: true }))).to.equal('ENOENT');
      expect(await rejectionCode(fs.open(`${root}/missing/a`, { write: true, create: true }))).to.equal('ENOENT');
      const first = await fs.open(`${root}/a`, { write: true, create: true });
      await writeFully(first, text('kept'), 0);
      await first.close();
      expect(await rejectionCode(fs.open(`${root}/a`, { write: true, create: true, exclusive: true }))).to.equal(
        'EEXIST',
      );
      const second = await fs.open(`${root}/a`, { write: true, create: true });
      expect(await second.size()).to.equal(4);
      await second.close();
      const third = await fs.open(`${root}/a`, { write: true, truncate: true });
      expect(await third.size()).to.equal(0);
      await third.close();
      expect(await rejectionCode(fs.open(`${root}/a/b`))).to.equal('ENOTDIR');
      expect(await rejectionCode(fs.open(root, { write: true }))).to.equal('EISDIR');
    });

    it('lists, renames over a file, unlinks while open', async () => {
      for (const name of ['b', 'a', 'c'])
        await (await fs.open(`${root}/${name}`, { write: true, create: true })).close();
      expect(await fs.readdir(root)).to.deep.equal(['a', 'b', 'c']);
      const file = await fs.open(`${root}/a`, { write: true });
      await writeFully(file, text('moved'), 0);
      await fs.rename(`${root}/a`, `${root}/b`);
      await fs.syncDirectory(root);
      expect(await fs.readdir(root)).to.deep.equal(['b', 'c']);
      await fs.unlink(`${root}/b`);
      expect(await fs.readdir(root)).to.deep.equal(['c']);
      expect(await file.size()).to.equal(5);
      await file.close();
      expect(await rejectionCode(fs.unlink(`${root}/b`))).to.equal('ENOENT');
      expect(await rejectionCode(fs.rename(`${root}/b`, `${root}/d`))).to.equal('ENOENT');
    });

    it('makes, renames and removes directories', async () => {
      await fs.mkdir(`${root}/d`);
      expect(await rejectionCode(fs.mkdir(`${root}/d`))).to.equal('EEXIST');
      expect(await rejectionCode(fs.mkdir(`${root}/x/y`))).to.equal('ENOENT');
      await (await fs.open(`${root}/d/f`, { write: true, create: true })).close();
      await fs.mkdir(`${root}/e`);
      await fs.rename(`${root}/d`, `${root}/e`);
      expect(await fs.readdir(root)).to.deep.equal(['e']);
      expect(await fs.readdir(`${root}/e`)).to.deep.equal(['f']);
      await fs.mkdir(`${root}/d`);
      expect(await rejectionCode(fs.rename(`${root}/d`, `${root}/e`))).to.equal('ENOTEMPTY');
      expect(await rejectionCode(fs.rmdir(`${root}/e`))).to.equal('ENOTEMPTY');
      await fs.unlink(`${root}/e/f`);
      await fs.rmdir(`${root}/e`);
      expect(await fs.readdir(root)).to.deep.equal(['d']);
      expect(await rejectionCode(fs.readdir(`${root}/e`))).to.equal('ENOENT');
      expect(await rejectionCode(fs.syncDirectory(`${root}/e`))).to.equal('ENOENT');
    });

    it('fails every call on a handle that was closed, and closes twice', async () => {
      const file = await fs.open(`${root}/a`, { write: true, create: true });
      await file.close();
      await file.close();
      const other = await fs.open(`${root}/b`, { write: true, create: true });
      for (const late of [
        file.write(text('x'), 0),
        file.read(new Uint8Array(1), 0),
        file.datasync(),
        file.truncate(3),
      ]) {
        expect(await rejectionCode(late)).to.be.oneOf(['EBADF', 'ERR_OUT_OF_RANGE']);
      }
      expect(await other.size()).to.equal(0);
      await other.close();
    });
  });
}

describeFs('of this machine', async () => {
  const root = await mkdtemp(join(tmpdir(), 'raft-fs-'));
  return { fs: new NodeFs(), root, end: () => rm(root, { recursive: true }) };
});

describeFs('simulated', async () => {
  const fs = new SimFs();
  await fs.mkdir('/root');
  return { fs, root: '/root', end: async () => {} };
});

describeFs('simulated, with short reads and writes', async () => {
  const fs = new SimFs(undefined, {
    fault: (call) => (call.op === 'read' || call.op === 'write' ? { short: 3 } : undefined),
  });
  await fs.mkdir('/root');
  return { fs, root: '/root', end: async () => {} };
});

describe('NodeFs', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'raft-fs-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it('makes files only for their owner', async () => {
    const fs = new NodeFs();
    await fs.mkdir(`${root}/d`);
    await (await fs.open(`${root}/d/f`, { write: true, create: true })).close();
    expect((await lstat(`${root}/d`)).mode & 0o777).to.equal(0o700);
    expect((await lstat(`${root}/d/f`)).mode & 0o777).to.equal(0o600);
  });

  it('follows no symbolic link to a file, whether it leads anywhere or not', async () => {
    const fs = new NodeFs();
    await writeFile(`${root}/target`, 'precious');
    await symlink(`${root}/target`, `${root}/link`);
    await symlink(`${root}/nowhere`, `${root}/dangling`);
    expect(await rejectionCode(fs.open(`${root}/link`))).to.equal('ELOOP');
    expect(await rejectionCode(fs.open(`${root}/link`, { write: true, create: true, truncate: true }))).to.equal(
      'ELOOP',
    );
    expect(await rejectionCode(fs.open(`${root}/dangling`, { write: true, create: true }))).to.equal('ELOOP');
    expect((await lstat(`${root}/target`)).size).to.equal(8);
  });

  it('lets a directory be reached through a link, which is how data directories are moved to other disks', async () => {
    const fs = new NodeFs();
    await mkdir(`${root}/real`);
    await symlink(`${root}/real`, `${root}/link`);
    await (await fs.open(`${root}/link/f`, { write: true, create: true })).close();
    await fs.syncDirectory(`${root}/link`);
    expect(await fs.readdir(`${root}/real`)).to.deep.equal(['f']);
  });

  it('asks the lock function it was given about the open file, and has no locks without one', async () => {
    const asked: [number, object][] = [];
    const answers = [true, false];
    const fs = new NodeFs({
      tryLock: (...one) => {
        asked.push(one);
        return answers.shift() as boolean;
      },
    });
    const file = await fs.open(`${root}/f`, { write: true, create: true });
    expect(await file.lock()).to.equal(true);
    expect(await file.lock({ shared: true })).to.equal(false);
    expect(asked.map(([, options]) => options)).to.deep.equal([{}, { shared: true }]);
    expect(asked[0]?.[0]).to.be.a('number');
    await file.close();
    const plain = await new NodeFs().open(`${root}/f`);
    expect(await rejectionCode(plain.lock())).to.equal('ENOTSUP');
    await plain.close();
  });
});
