import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { expect } from 'chai';

import { type Finished, root, run, scratchFolder } from './repository.js';

/** Runs the check on a repository with one package of one source. */
async function check(source: string): Promise<Finished> {
  const { path, remove } = await scratchFolder();
  try {
    for (const folder of ['scripts', 'one/src']) await mkdir(join(path, folder), { recursive: true });
    for (const script of ['check-expressions.mjs', 'expressions.mjs', 'workspaces.mjs']) {
      await copyFile(join(root, 'scripts', script), join(path, 'scripts', script));
    }
    await symlink(join(root, 'node_modules'), join(path, 'node_modules'));
    await writeFile(join(path, 'package.json'), '{ "workspaces": ["one"] }');
    await writeFile(join(path, 'one/package.json'), '{ "name": "one" }');
    await writeFile(join(path, 'one/src/source.ts'), source);
    return await run(process.execPath, ['scripts/check-expressions.mjs'], { cwd: path, timeoutMs: 60_000 });
  } finally {
    await remove();
  }
}

describe('regular expressions', () => {
  it('pass if each takes linear time', async () => {
    const { code, stdout, stderr } = await check(
      'export const digits = (text: string): boolean => /^[0-9]+$/u.test(text) || /a\\/b/.test(text);',
    );
    expect(stderr).to.equal('');
    expect(stdout).to.equal('regular expressions: 2, 0 problems\n');
    expect(code).to.equal(0);
  });

  it('fail if one takes quadratic time, with a text on which it does', async () => {
    const { code, stderr } = await check(
      'export const parts = (path: string): unknown => /^(.*?)\\/+([^/]*)$/u.exec(path);',
    );
    expect(stderr).to.match(/^one\/src\/source\.ts: \/\S+\/u takes 2nd degree polynomial time, for example on /u);
    expect(code).to.equal(1);
  });

  it('fail if one takes exponential time', async () => {
    const { code, stderr } = await check('export const all: RegExp = /^(a|a)*$/;');
    expect(stderr).to.include('takes exponential time');
    expect(code).to.equal(1);
  });

  for (const expression of ["new RegExp('a+')", 'RegExp(text)', "text.match('a+')"]) {
    it(`fail if one is put together at run time: ${expression}`, async () => {
      const { code, stderr } = await check(`export const found = (text: string): unknown => ${expression};`);
      expect(stderr).to.include('is put together at run time');
      expect(code).to.equal(1);
    });
  }
});
