// Runs the tests on other releases of Node.js.
//
// Usage: npm run test:releases -- [--on RELEASE]... [FOLDER OR FILE OF TESTS]...
//   e.g. `npm run test:releases -- --on 26 raft raftwal`; by default all tests on 20, 22, 24 and 26

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { helpIfAsked } from './help.mjs';
import { binaryOf } from './node-releases.mjs';
import { root } from './workspaces.mjs';

helpIfAsked(import.meta.url);

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
