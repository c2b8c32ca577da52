import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
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

  it('the file has its name once it is durable, and the name is durable before it is used', async () => {
    const calls: string[] = [];
    replaceBuiltin(promises, 'writeFile', (real) => (file, data, options) => {
      calls.push(`write ${(file as string).split('/').at(-1)} ${JSON.stringify(options)}`);
      return real(file, data, options);
    });
    replaceBuiltin(promises, 'rename', (real) => (from, to) => {
      calls.push(`rename ${(from as string).split('/').at(-1)} ${(to as string).split('/').at(-1)}`);
      return real(from, to);
    });
    replaceBuiltin(promises, 'open', (real) => async (path, flags, mode) => {
      const handle = await real(path, flags, mode);
      return {
        sync: () => {
          calls.push(`sync ${path === dir ? 'folder' : 'another file'}`);
          return handle.sync();
        },
        close: () => {
          calls.push('close');
          return handle.close();
        },
      } as typeof handle;
    });
    await keptFounders(dir, true, [1n, 2n]);
    expect(calls).to.deep.equal([
      'write founders.tmp {"mode":384,"flush":true}',
      'rename founders.tmp founders',
      'sync folder',
      'close',
    ]);
  });
});
