import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';

import { expect } from 'chai';

import { type Finished, root, run, scratchFolder } from './repository.js';

interface Lock {
  readonly packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
}

/** Run the check on this repository's lock after `change`. */
async function check(change: (lock: Lock) => void): Promise<Finished> {
  const { path, remove } = await scratchFolder();
  try {
    for (const folder of ['scripts', 'docs/site']) await mkdir(join(path, folder), { recursive: true });
    for (const script of ['scripts/check-lock.mjs', 'scripts/lock.mjs']) {
      await copyFile(join(root, script), join(path, script));
    }
    const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as Lock;
    change(lock);
    await writeFile(join(path, 'package-lock.json'), JSON.stringify(lock));
    await copyFile(join(root, 'docs/site/package-lock.json'), join(path, 'docs/site/package-lock.json'));
    return await run(process.execPath, ['scripts/check-lock.mjs'], { cwd: path, timeoutMs: 10_000 });
  } finally {
    await remove();
  }
}

describe('package-lock.json', () => {
  it('has an entry for every optional package, and no download host', async () => {
    const { code, stderr } = await check(() => undefined);
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
  });

  it('is refused when the binary of another platform is missing', async () => {
    const { code, stderr } = await check(({ packages }) => {
      expect(packages).to.have.property('node_modules/@biomejs/cli-darwin-arm64');
      delete packages['node_modules/@biomejs/cli-darwin-arm64'];
    });
    expect(stderr).to.match(/^@biomejs\/cli-darwin-arm64@\S+ has no entry/);
    expect(code).to.equal(1);
  });

  it('is refused when it names a download host', async () => {
    const { code, stderr } = await check(({ packages }) => {
      const mocha = packages['node_modules/mocha'];
      if (mocha !== undefined) mocha.resolved = 'https://packages.example/mocha.tgz';
    });
    expect(stderr).to.match(/^node_modules\/mocha records where it was downloaded from/);
    expect(code).to.equal(1);
  });
});
