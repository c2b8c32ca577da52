import fs from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { NodeFs } from '@raft-ts/raftwal/internal';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';
import { failure } from './logs.js';
import { removeScratch, scratchFolder } from './vectors.js';

const { O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants;

/** The calls of `node:fs` that this file checks. */
interface Asked {
  readonly call: string;
  readonly path?: string;
  readonly flags?: number;
  readonly mode?: number;
  readonly fd?: number;
}

describe("this machine's file system, call by call", () => {
  const asked: Asked[] = [];
  const names = (): string[] => asked.map(({ call }) => call);

  beforeEach(() => {
    asked.length = 0;
    // Their many forms do not matter here: this package uses one of each.
    const watch = (name: 'open' | 'mkdir' | 'fsync' | 'fdatasync' | 'close', note: (...args: never[]) => Asked) =>
      replaceBuiltin(fs, name, (real) =>
        Object.assign((...args: never[]) => {
          asked.push(note(...args));
          return (real as (...all: never[]) => void)(...args);
        }, real),
      );
    watch('open', (path: string, flags: number, mode: number) => ({ call: 'open', path, flags, mode }));
    watch('mkdir', (path: string, { mode }: { mode: number }) => ({ call: 'mkdir', path, mode }));
    for (const name of ['fsync', 'fdatasync', 'close'] as const) watch(name, (fd: number) => ({ call: name, fd }));
  });
  afterEach(() => {
    restoreBuiltins();
    removeScratch();
  });

  it('opens files only for their owner, and follows no link', async () => {
    const path = join(scratchFolder(), 'file');
    await (await new NodeFs().open(path, { write: true, create: true, exclusive: true, truncate: true })).close();
    const [{ flags = 0, mode } = {}] = asked;
    const wanted = O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_NOFOLLOW;
    expect([flags & (wanted | O_WRONLY), mode]).to.deep.equal([wanted, 0o600]);
    await (await new NodeFs().open(path)).close();
    expect((asked[2]?.flags ?? 0) & (wanted | O_WRONLY)).to.equal(O_NOFOLLOW);
    await new NodeFs().mkdir(join(scratchFolder(), 'folder'));
    expect(asked.at(-1)?.mode).to.equal(0o700);
  });

  it('makes each write durable if that is requested', async () => {
    const file = await new NodeFs().open(join(scratchFolder(), 'file'), {
      write: true,
      create: true,
      writeThrough: true,
    });
    await file.write(new Uint8Array(10), 0);
    await file.close();
    if (process.platform === 'linux') expect((asked[0]?.flags ?? 0) & O_DSYNC).to.equal(O_DSYNC);
    else expect(names()).to.deep.equal(['open', 'fdatasync', 'close']);
  });

  it('syncs the file that it is told to, and no other way', async () => {
    const file = await new NodeFs().open(join(scratchFolder(), 'file'), { write: true, create: true });
    await file.write(new Uint8Array(10), 0);
    expect(names()).to.deep.equal(['open']);
    await file.datasync();
    await file.close();
    expect(names()).to.deep.equal(['open', 'fdatasync', 'close']);
    expect(asked[1]?.fd).to.equal(asked[2]?.fd);
  });

  it('syncs a folder, and closes it even if that fails', async function onPosix() {
    if (process.platform === 'win32') {
      console.log('      skipped: Windows does not sync folders');
      this.skip();
    }
    const folder = scratchFolder();
    await new NodeFs().syncDirectory(folder);
    expect(names()).to.deep.equal(['open', 'fsync', 'close']);
    expect((asked[0]?.flags ?? 0) & O_DIRECTORY).to.equal(O_DIRECTORY);
    asked.length = 0;
    replaceBuiltin(fs, 'fsync', (real) =>
      Object.assign((_fd: number, done: (error: Error) => void) => done(new Error('EIO')), real),
    );
    expect((await failure(new NodeFs().syncDirectory(folder))).message).to.equal('EIO');
    expect(names()).to.deep.equal(['open', 'close']);
  });

  it('a handle that is closed reaches no file any more', async () => {
    const folder = scratchFolder();
    const one = await new NodeFs().open(join(folder, 'one'), { write: true, create: true });
    await one.close();
    await one.close();
    expect(names()).to.deep.equal(['open', 'close']);
    // It is given the number of the first one.
    const two = await new NodeFs().open(join(folder, 'two'), { write: true, create: true });
    for (const late of [one.write(new Uint8Array(10), 0), one.truncate(5), one.datasync()]) {
      expect((await failure(late)).code).to.equal('ERR_OUT_OF_RANGE');
    }
    expect(await two.size()).to.equal(0);
    await two.close();
  });
});
