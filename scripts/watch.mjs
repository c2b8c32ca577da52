// The watch loop: runs tests from their sources, without a build, again whenever a file that they import is saved.
//
// Usage: npm run watch -- [AREA | FILE]... e.g. `npm run watch -- raft`, `npm run watch -- test/raft/log.test.ts`

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { helpIfAsked } from './help.mjs';
import { root } from './workspaces.mjs';

helpIfAsked(import.meta.url);

const wanted = process.argv.slice(2);
const specs = (wanted.length === 0 ? ['.'] : wanted).map((name) => {
  if (name.endsWith('.ts')) return name;
  if (!existsSync(join(root, 'test', name))) {
    console.error(`there is no folder test/${name}`);
    process.exit(2);
  }
  return join('test', name, '**/*.test.ts');
});

// The condition makes every package's exports lead to its sources instead of its build.
const args = ['watch', '--conditions=@raft-ts/source', join(root, 'node_modules/mocha/bin/mocha.js')];
const options = ['--no-config', '--timeout', '120000', ...specs.flatMap((spec) => ['--spec', spec])];
const child = spawn(join(root, 'node_modules/.bin/tsx'), [...args, ...options], { cwd: root, stdio: 'inherit' });
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
