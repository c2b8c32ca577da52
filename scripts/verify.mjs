// Every check, in the order in which a failure is cheapest to find. Writes nothing that git tracks.
//
// Usage: npm run verify -- [--skip NAME]...

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { helpIfAsked } from './help.mjs';
import { root } from './workspaces.mjs';

helpIfAsked(import.meta.url);

const bin = (name) => join(root, 'node_modules/.bin', name);
const script = (name) => [process.execPath, join(root, 'scripts', name)];

// biome colours what it prints even where no terminal shows it.
const colors = process.stdout.isTTY ? 'force' : 'off';

const checks = [
  { name: 'lock', command: script('check-lock.mjs') },
  { name: 'format', command: [bin('biome'), 'ci', '--error-on-warnings', `--colors=${colors}`] },
  { name: 'lint', command: [bin('oxlint')] },
  { name: 'expressions', command: script('check-expressions.mjs') },
  { name: 'log lines', command: script('check-log-lines.mjs') },
  { name: 'types', command: ['npm', 'run', '--silent', 'build'] },
  { name: 'packages', command: script('check-packages.mjs') },
  { name: 'tests', command: script('test.mjs') },
];

const { values } = parseArgs({ options: { skip: { type: 'string', multiple: true, default: [] } } });
const unknown = values.skip.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  console.error(`no check is called ${unknown.join(', ')}: they are ${checks.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}

const failed = [];
for (const { name, command } of checks) {
  if (values.skip.includes(name)) continue;
  console.log(`\n── ${name}`);
  const began = performance.now();
  const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' });
  if (status !== 0) failed.push(name);
  console.log(`── ${name}: ${status === 0 ? 'ok' : 'FAILED'}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
console.log(failed.length === 0 ? '\nverify: everything holds' : `\nverify: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
