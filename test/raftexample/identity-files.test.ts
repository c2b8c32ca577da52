import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIdentity } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { replaceBuiltin, restoreBuiltins } from '../helpers/builtins.js';

describe('raftexample: the files beside a log, call by call', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'raft-ts-identity-'));
  });
  afterEach(() => {
    restoreBuiltins();
    rmSync(dir, { recursive: true, force: true });
  });

  it('a name that cannot be read is not drawn anew', async () => {
    await readIdentity(dir, true, [1n]);
    const failure = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' });
    const fails = (): Promise<never> => Promise.reject(failure);
    replaceBuiltin(promises, 'readFile', () => fails);
    const error = await readIdentity(dir, false, [1n]).catch((reason: unknown) => reason);
    expect((error as Error).cause).to.equal(failure);
    restoreBuiltins();
    expect(readdirSync(dir).sort()).to.deep.equal(['founders', 'incarnation']);
  });

  it('a name that nobody drew is not taken over', async () => {
    await readIdentity(dir, true, [1n]);
    writeFileSync(join(dir, 'incarnation'), 'me\n');
    const { incarnation } = await readIdentity(dir, false, [1n]);
    expect(incarnation).to.match(/^[0-9a-f-]{36}$/u);
    expect(readFileSync(join(dir, 'incarnation'), 'utf8')).to.equal(`${incarnation}\n`);
  });

  it('each has its name once it is durable, and the name is durable before it is used', async () => {
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
    await readIdentity(dir, true, [1n, 2n]);
    const kept = (name: string): string[] => [
      `write ${name}.tmp {"mode":384,"flush":true}`,
      `rename ${name}.tmp ${name}`,
      'sync folder',
      'close',
    ];
    expect(calls).to.deep.equal([...kept('incarnation'), ...kept('founders')]);
  });
});
