// Runs the tests on other releases of Node.js. The npm package `node` carries each release's binary, so nothing but the
// registry is needed; the binaries stay in node_modules/.cache.
//
// Usage: npm run test:releases -- [--on RELEASE]... [FOLDER OR FILE OF TESTS]...
//   e.g. `npm run test:releases -- --on 26 raft raftwal`; by default all tests on 20, 22, 24 and 26

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { root } from './workspaces.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { on: { type: 'string', multiple: true, default: ['20', '22', '24', '26'] } },
});
if (!values.on.every((release) => /^\d{2}$/.test(release))) {
  console.error(`--on wants a major release such as 24, not ${values.on.join(', ')}`);
  process.exit(2);
}
const specs = positionals.map((name) =>
  name.endsWith('.test.js') ? name : join('test/dist', name.replace(/^test\//, ''), '**/*.test.js'),
);

/** The binary of this major release: this process's own, or one from the registry. */
function binaryOf(release) {
  if (process.version.startsWith(`v${release}.`)) return process.execPath;
  const folder = join(root, 'node_modules/.cache/node', release);
  const binary = join(folder, 'node_modules/node/bin/node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const npm = ['install', '--no-audit', '--no-fund', '--loglevel=error', `node@${release}`];
  const { status } = spawnSync('npm', npm, { cwd: folder, stdio: 'inherit' });
  if (status !== 0 || !existsSync(binary)) throw new Error(`cannot install node@${release} in ${folder}`);
  return binary;
}

const results = values.on.map((release) => {
  const binary = binaryOf(release);
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n── Node.js ${version}`);
  const mocha = [join(root, 'node_modules/mocha/bin/mocha.js'), ...specs.flatMap((spec) => ['--spec', spec])];
  const { status } = spawnSync(binary, mocha, { cwd: root, stdio: 'inherit' });
  return { version, passed: status === 0 };
});

console.log();
for (const { version, passed } of results) console.log(`Node.js ${version}: ${passed ? 'passed' : 'FAILED'}`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
