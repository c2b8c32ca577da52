import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryRoot } from '../interaction/testdata.js';
import { replaySession } from './compare.js';
import { documentedReasons } from './documented.js';
import { buildOracle, Oracle } from './oracle.js';
import { appendRow, currentCommit, nextSeed, rowText } from './record.js';
import { sessionParts } from './regressions.js';
import { DifferentialRun, type Finding, type Totals } from './run.js';

const USAGE = `Runs random scripts and sessions through this implementation and through etcd's (Go), and compares.

Usage: npm run differential -- [OPTION…]

  --seeds N         how many seeds: one script and one session of some 240 inputs each (default 1000)
  --from SEED       the first one (default 1; with --record, the one after those that are recorded)
  --scripts-only    only scripts
  --lockstep-only   only sessions
  --record          append a line to docs/differential.md
  --replay FILE     show what both sides answer to the lines of a session
  --help            this text

A difference is made as short as it gets and written below test/dist/differential/found. Exit code: 0, 1 if there is a
difference, 2 for a wrong option. Without Go, or without a way to fetch etcd's raft, it says so and exits with 0.
`;

/** Enough to see what is wrong; more of them would be the same one again. */
const MOST_FINDINGS = 5;

/** Where the command's words go. */
export interface Console {
  out(text: string): void;
}

function readOptions(args: readonly string[]) {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string' },
      'scripts-only': { type: 'boolean', default: false },
      'lockstep-only': { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      replay: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const { seeds, from, 'scripts-only': scriptsOnly, 'lockstep-only': sessionsOnly } = values;
  const wholeNumber = (text: string): number => {
    if (!/^\d+$/.test(text)) throw new TypeError(`${text} is not a whole number`);
    return Number(text);
  };
  return {
    seeds: { from: from === undefined ? undefined : wholeNumber(from), count: wholeNumber(seeds) },
    parts: { scripts: !sessionsOnly, sessions: !scriptsOnly },
    record: values.record,
    replay: values.replay,
    help: values.help,
  };
}

/** Carries out the command; returns its exit code. */
export async function differential(args: readonly string[], console: Console): Promise<number> {
  let options: ReturnType<typeof readOptions>;
  try {
    options = readOptions(args);
  } catch (error) {
    console.out(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (options.help) {
    console.out(USAGE);
    return 0;
  }
  const unavailable = buildOracle();
  if (unavailable !== undefined) {
    console.out(`SKIPPED the differential run: ${unavailable.problem}\n`);
    return 0;
  }
  const oracle = new Oracle();
  try {
    if (options.replay !== undefined) return await replay(oracle, options.replay, console);
    const { seeds, parts, record } = options;
    const from = seeds.from ?? (record ? nextSeed() : 1);
    return await runSeeds(oracle, { from, count: seeds.count }, parts, record, console);
  } finally {
    oracle.close();
  }
}

async function replay(oracle: Oracle, file: string, console: Console): Promise<number> {
  const [text] = sessionParts(readFileSync(resolve(process.env['INIT_CWD'] ?? '.', file), 'utf8'));
  const lines = text.trimEnd().split('\n');
  const played = replaySession(lines);
  const theirs = await oracle.ask('session', played.lines);
  console.out(`── ours\n${played.expected}${played.refusals.join('\n')}\n── etcd's\n${theirs}\n`);
  return theirs.startsWith(played.expected) ? 0 : 1;
}

async function runSeeds(
  oracle: Oracle,
  seeds: { readonly from: number; readonly count: number },
  parts: { readonly scripts: boolean; readonly sessions: boolean },
  record: boolean,
  console: Console,
): Promise<number> {
  const run = new DifferentialRun(oracle, documentedReasons());
  let last = seeds.from - 1;
  await run.run(seeds, parts, (seed) => {
    last = seed;
    if ((seed - seeds.from + 1) % 1000 === 0) console.out(`seed ${seed}: ${summary(run.totals)}\n`);
    return run.findings.length < MOST_FINDINGS;
  });
  for (const finding of run.findings) console.out(report(finding));
  console.out(details(run.totals));
  console.out(`seeds ${seeds.from} to ${last}: ${summary(run.totals)}, ${run.findings.length} differences\n`);
  if (record) appendRow(rowText({ from: seeds.from, to: last }, run.totals, run.findings.length, currentCommit()));
  return run.findings.length > 0 ? 1 : 0;
}

function summary({ scripts, commands, sessions, inputs, changed }: Totals): string {
  const share = inputs === 0 ? '' : ` (${((100 * changed) / inputs).toFixed(0)} % changed state)`;
  return `${scripts} scripts with ${commands} commands, ${sessions} sessions with ${inputs} inputs${share}`;
}

/** What was refused, and what ended early. */
function details({ refused, aborted, endless, panicked }: Totals): string {
  const lines = [...refused].map(([reason, { panic, followed, ignored }]) => {
    return `  ${reason}: etcd panicked ${panic} times, followed ${followed}, ignored ${ignored}\n`;
  });
  lines.sort();
  const ended = `ended early alike: ${aborted} scripts, ${panicked} sessions; endless: ${endless} scripts\n`;
  return `refused by this side alone:\n${lines.join('')}${ended}`;
}

/** Writes a finding to a file and says where and what it is. */
function report({ kind, seed, difference, text }: Finding): string {
  const folder = join(repositoryRoot, 'test/dist/differential/found');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${kind}-${seed}.txt`);
  writeFileSync(file, text);
  const name = relative(process.cwd(), file);
  const again = kind === 'script' ? `npm run interact -- --check ${name}` : `npm run differential -- --replay ${name}`;
  return (
    `DIFFERENCE in ${difference.what}, ${kind} of seed ${seed}; again: ${again}\n` +
    `── ours\n${difference.ours}\n── etcd's\n${difference.theirs}\n\n`
  );
}
