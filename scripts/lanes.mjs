// Parts of the tests, each as a process of mocha, three at a time: most of them wait as much as they work, so two would
// leave a processor idle for a third of the run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { addUp, printSummary } from './summary.mjs';
import { root } from './workspaces.mjs';

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {string[]} specs globs of the files of tests
 * @property {string[]} [ignore] globs of those that are not its own
 */

const AT_ONCE = 3;

const mocha = join(root, 'node_modules/mocha/bin/mocha.js');

/** The folders whose tests start members, or a browser, as processes. */
const WITH_PROCESSES = '{chaos,interop,raftexample,view}';
const OF_STORE = 'test/dist/raftexample/kv-*.test.js';
/** The core, the wire and the log. */
const BELOW = '{proto,raft,rafthttp,raftwal}';

const testsIn = (folders) => `test/dist/${folders}/**/*.test.js`;

/** All tests, each in one lane. @type {Lane[]} */
export const all = [
  { name: 'members as processes', specs: [testsIn('{chaos,interop,raftexample}')], ignore: [OF_STORE] },
  { name: 'documents and packages', specs: [testsIn('repo')] },
  { name: 'the store', specs: [OF_STORE] },
  { name: 'the core, the wire and the log', specs: [testsIn(BELOW)] },
  { name: 'pages in a browser', specs: [testsIn('view')] },
  {
    name: 'replicas, and the rest',
    specs: [testsIn('**')],
    ignore: [testsIn(WITH_PROCESSES), testsIn(BELOW), testsIn('{repo,sim}')],
  },
  { name: 'the simulator', specs: [testsIn('sim')] },
];

/**
 * Runs the lanes, and prints what each wrote, the first one's as it comes and the others' when they end, and then one
 * summary of all.
 *
 * @param {string} node the binary of Node.js
 * @param {Lane[]} lanes in the order in which they begin: the longest first
 * @param {string[]} args further options of mocha
 * @returns {Promise<boolean>} whether all tests passed
 */
export async function runLanes(node, lanes, args) {
  const folder = mkdtempSync(join(tmpdir(), 'raft-ts-tests-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const waiting = lanes.map((lane, at) => ({
    ...lane,
    summary: join(folder, `${at}.json`),
    output: at === 0 ? undefined : join(folder, `${at}.txt`),
  }));
  console.log(
    waiting.length === 1
      ? `── ${waiting[0].name}`
      : `The tests run in ${waiting.length} parts, three at a time. What follows is of the first, ${waiting[0].name}; ` +
          'the others report when they end.',
  );

  const stop = stopper();
  /** Of the lanes that have ended, whether all went well, and what they wrote at their end. */
  const ended = { well: true, summaries: [], lost: 0 };
  let printed = Promise.resolve();
  let live = true;
  const held = [];
  const worker = async () => {
    for (let lane = waiting.shift(); lane !== undefined && !stop.told; lane = waiting.shift()) {
      const current = lane;
      const code = await run(node, current, args, stop);
      ended.well &&= code === 0;
      const summary = summaryOf(current);
      if (summary === undefined) ended.lost += 1;
      else ended.summaries.push(summary);
      // The output of one lane never stands within another's.
      if (current.output === undefined) live = false;
      else held.push(current);
      if (!live) for (const one of held.splice(0)) printed = printed.then(() => print(one));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await printed;

  const { summaries, lost } = ended;
  if (summaries.length === 0) {
    console.log('0 passed, 1 failed');
  } else {
    const total = addUp(summaries);
    printSummary({ ...total, failed: total.failed + lost });
  }
  // Whoever stopped these tests wants no others: those of the next release.
  if (stop.told) process.exit(1);
  return ended.well && lost === 0;
}

/** Passes signals on to the processes that run, and begins no others after one. */
function stopper() {
  const stop = { told: false, children: new Set() };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.once(signal, () => {
      stop.told = true;
      for (const child of stop.children) child.kill(signal);
    });
  }
  return stop;
}

/** Resolves to the exit code of a lane, after all that its process wrote. */
async function run(node, { specs, ignore = [], output, summary }, args, { children }) {
  const out = output === undefined ? 'inherit' : openSync(output, 'w');
  // A pipe or a file would take the colours away that a terminal shows.
  const colour = process.stdout.isTTY && !args.includes('--no-color') ? ['--color'] : [];
  const options = [
    ...colour,
    ...args,
    ...specs.flatMap((spec) => ['--spec', spec]),
    ...ignore.flatMap((spec) => ['--ignore', spec]),
    ...['--reporter-option', `summary=${summary}`],
  ];
  const child = spawn(node, [mocha, ...options], { cwd: root, stdio: ['ignore', out, out] });
  children.add(child);
  const code = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  children.delete(child);
  return code;
}

/** What a lane wrote at its end; undefined if it did not get that far. */
function summaryOf({ name, summary }) {
  try {
    return JSON.parse(readFileSync(summary, 'utf8'));
  } catch {
    console.error(`The process with ${name} ended before its tests did.`);
    return undefined;
  }
}

async function print({ name, output }) {
  console.log(`\n── ${name}`);
  // Not by `pipeline`, which leaves listeners behind at what it does not end.
  for await (const chunk of createReadStream(output)) {
    if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
  }
}
