// The tests: `npm test`. All of them run as two processes side by side: in the first those that start members or
// browsers as processes, and spend most of their time waiting for each other; in the second all the rest. Files that
// are named run in one process, as with mocha.
//
// Usage: npm test -- [--spec FILE]... [OPTION OF MOCHA]...

import { spawn, spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';

import { addUp, printSummary } from './summary.mjs';
import { root } from './workspaces.mjs';

/** The folders whose tests start members, or a browser, as processes. They take about as long as all the rest. */
const WITH_PROCESSES = 'test/dist/{chaos,interop,raftexample,view}/**/*.test.js';
const ALL = 'test/dist/**/*.test.js';

const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
const args = process.argv.slice(2);

if (args.some((arg) => /^--(spec|file|help|version)\b|^-[hV]$|\.js$/.test(arg))) {
  const { status } = spawnSync(process.execPath, [mocha, ...args], { cwd: root, stdio: 'inherit' });
  process.exit(status ?? 1);
}

const folder = mkdtempSync(join(tmpdir(), 'raft-ts-tests-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const lanes = [
  { name: 'members and browsers as processes', specs: ['--spec', WITH_PROCESSES], stdio: 'inherit' },
  { name: 'all other tests', specs: ['--spec', ALL, '--ignore', WITH_PROCESSES], stdio: join(folder, 'output') },
].map((lane, at) => ({ ...lane, summary: join(folder, `${at}.json`) }));

console.log(
  `Two processes share the tests. What follows is of the first, ${lanes[0].name}; the second reports after it.`,
);

const children = new Set();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of children) child.kill(signal);
  });
}

/** Runs the tests of a lane; resolves to whether its process ended well, after all that it wrote. */
async function run({ specs, stdio, summary }) {
  const out = stdio === 'inherit' ? stdio : openSync(stdio, 'w');
  const options = [...args, ...specs, '--reporter-option', `summary=${summary}`];
  // A pipe or a file would take the colours away that a terminal shows.
  const colour = process.stdout.isTTY && !args.includes('--no-color') ? ['--color'] : [];
  const child = spawn(process.execPath, [mocha, ...colour, ...options], { cwd: root, stdio: ['ignore', out, out] });
  children.add(child);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  children.delete(child);
  return code === 0;
}

/** What a lane wrote at its end, or one failure in its place if it did not get that far. */
function summaryOf({ name, summary }) {
  try {
    return JSON.parse(readFileSync(summary, 'utf8'));
  } catch {
    console.error(`The process with ${name} ended before its tests did.`);
    return undefined;
  }
}

const ended = await Promise.all(lanes.map(run));
console.log(`\n── ${lanes[1].name}`);
await pipeline(createReadStream(lanes[1].stdio), process.stdout, { end: false });

const summaries = lanes.map(summaryOf);
const known = summaries.filter((summary) => summary !== undefined);
const total = known.length > 0 ? addUp(known) : undefined;
if (total === undefined) {
  console.log('0 passed, 1 failed');
} else {
  printSummary({ ...total, failed: total.failed + (summaries.length - known.length) });
}
process.exitCode = ended.every(Boolean) && known.length === lanes.length ? 0 : 1;
