// The command `npm run coverage`: how much of the core its own tests reach. Fails where a test fails, where a branch of
// raft/src is not reached, and where branches are left out without a reason or in more than ten places.
//
// Usage: npm run coverage

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

import { helpIfAsked } from './help.mjs';
import { root } from './workspaces.mjs';

helpIfAsked(import.meta.url);

/** The tests that the core must be covered by: what other packages happen to reach is no proof. */
const areas = ['raft', 'interaction', 'proto'];

const MAX_IGNORES = 10;

const read = (path) => readFileSync(join(root, path), 'utf8');
const filesOf = (folder, suffix) =>
  readdirSync(join(root, folder), { recursive: true }).filter((file) => file.endsWith(suffix));

/** Files of types only: nothing in them can run. */
function withoutCode() {
  return filesOf('raft/dist', '.js')
    .filter((file) =>
      /^export \{\};$/.test(
        read(`raft/dist/${file}`)
          .replace(/^\s*\/\/.*$/gm, '')
          .trim(),
      ),
    )
    .flatMap((file) => [`raft/dist/${file}`, `raft/src/${file.replace(/\.js$/, '.ts')}`]);
}

/** Every place where branches are left out, with the comment above it that says why. */
function ignores() {
  return filesOf('raft/src', '.ts').flatMap((file) => {
    const lines = read(`raft/src/${file}`).split('\n');
    return lines.flatMap((line, i) => {
      if (!/(c8|v8|istanbul|node:coverage) (ignore|disable)/.test(line) || /ignore stop|coverage enable/.test(line))
        return [];
      const reason = /^\s*\/\/ (.+)$/.exec(lines[i - 1] ?? '')?.[1];
      return [{ place: `raft/src/${file}:${i + 1}`, reason }];
    });
  });
}

const patterns = (option, all) => all.flatMap((pattern) => [option, pattern]);
const { status } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules/c8/bin/c8.js'),
    '--all',
    ...patterns('--include', ['raft/dist/**/*.js', 'raft/src/**/*.ts']),
    ...patterns('--exclude', ['test/**', ...withoutCode()]),
    ...patterns('--reporter', ['text', 'html', 'json-summary']),
    ...['--check-coverage', '--branches', '100', '--lines', '100', '--statements', '0', '--functions', '0'],
    process.execPath,
    join(root, 'node_modules/mocha/bin/mocha.js'),
    '--reporter',
    'dot',
    ...patterns(
      '--spec',
      areas.map((area) => `test/dist/${area}/**/*.test.js`),
    ),
  ],
  { cwd: root, stdio: 'inherit' },
);

const found = ignores();
console.log(`${found.length} places of raft/src are left out (at most ${MAX_IGNORES} may be)`);
for (const { place, reason } of found) console.log(`  ${place}: ${reason ?? 'WITHOUT A REASON in the line above it'}`);

const excused = found.length <= MAX_IGNORES && found.every(({ reason }) => reason !== undefined);
process.exitCode = status === 0 && excused ? 0 : 1;
