import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keptFounders } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';

describe('raftexample: the founders beside a log, call by call', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'raft-ts-identity-'));
  });
  afterEach(() => {
    restoreBuiltins();
    rmSync(dir, { recursive: true, force: true });
  });

  it('what cannot be read does not pass for missing', async () => {
    await keptFounders(dir, true, [1n]);
    const failure = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
    const fails = (): Promise<never> => Promise.reject(failure);
    replaceBuiltin(promises, 'readFile', () => fails);
    const error = await keptFounders(dir, false, [1n]).catch((reason: unknown) => reason);
    expect((error as Error).cause).to.equal(failure);
    restoreBuiltins();
    expect(readdirSync(dir)).to.deep.equal(['founders']);
  });

  it('what an interrupted start has left is not in the way, and the file is for its owner alone', async () => {
    writeFileSync(join(dir, 'founders.tmp'), 'half of 1,2,3,4,5,6,7,8', { mode: 0o600 });
    await keptFounders(dir, true, [1n, 2n]);
    expect(readdirSync(dir)).to.deep.equal(['founders']);
    expect(readFileSync(join(dir, 'founders'), 'utf8')).to.equal('1,2\n');
    expect(statSync(join(dir, 'founders')).mode & 0o777).to.equal(0o600);
    expect(await keptFounders(dir, false, [3n])).to.deep.equal([1n, 2n]);
  });

  it('a folder that takes no files is named, with what to do', async () => {
    const error = await keptFounders(join(dir, 'gone'), true, [1n]).catch((reason: unknown) => reason);
    expect(error).to.include({ code: 'ERR_RAFT_WAL_IO', reason: 'ENOENT', operation: 'open' });
    expect((error as Error).message).to.include(join(dir, 'gone', 'founders.tmp'));
  });
});
