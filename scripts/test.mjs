// The tests: `npm test`. Files that are named run in one process, as with mocha; all of them as `lanes.mjs` shares them
// out.
//
// Usage: npm test -- [--spec FILE]... [OPTION OF MOCHA]...

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';

import { all, runLanes } from './lanes.mjs';
import { root } from './workspaces.mjs';

const args = process.argv.slice(2);

if (args.some((arg) => /^--(spec|file|help|version)\b|^-[hV]$|\.js$/.test(arg))) {
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const { status } = spawnSync(process.execPath, [mocha, ...args], { cwd: root, stdio: 'inherit' });
  process.exit(status ?? 1);
}

process.exitCode = (await runLanes(process.execPath, all, args)) ? 0 : 1;
