// Runs the tests on other releases of Node.js.
//
// Usage: npm run test:releases -- [--on RELEASE]... [FOLDER OR FILE OF TESTS]...
//   e.g. `npm run test:releases -- --on 26 raft raftwal`; by default all tests on 20, 22, 24 and 26

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { helpIfAsked } from './help.mjs';
import { all, runLanes } from './lanes.mjs';
import { binaryOf } from './node-releases.mjs';

helpIfAsked(import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { on: { type: 'string', multiple: true, default: ['20', '22', '24', '26'] } },
});
if (!values.on.every((release) => /^\d{2}$/.test(release))) {
  console.error(`--on wants a major release such as 24, not ${values.on.join(', ')}`);
  process.exit(2);
}

/** The tests of a folder, or a file of tests, as a lane of its own. */
function laneOf(name) {
  const spec = name.endsWith('.test.js') ? name : join('test/dist', name.replace(/^test\//, ''), '**/*.test.js');
  return { name, specs: [spec] };
}

const lanes = positionals.length > 0 ? positionals.map(laneOf) : all;

const results = [];
for (const release of values.on) {
  const binary = binaryOf(release);
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n── Node.js ${version}`);
  results.push({ version, passed: await runLanes(binary, lanes, []) });
}

console.log();
for (const { version, passed } of results) console.log(`Node.js ${version}: ${passed ? 'passed' : 'FAILED'}`);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
