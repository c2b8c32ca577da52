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

type Result = Record<string, string | number>;

/** One line of the table: what is run on each side, and which figure is compared. */
interface Case {
  readonly name: string;
  readonly figure: string;
  /** Are higher figures better? */
  readonly higherIsBetter: boolean;
  readonly ours: readonly string[];
  readonly anchor: readonly string[];
  readonly matches: (result: Result) => boolean;
}

interface Row {
  readonly workload: string;
  readonly case: string;
  readonly ours: number;
  readonly anchor: number | null;
  /** Above 1: ours is better. */
  readonly ratio: number | null;
}

const inFlight = ['1', '64', '256'];

function rawnodeCases(): Case[] {
  return ['plain', 'prevote+checkquorum', 'async'].flatMap((variant) =>
    inFlight.map((k) => ({
      name: `${variant}, ${k}`,
      figure: 'commits_per_s',
      higherIsBetter: true,
      ours: ['--only', variant, '--k', k],
      anchor: ['-variant', variant, '-k', k],
      matches: () => true,
    })),
  );
}

function nodeCases(): Case[] {
  const sequential = ['one-node-disk-1ms', 'proposal-3-nodes'].flatMap((scenario) =>
    ['accepted_per_s', 'commits_per_s'].map((figure) => ({
      name: `${scenario}, ${figure === 'accepted_per_s' ? 'accepted' : 'commits'}`,
      figure,
      higherIsBetter: true,
      ours: ['--only', scenario],
      anchor: ['-scenario', scenario],
      matches: () => true,
    })),
  );
  const pipelined = ['one-node', 'three-nodes'].flatMap((scenario) =>
    inFlight.map((k) => ({
      name: `${scenario}, ${k}`,
      figure: 'commits_per_s',
      higherIsBetter: true,
      ours: ['--only', scenario, '--k', k],
      anchor: ['-scenario', scenario, '-k', k],
      matches: () => true,
    })),
  );
  return [...sequential, ...pipelined];
}

function codecCases(): Case[] {
  return ['heartbeat', 'app-1x256', 'app-64x256', 'app-1x65536'].flatMap((message) =>
    ['encode', 'encode-into-reused-buffer', 'decode'].map((op) => ({
      name: `${message}, ${op}`,
      figure: 'ns_per_op',
      higherIsBetter: false,
      ours: ['--only', message],
      anchor: [],
      matches: (result: Result) => result['message'] === message && result['op'] === op,
    })),
  );
}

function transportCases(): Case[] {
  const figures = ['messages_per_s', 'one_way_p99_us', 'share_of_bare'];
  const messages = ['heartbeat', 'app-1x256', 'app-1x65536'];
  const caseOf = (message: string, window: number, figure: string): Case => ({
    name: `${message}, ${window}`,
    figure,
    higherIsBetter: figure !== 'one_way_p99_us',
    ours: [],
    anchor: ['-processes', '2'],
    matches: (result: Result) => result['message'] === message && result['in_flight'] === window,
  });
  const usual = messages.flatMap((message) =>
    [1, 64, 1024].flatMap((window) => figures.map((figure) => caseOf(message, window, figure))),
  );
  const awake = messages.flatMap((message) =>
    figures.slice(0, 2).map((figure) => ({
      ...caseOf(message, 1, figure),
      name: `${message}, 1 with busyPollMs 0.2`,
      ours: ['--busy-poll', '0.2', '--window', '1'],
    })),
  );
  return [...usual, ...awake];
}

function walCases(): Case[] {
  const append = (figure: string) => (batch: string) => ({
    name: `${batch} a batch`,
    figure,
    higherIsBetter: true,
    ours: ['--only', `append-${batch}`],
    anchor: [],
    matches: (result: Result) => String(result['entries_per_batch']) === batch,
  });
  const batches = ['1', '16', '256'];
  const read = {
    name: 'read back',
    figure: 'mb_per_s',
    higherIsBetter: true,
    ours: ['--only', 'read'],
    anchor: [],
    matches: (result: Result) => result['mb_per_s'] !== undefined,
  };
  return [...batches.map(append('wal_batches_per_s')), ...batches.map(append('wal_share_of_raw')), read];
}

const growthFigures = ['us_per_entry', 'us_per_entry_in_the_last_tenth', 'open_ms', 'peak_resident_mib'];

function growthCases(): Case[] {
  return [1e3, 1e4, 1e5, 1e6, 1e7].flatMap((length) =>
    growthFigures.map((figure) => ({
      name: `${format(length)} entries`,
      figure,
      higherIsBetter: false,
      ours: [],
      anchor: [],
      matches: (result: Result) => result['entries'] === length,
    })),
  );
}

function snapshotCases(): Case[] {
  return ['write_mb_per_s', 'read_mb_per_s', 'memory_mib'].map((figure) => ({
    name: '4.5 GiB',
    figure,
    higherIsBetter: figure !== 'memory_mib',
    ours: [],
    anchor: [],
    matches: () => true,
  }));
}

function streamCases(): Case[] {
  return [64, 1024, 6144].flatMap((mib) =>
    ['mb_per_s', 'resident_mib'].map((figure) => ({
      name: `${format(mib)} MiB`,
      figure,
      higherIsBetter: figure === 'mb_per_s',
      ours: [],
      anchor: [],
      matches: (result: Result) => result['mib'] === mib,
    })),
  );
}

function replicaSnapshotCases(): Case[] {
  return [64, 1024].flatMap((mib) =>
    ['save_mb_per_s', 'send_and_install_mb_per_s', 'resident_mib'].map((figure) => ({
      name: `${format(mib)} MiB`,
      figure,
      higherIsBetter: figure !== 'resident_mib',
      ours: [],
      anchor: [],
      matches: (result: Result) => result['mib'] === mib,
    })),
  );
}

function stalledCases(): Case[] {
  return ['256', '65536'].flatMap((size) =>
    ['share', 'memory_growth_mib'].map((figure) => ({
      name: `${size} bytes, one peer stops reading for 60 s`,
      figure,
      higherIsBetter: figure === 'share',
      ours: ['--size', size],
      anchor: [],
      matches: () => true,
    })),
  );
}

function replicaCases(): Case[] {
  const caseOf = (log: string, inFlight: number, figure: string): Case => ({
    name: `log ${log === 'memory' ? 'in memory' : 'on disk'}, ${inFlight}`,
    figure,
    higherIsBetter: !/^over|growth/.test(figure),
    ours: [],
    anchor: [],
    matches: (result: Result) => result['log'] === log && result['in_flight'] === inFlight,
  });
  const inMemory = ['proposals_per_s', 'times_the_core', 'reads_per_s', 'reads_on_a_follower_per_s', 'heap_growth_mib'];
  const onDisk = ['proposals_per_s', 'over_raw_percent', 'over_logs_percent'];
  const cases = (log: string, figures: readonly string[]): Case[] =>
    [1, 64, 1024].flatMap((inFlight) => figures.map((figure) => caseOf(log, inFlight, figure)));
  return [...cases('memory', inMemory), ...cases('disk', onDisk)];
}

const workloads: Readonly<Record<string, () => Case[]>> = {
  rawnode: rawnodeCases,
  node: nodeCases,
  codec: codecCases,
  transport: transportCases,
  wal: walCases,
  'wal-growth': growthCases,
  'snapshot-files': snapshotCases,
  'snapshot-stream': streamCases,
  'stalled-peer': stalledCases,
  replica: replicaCases,
  'replica-snapshot': replicaSnapshotCases,
};

/** Programs that print a table of their own. */
const alone: readonly string[] = ['hostile', 'slow-connections'];

/**
 * Those that have no counterpart in test/reference. They take minutes and gigabytes, so they run only if they are
 * named.
 */
const withoutAnchor: readonly string[] = [
  'wal-growth',
  'snapshot-files',
  'snapshot-stream',
  'stalled-peer',
  'replica',
  'replica-snapshot',
];

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

/** Builds the Go program of this name; undefined, saying why, where that is not possible. */
function buildAnchor(name: string, folder: string): string | undefined {
  const binary = join(folder, name);
  const { status, stderr, error } = spawnSync('go', ['build', '-o', binary, `./cmd/${name}`], {
    cwd: reference,
    encoding: 'utf8',
  });
  if (status === 0) return binary;
  console.error(`no Go figures: ${error === undefined ? stderr.trim() : 'there is no Go toolchain'}`);
  return undefined;
}

interface Samples {
  readonly ours: number[];
  readonly anchor: number[];
}

function collect(workload: string, cases: readonly Case[], rounds: number, anchor: string | undefined): Samples[] {
  const samples = cases.map((): Samples => ({ ours: [], anchor: [] }));
  const program = join(here, `${workload}.js`);
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
        const own = resultsOf(process.execPath, ['--expose-gc', program, ...ours]);
        run = { ours: own, anchor: first ?? theirs() };
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
  anchor: string | undefined,
  flags: readonly string[],
  runs: ReadonlyMap<string, { anchor: Result[] | undefined }>,
): Result[] | undefined {
  if (anchor === undefined) return undefined;
  for (const [key, run] of runs) if (key.endsWith(`|${flags.join(' ')}`)) return run.anchor;
  return resultsOf(anchor, flags);
}

function best(values: readonly number[], higherIsBetter: boolean): number {
  return higherIsBetter ? Math.max(...values) : Math.min(...values);
}

function spread(values: readonly number[]): string {
  return `${format(Math.min(...values))} – ${format(Math.max(...values))}`;
}

function format(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: value < 1000 ? 1 : 0 });
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
    const go = theirs === null ? ['–', '–', '–'] : [format(theirs), spread(anchor), `**${ratio}**`];
    console.log(`| ${name} (${figure}) | ${format(mine)} | ${spread(ours)} | ${go.join(' | ')} |`);
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

const usage = `usage: npm run bench -- [WORKLOAD]… [--rounds N] [--json]

  WORKLOAD    ${[...Object.keys(workloads), ...alone].join(', ')}

  --rounds N  runs of each side for each case, in turn (default 3)
  --json      print the rows as one line of JSON, last`;

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
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
  const wanted =
    positionals.length > 0 ? positionals : Object.keys(workloads).filter((name) => !withoutAnchor.includes(name));
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
      const anchor = withoutAnchor.includes(name) ? undefined : buildAnchor(name, folder);
      const samples = collect(name, cases, rounds, anchor);
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
