import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Copy, compileSources } from './copy.js';
import { type Mutant, readMutants } from './mutant.js';
import { readReport, renderReport } from './report.js';
import { runSuite } from './suite.js';
import { isGood, judge, specOfSource, type Verdict } from './verdict.js';

const usage = `usage: npm run mutants -- [--jobs N] [NAME…]

Breaks one rule of the core after the other in a copy and looks whether a test notices; writes docs/mutants.md.
  --jobs N   that many at the same time (1)
  NAME       only those whose name or area contains it
`;

/** The core's tests may take this long as they are. */
const BASELINE_MS = 120_000;

/** At most this many may stay alive with a reason. */
const MAX_ALIVE = 12;

interface Output {
  out(text: string): void;
  error(text: string): void;
}

/** The command. Returns the exit code: 0 where every broken rule was noticed, or is rightly alive; 2 for a wrong call. */
export async function runMutants(args: readonly string[], root: string, output: Output): Promise<number> {
  const call = readCall(args);
  if (typeof call === 'string') {
    output.error(`${call}\n${usage}`);
    return 2;
  }
  const mutants = readMutants(join(root, 'test/mutants'));
  const chosen = mutants.filter((mutant) => isNamed(mutant, call.names));
  if (chosen.length === 0) {
    output.error(`no broken rule is named so: ${call.names.join(' ')}\n`);
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), 'raft-ts-mutants-'));
  try {
    const compiled = await compileSources(root);
    const jobs = Math.min(call.jobs, chosen.length);
    const copies = Array.from({ length: jobs }, (_, i) => {
      const place = join(folder, String(i));
      mkdirSync(place);
      return new Copy(root, place, compiled);
    });
    const specs = await quickestFirst(copies[0] as Copy, output);
    return specs === undefined ? 1 : await judgeAll({ root, mutants, chosen, copies, specs }, output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCall(args: readonly string[]): { jobs: number; names: readonly string[] } | string {
  try {
    const options = { jobs: { type: 'string', default: '1' } } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const jobs = Number(values.jobs);
    return Number.isInteger(jobs) && jobs > 0
      ? { jobs, names: positionals }
      : `--jobs ${values.jobs}: not a number of jobs`;
  } catch (error) {
    return (error as Error).message;
  }
}

function isNamed({ name, area }: Mutant, names: readonly string[]): boolean {
  const words = `${name}\n${area}`.toLowerCase();
  return names.length === 0 || names.some((part) => words.includes(part.toLowerCase()));
}

/**
 * Runs the suite as it is. Returns its files by the time they take, but etcd's scripts, which a clone may not have,
 * after our own tests, and last those that try at random.
 */
async function quickestFirst(copy: Copy, output: Output): Promise<readonly string[] | undefined> {
  const specs = copy.specs();
  const run = await runSuite(copy.root, specs, BASELINE_MS, BASELINE_MS);
  if (run.kind !== 'passed') {
    output.error(`the core's tests must pass before a rule is broken: ${JSON.stringify(run, undefined, 2)}\n`);
    return undefined;
  }
  output.out(`${run.tests} tests of the core in ${specs.length} files pass as they are\n`);
  const cost = (spec: string): number => {
    const rank = /propert|model/.test(spec) ? 2 : /etcd\.test/.test(spec) ? 1 : 0;
    return rank * BASELINE_MS + (run.milliseconds.get(spec) ?? 0);
  };
  return specs.sort((a, b) => cost(a) - cost(b));
}

interface Work {
  readonly root: string;
  readonly mutants: readonly Mutant[];
  readonly chosen: readonly Mutant[];
  readonly copies: readonly Copy[];
  readonly specs: readonly string[];
}

async function judgeAll({ root, mutants, chosen, copies, specs }: Work, output: Output): Promise<number> {
  const page = join(root, 'docs/mutants.md');
  const verdicts = existsSync(page) ? readReport(readFileSync(page, 'utf8'), mutants) : new Map<string, Verdict>();
  let done = 0;
  const queue = [...chosen];
  const work = async (copy: Copy): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { name } = mutant;
      const last = verdicts.get(name);
      const killer = last?.kind === 'killed' ? specOfSource(last.source) : undefined;
      const since = Date.now();
      const verdict = await judge(mutant, { original: root, copy, specs, killer });
      verdicts.set(name, verdict);
      const seconds = ((Date.now() - since) / 1000).toFixed(1).padStart(4);
      output.out(`[${String(++done).padStart(3)}/${chosen.length}] ${seconds} s  ${name}: ${describe(verdict)}\n`);
    }
  };
  await Promise.all(copies.map(work));
  writeFileSync(page, renderReport(mutants, verdicts));
  return summarize(chosen, verdicts, output);
}

function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'killed':
      return `killed, ${verdict.source}: ${verdict.title}${verdict.how === 'fails' ? '' : ` ${verdict.how}`}`;
    case 'red':
      return `RED: ${verdict.reason}`;
    case 'survived':
      return 'SURVIVED';
    default:
      return verdict.kind;
  }
}

function summarize(chosen: readonly Mutant[], verdicts: ReadonlyMap<string, Verdict>, output: Output): number {
  const of = (...kinds: readonly Verdict['kind'][]): Mutant[] =>
    chosen.filter(({ name }) => kinds.includes((verdicts.get(name) as Verdict).kind));
  const alive = of('equivalent', 'no counterpart');
  const bad = chosen.filter(({ name }) => !isGood(verdicts.get(name) as Verdict));
  for (const { name, where } of bad) {
    output.out(`test/mutants/${where} ${name}: ${describe(verdicts.get(name) as Verdict)}\n`);
  }
  const counts = [
    `${of('killed').length} killed`,
    `${alive.length} alive with a reason`,
    `${bad.length} survived or red`,
  ];
  output.out(`${chosen.length} broken rules: ${counts.join(', ')}\n`);
  if (alive.length > MAX_ALIVE) output.out(`more than ${MAX_ALIVE} are alive with a reason\n`);
  return bad.length === 0 && alive.length <= MAX_ALIVE ? 0 : 1;
}
