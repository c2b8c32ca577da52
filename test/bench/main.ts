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
import {
  alone,
  bothNeed,
  type Case,
  counterpart,
  long,
  numberText,
  type Result,
  withoutAnchor,
  workloads,
} from './cases.js';

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

/** How a program ends that was interrupted, after it has cleaned up. */
const INTERRUPTED = 130;

class Interrupted extends Error {}

function resultsOf(command: string, args: readonly string[]): Result[] {
  // What it does, and why it fails, it says on standard error itself.
  const { status, signal, stdout, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status === INTERRUPTED || signal === 'SIGINT') throw new Interrupted();
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`);
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
  return programs.every((name) => {
    // The server has a module of its own, because its dependencies are many.
    const [cwd, program] = name === 'etcd' ? [join(reference, 'etcd'), '.'] : [reference, `./cmd/${name}`];
    const options = { cwd, encoding: 'utf8' } as const;
    const { status, stderr, error } = spawnSync('go', ['build', '-o', join(folder, name), program], options);
    if (status !== 0)
      console.error(`no Go figures: ${error === undefined ? stderr.trim() : 'there is no Go toolchain'}`);
    return status === 0;
  });
}

/**
 * @param built folder of the Go programs, if they are built
 * @param scratch a folder to build them in
 * @param more flags for both sides
 */
function sidesOf(
  workload: string,
  built: string | undefined,
  scratch: string,
  more: readonly string[],
): Sides | undefined {
  const program = join(here, `${workload}.js`);
  const ours: Side = (flags) => resultsOf(process.execPath, ['--expose-gc', program, ...flags, ...more]);
  if (withoutAnchor.includes(workload)) return { ours, anchor: undefined };
  const needed = bothNeed[workload];
  const folder = built ?? (build(needed ?? [workload], scratch) ? scratch : undefined);
  if (needed !== undefined)
    return folder === undefined ? undefined : { ours: withGo(ours, folder), anchor: withGo(ours, folder) };
  const anchor: Side | undefined =
    folder === undefined ? undefined : (flags) => resultsOf(join(folder, workload), [...flags, ...more]);
  return { ours, anchor };
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
    for (const [i, { name, figure, ours, anchor: flags, matches, anchorMatches = matches }] of cases.entries()) {
      const key = `${ours.join(' ')}|${flags?.join(' ')}`;
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
      const mine = run.ours.find(matches)?.[figure];
      if (mine !== undefined) sample.ours.push(Number(mine));
      const theirs = run.anchor?.find(anchorMatches)?.[figure];
      if (theirs !== undefined) sample.anchor.push(Number(theirs));
    }
  }
  return samples;
}

/** Go's results for these flags; one run of a round serves all cases with the same flags. */
function anchorRun(
  anchor: Side | undefined,
  flags: readonly string[] | undefined,
  runs: ReadonlyMap<string, { anchor: Result[] | undefined }>,
): Result[] | undefined {
  if (anchor === undefined || flags === undefined) return undefined;
  for (const [key, run] of runs) if (key.endsWith(`|${flags.join(' ')}`)) return run.anchor;
  return anchor(flags);
}

function best(values: readonly number[], higherIsBetter: boolean): number {
  return higherIsBetter ? Math.max(...values) : Math.min(...values);
}

function spread(values: readonly number[]): string {
  return `${numberText(Math.min(...values))} – ${numberText(Math.max(...values))}`;
}

/** How many times ours is better; `undefined` if one of them is nothing. */
function ratioOf(mine: number, theirs: number, higherIsBetter: boolean): number | undefined {
  if (!(mine > 0 && theirs > 0)) return undefined;
  return higherIsBetter ? mine / theirs : theirs / mine;
}

function report(workload: string, cases: readonly Case[], samples: readonly Samples[]): Row[] {
  const rows: Row[] = [];
  const other = counterpart[workload] ?? 'Go';
  console.log(`\n## ${workload}\n`);
  console.log(`| case | ours, best | spread | ${other}, best | spread | ours ÷ ${other} |`);
  console.log('|---|--:|--:|--:|--:|--:|');
  for (const [i, { name, figure, higherIsBetter }] of cases.entries()) {
    const { ours, anchor } = samples[i] as Samples;
    // Flags for this run may leave cases out.
    if (ours.length === 0) continue;
    const mine = best(ours, higherIsBetter);
    const theirs = anchor.length > 0 ? best(anchor, higherIsBetter) : null;
    const times = ratioOf(mine, theirs ?? 0, higherIsBetter);
    const ratio = times === undefined ? null : Math.round(times * 100) / 100;
    rows.push({ workload, case: name, ours: mine, anchor: theirs, ratio });
    const go = theirs === null ? ['–', '–', '–'] : [numberText(theirs), spread(anchor), `**${ratio ?? '–'}**`];
    console.log(`| ${name} (${figure}) | ${numberText(mine)} | ${spread(ours)} | ${go.join(' | ')} |`);
  }
  return rows;
}

/** Ours against Go's in one cell: best against best, and the lowest and highest that a round gave. */
function ratioCell({ figure, higherIsBetter }: Case, { ours, anchor }: Samples): string {
  const ratio = (mine: number, theirs: number): number => ratioOf(mine, theirs, higherIsBetter) ?? Number.NaN;
  const rounds = ours.map((mine, i) => ratio(mine, anchor[i] ?? 0));
  if (figure === 'share_of_bare' || rounds.length === 0 || rounds.some(Number.isNaN)) return '';
  const [all, ...each] = [ratio(best(ours, higherIsBetter), best(anchor, higherIsBetter)), ...rounds];
  return `**${all.toFixed(2)}** (${Math.min(...each).toFixed(2)} – ${Math.max(...each).toFixed(2)})`;
}

/** Prints the table of docs/performance.md: what a case's name says before its last comma down, the rest across. */
function summarize(
  workload: string,
  cases: readonly Case[],
  samples: readonly Samples[],
  table: string | undefined,
): void {
  const cells = new Map<string, Map<string, string>>();
  const columns = new Set<string>();
  for (const [i, measured] of cases.entries()) {
    const cell = ratioCell(measured, samples[i] as Samples);
    if (cell === '' || measured.table !== table) continue;
    const [, row, column] = /^(?:(.*), )?(.*)$/.exec(measured.name) as unknown as [string, string | undefined, string];
    const label = [row, measured.figure].filter(Boolean).join(', ');
    cells.set(label, (cells.get(label) ?? new Map<string, string>()).set(column, cell));
    columns.add(column);
  }
  if (cells.size === 0) return;
  console.log(
    `\n| ours ÷ ${counterpart[workload] ?? 'Go'} | ${[...columns].join(' | ')} |\n|---|${'--:|'.repeat(columns.size)}`,
  );
  for (const [label, row] of cells) {
    console.log(`| ${label} | ${[...columns].map((column) => row.get(column) ?? '').join(' | ')} |`);
  }
}

const usage = `usage: npm run bench -- [WORKLOAD]… [--rounds N] [--go DIR] [--json] [-- FLAG…]

  WORKLOAD    ${[...Object.keys(workloads), ...alone].join(', ')}

  --rounds N  runs of each side for each case, in turn (default 3)
  --go DIR    the programs of test/reference, built (default: they are built, if there is a Go toolchain)
  --json      print the rows as one line of JSON, last
  -- FLAG…    for the workload's own program: catchup -- --size 64, or catchup -- --help, scale and embedded too`;

function main(): void {
  const cut = process.argv.indexOf('--', 2);
  const [args, more] =
    cut < 0 ? [process.argv.slice(2), []] : [process.argv.slice(2, cut), process.argv.slice(cut + 1)];
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      go: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (positionals.some((name) => alone.includes(name)) || more.includes('--help')) {
    for (const name of positionals) {
      if (!alone.includes(name) && !more.includes('--help'))
        throw new Error(`${name} cannot run beside a program that prints its own table`);
      spawnSync(process.execPath, [join(here, `${name}.js`), ...more], { stdio: 'inherit' });
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
  // An interrupt ends what runs, which cleans up after itself; then the folder below goes.
  process.once('SIGINT', () => undefined);
  const folder = mkdtempSync(join(tmpdir(), 'raft-bench-'));
  try {
    const rows = wanted.flatMap((name) => {
      const cases = (workloads[name] as () => Case[])();
      const sides = sidesOf(name, values.go, folder, more);
      if (sides === undefined) {
        console.error(`skipped ${name}: its load, or what it is compared with, is a program written in Go`);
        return [];
      }
      const samples = collect(name, cases, rounds, sides);
      const reported = report(name, cases, samples);
      for (const table of new Set(cases.map((one) => one.table))) summarize(name, cases, samples, table);
      return reported;
    });
    if (values.json) console.log(JSON.stringify({ rows }));
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    process.exitCode = INTERRUPTED;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main();
