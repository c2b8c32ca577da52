/**
 * Runs a workload on this implementation and, if Go is present, on the programs of test/reference, in turn, and
 * prints best, spread and ratio. Only ratios within one run mean anything.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alone, type Case, long, numberText, type Result, withoutAnchor, workloads } from './cases.js';

interface Row {
  readonly workload: string;
  readonly case: string;
  readonly ours: number;
  readonly anchor: number | null;
  /** Above 1: ours is better. */
  readonly ratio: number | null;
}

const here = fileURLToPath(new URL('.', import.meta.url));
const reference = fileURLToPath(new URL('../../reference', import.meta.url));

type Output = { results: Result[] } | { append: Result[]; read: Result };

function resultsOf(command: string, args: readonly string[]): Result[] {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  const last = JSON.parse(stdout.trim().split('\n').at(-1) as string) as Output;
  // The log's program of the reference prints its two parts by name.
  return 'results' in last ? last.results : [...last.append, last.read];
}

/** Runs one side of a workload with these flags. */
type Side = (flags: readonly string[]) => Result[];

interface Sides {
  readonly ours: Side;
  /** `undefined` if there are no Go programs, or none of this name. */
  readonly anchor: Side | undefined;
}

/** Builds these Go programs into a folder; returns false, saying why, if that is not possible. */
function build(programs: readonly string[], folder: string): boolean {
  const packages = programs.map((name) => `./cmd/${name}`);
  const { status, stderr, error } = spawnSync('go', ['build', '-o', folder, ...packages], {
    cwd: reference,
    encoding: 'utf8',
  });
  if (status !== 0) console.error(`no Go figures: ${error === undefined ? stderr.trim() : 'there is no Go toolchain'}`);
  return status === 0;
}

/** @param built folder of the Go programs, if they are built. @param scratch a folder to build them in */
function sidesOf(workload: string, built: string | undefined, scratch: string): Sides | undefined {
  const program = join(here, `${workload}.js`);
  const ours: Side = (flags) => resultsOf(process.execPath, ['--expose-gc', program, ...flags]);
  if (withoutAnchor.includes(workload)) return { ours, anchor: undefined };
  const both = workload === 'cluster';
  const folder = built ?? (build(both ? ['cluster', 'member'] : [workload], scratch) ? scratch : undefined);
  // The load comes from a Go program on both sides.
  if (both) return folder === undefined ? undefined : { ours: withGo(ours, folder), anchor: withGo(ours, folder) };
  return { ours, anchor: folder === undefined ? undefined : (flags) => resultsOf(join(folder, workload), flags) };
}

function withGo(side: Side, folder: string): Side {
  return (flags) => side(['--go', folder, ...flags]);
}

interface Samples {
  readonly ours: number[];
  readonly anchor: number[];
}

function collect(workload: string, cases: readonly Case[], rounds: number, { ours: own, anchor }: Sides): Samples[] {
  const samples = cases.map((): Samples => ({ ours: [], anchor: [] }));
  for (let round = 1; round <= rounds; round++) {
    // Cases that differ only in the figure they read share one run of each side.
    const runs = new Map<string, { ours: Result[]; anchor: Result[] | undefined }>();
    for (const [i, { name, figure, ours, anchor: flags, matches }] of cases.entries()) {
      const key = `${ours.join(' ')}|${flags.join(' ')}`;
      let run = runs.get(key);
      if (run === undefined) {
        console.error(`round ${round} of ${rounds}: ${workload} ${name}`);
        const theirs = (): Result[] | undefined => anchorRun(anchor, flags, runs);
        // Which side goes first alternates.
        const first = round % 2 === 0 ? theirs() : undefined;
        run = { ours: own(ours), anchor: first ?? theirs() };
        runs.set(key, run);
      }
      const sample = samples[i] as Samples;
      sample.ours.push(Number(run.ours.find(matches)?.[figure]));
      const theirs = run.anchor?.find(matches)?.[figure];
      if (theirs !== undefined) sample.anchor.push(Number(theirs));
    }
  }
  return samples;
}

/** Go's results for these flags; one run of a round serves all cases with the same flags. */
function anchorRun(
  anchor: Side | undefined,
  flags: readonly string[],
  runs: ReadonlyMap<string, { anchor: Result[] | undefined }>,
): Result[] | undefined {
  if (anchor === undefined) return undefined;
  for (const [key, run] of runs) if (key.endsWith(`|${flags.join(' ')}`)) return run.anchor;
  return anchor(flags);
}

function best(values: readonly number[], higherIsBetter: boolean): number {
  return higherIsBetter ? Math.max(...values) : Math.min(...values);
}

function spread(values: readonly number[]): string {
  return `${numberText(Math.min(...values))} – ${numberText(Math.max(...values))}`;
}

function report(workload: string, cases: readonly Case[], samples: readonly Samples[]): Row[] {
  const rows: Row[] = [];
  console.log(`\n## ${workload}\n`);
  console.log('| case | ours, best | spread | Go, best | spread | ours ÷ Go |');
  console.log('|---|--:|--:|--:|--:|--:|');
  for (const [i, { name, figure, higherIsBetter }] of cases.entries()) {
    const { ours, anchor } = samples[i] as Samples;
    const mine = best(ours, higherIsBetter);
    const theirs = anchor.length > 0 ? best(anchor, higherIsBetter) : null;
    const ratio = theirs === null ? null : Math.round((higherIsBetter ? mine / theirs : theirs / mine) * 100) / 100;
    rows.push({ workload, case: name, ours: mine, anchor: theirs, ratio });
    const go = theirs === null ? ['–', '–', '–'] : [numberText(theirs), spread(anchor), `**${ratio}**`];
    console.log(`| ${name} (${figure}) | ${numberText(mine)} | ${spread(ours)} | ${go.join(' | ')} |`);
  }
  return rows;
}

/** Ours against Go's in one cell: best against best, and the lowest and highest that a round gave. */
function ratioCell({ figure, higherIsBetter }: Case, { ours, anchor }: Samples): string {
  const ratio = (mine: number, theirs: number): number => (higherIsBetter ? mine / theirs : theirs / mine);
  const rounds = ours.map((mine, i) => ratio(mine, anchor[i] ?? Number.NaN));
  if (figure === 'share_of_bare' || rounds.some(Number.isNaN)) return '';
  const [all, ...each] = [ratio(best(ours, higherIsBetter), best(anchor, higherIsBetter)), ...rounds];
  return `**${all.toFixed(2)}** (${Math.min(...each).toFixed(2)} – ${Math.max(...each).toFixed(2)})`;
}

/** Prints the table of docs/performance.md: what a case's name says before its last comma down, the rest across. */
function summarize(cases: readonly Case[], samples: readonly Samples[]): void {
  const cells = new Map<string, Map<string, string>>();
  const columns = new Set<string>();
  for (const [i, measured] of cases.entries()) {
    const cell = ratioCell(measured, samples[i] as Samples);
    if (cell === '') continue;
    const [, row, column] = /^(?:(.*), )?(.*)$/.exec(measured.name) as unknown as [string, string | undefined, string];
    const label = [row, measured.figure].filter(Boolean).join(', ');
    cells.set(label, (cells.get(label) ?? new Map<string, string>()).set(column, cell));
    columns.add(column);
  }
  if (cells.size === 0) return;
  console.log(`\n| ours ÷ Go | ${[...columns].join(' | ')} |\n|---|${'--:|'.repeat(columns.size)}`);
  for (const [label, row] of cells) {
    console.log(`| ${label} | ${[...columns].map((column) => row.get(column) ?? '').join(' | ')} |`);
  }
}

const usage = `usage: npm run bench -- [WORKLOAD]… [--rounds N] [--go DIR] [--json]

  WORKLOAD    ${[...Object.keys(workloads), ...alone].join(', ')}

  --rounds N  runs of each side for each case, in turn (default 3)
  --go DIR    the programs of test/reference, built (default: they are built, if there is a Go toolchain)
  --json      print the rows as one line of JSON, last`;

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      go: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (positionals.some((name) => alone.includes(name))) {
    for (const name of positionals) {
      if (!alone.includes(name)) throw new Error(`${name} cannot run beside a program that prints its own table`);
      spawnSync(process.execPath, [join(here, `${name}.js`)], { stdio: 'inherit' });
    }
    return;
  }
  const wanted = positionals.length > 0 ? positionals : Object.keys(workloads).filter((name) => !long.includes(name));
  const unknown = wanted.find((name) => workloads[name] === undefined);
  const rounds = Number(values.rounds);
  if (values.help || unknown !== undefined || !(Number.isInteger(rounds) && rounds > 0)) {
    console.error(unknown === undefined ? usage : `unknown workload ${unknown}\n${usage}`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'raft-bench-'));
  try {
    const rows = wanted.flatMap((name) => {
      const cases = (workloads[name] as () => Case[])();
      const sides = sidesOf(name, values.go, folder);
      if (sides === undefined) {
        console.error(`skipped ${name}: its load comes from a program written in Go`);
        return [];
      }
      const samples = collect(name, cases, rounds, sides);
      const reported = report(name, cases, samples);
      summarize(cases, samples);
      return reported;
    });
    if (values.json) console.log(JSON.stringify({ rows }));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
