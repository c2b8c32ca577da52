import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type Listed, readCatalogue } from './catalogue.js';
import { Copy, compileSources } from './copy.js';
import { type Mutant, readMutants } from './mutant.js';
import { specsFor } from './plan.js';
import { readReport, renderReport } from './report.js';
import {
  CATALOGUE,
  describeSimulated,
  isSimulated,
  type Page,
  SIMULATED,
  type Simulated,
  simulate,
  updatePage,
} from './simulate.js';
import { runSuite } from './suite.js';
import { isGood, judge, LIMIT_MS, type Verdict } from './verdict.js';

const usage = `usage: npm run mutants -- [--jobs N] [--unjudged] [--simulate | --catalogue] [--seeds N] [NAME…]

Breaks one rule after the other in a copy and looks whether an assertion of a test notices; writes docs/mutants.md after
each, so that it can be stopped at any time.
  --jobs N     that many at the same time (1)
  --unjudged   only those that docs/mutants.md has no good verdict on
  --simulate   looks whether the simulator notices, not the tests, and writes docs/mutants-simulated.md
  --catalogue  as --simulate, for the catalogue of mistakes; writes docs/mutants-catalogue.md
  --seeds N    at most so many seeds in a series (200; in the catalogue, what each says)
  NAME         only those whose name or area contains it
`;

/** At most this many may stay alive with a reason. */
export const MAX_ALIVE = 16;

/** Seeds in a series for an ordinary patch. */
const ORDINARY_SEEDS = 200;

interface Output {
  out(text: string): void;
  error(text: string): void;
}

/** The command. Returns the exit code: 0 if every broken rule was noticed, or is rightly alive; 2 for a wrong call. */
export async function runMutants(args: readonly string[], root: string, output: Output): Promise<number> {
  if (args.includes('--help')) {
    output.out(usage);
    return 0;
  }
  const call = readCall(args);
  if (typeof call === 'string') {
    output.error(`${call}\n${usage}`);
    return 2;
  }
  const ordinary = readMutants(join(root, 'test/mutants'));
  const mutants: readonly (Mutant | Listed)[] = call.catalogue
    ? readCatalogue(join(root, 'test/mutants'), ordinary)
    : ordinary;
  const named = mutants.filter((mutant) => isNamed(mutant, call.names));
  if (named.length === 0) {
    output.error(`no broken rule is named so: ${call.names.join(' ')}\n`);
    return 2;
  }
  const page = join(root, 'docs/mutants.md');
  const verdicts = readPage(page, ordinary);
  const toJudge = call.simulate ? named.filter(isSimulated) : named;
  const chosen = call.unjudged ? toJudge.filter(({ name }) => !verdicts.has(name)) : toJudge;
  const folder = mkdtempSync(join(tmpdir(), 'raft-ts-mutants-'));
  // Whoever stops the command ends its tests too, and leaves nothing: both are done at the exit of this process.
  const leave = (): void => process.exit(130);
  const clean = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('SIGINT', leave).once('SIGTERM', leave).once('exit', clean);
  try {
    const compiled = await compileSources(root);
    const jobs = Math.min(call.jobs, chosen.length);
    const copies = Array.from({ length: jobs }, (_, i) => {
      const place = join(folder, String(i));
      mkdirSync(place);
      return new Copy(root, place, compiled);
    });
    if (call.simulate) {
      return await simulateAll({ page: pageOf(call, root), mutants, chosen, copies, root, budget: call.seeds }, output);
    }
    await judgeAll({ root, mutants, chosen, copies, verdicts, page }, output);
    return summarize(chosen, verdicts, output);
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave).off('exit', clean);
    clean();
  }
}

function pageOf({ catalogue }: Call, root: string): Page {
  return catalogue
    ? { ...CATALOGUE, file: join(root, 'docs/mutants-catalogue.md') }
    : { ...SIMULATED, file: join(root, 'docs/mutants-simulated.md') };
}

function readPage(page: string, mutants: readonly Mutant[]): Map<string, Verdict> {
  return existsSync(page) ? readReport(readFileSync(page, 'utf8'), mutants) : new Map<string, Verdict>();
}

interface Call {
  readonly jobs: number;
  readonly unjudged: boolean;
  readonly simulate: boolean;
  readonly catalogue: boolean;
  readonly seeds: number | undefined;
  readonly names: readonly string[];
}

function readCall(args: readonly string[]): Call | string {
  try {
    const options = {
      jobs: { type: 'string', default: '1' },
      unjudged: { type: 'boolean', default: false },
      simulate: { type: 'boolean', default: false },
      catalogue: { type: 'boolean', default: false },
      seeds: { type: 'string' },
    } as const;
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    const { unjudged, catalogue } = values;
    const simulate = values.simulate || catalogue;
    const jobs = Number(values.jobs);
    const seeds = values.seeds === undefined ? undefined : Number(values.seeds);
    if (!Number.isInteger(jobs) || jobs < 1) return `--jobs ${values.jobs}: not a number of jobs`;
    if (seeds !== undefined && (!Number.isInteger(seeds) || seeds < 1))
      return `--seeds ${values.seeds}: not a number of seeds`;
    if (values.seeds !== undefined && !simulate) return '--seeds belongs to --simulate';
    return { jobs, unjudged, simulate, catalogue, seeds, names: positionals };
  } catch (error) {
    return (error as Error).message;
  }
}

function isNamed({ name, area }: Mutant, names: readonly string[]): boolean {
  const words = `${name}\n${area}`.toLowerCase();
  return names.length === 0 || names.some((part) => words.includes(part.toLowerCase()));
}

/** Says of a test file whether it passes as it is; looks once at each. */
class AsItIs {
  private readonly known = new Map<string, Promise<boolean>>();

  passes(copy: Copy, spec: string): Promise<boolean> {
    const known = this.known.get(spec);
    if (known !== undefined) return known;
    copy.prepare([spec]);
    const found = runSuite(copy.root, [spec], LIMIT_MS).then(({ kind }) => kind === 'passed');
    this.known.set(spec, found);
    return found;
  }
}

interface Work {
  readonly root: string;
  readonly mutants: readonly Mutant[];
  readonly chosen: readonly (Mutant | Listed)[];
  readonly copies: readonly Copy[];
  /** What is known from earlier runs; what this one finds is added. */
  readonly verdicts: Map<string, Verdict>;
  readonly page: string;
}

async function judgeAll({ root, mutants, chosen, copies, verdicts, page }: Work, output: Output): Promise<void> {
  let done = 0;
  const queue = [...chosen];
  const found = new Map<string, Verdict>();
  const asItIs = new AsItIs();
  const passes = (copy: Copy, spec: string): Promise<boolean> => asItIs.passes(copy, spec);
  const work = async (copy: Copy): Promise<void> => {
    const all = copy.specs();
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const { name } = mutant;
      const specs = specsFor(mutant, { specs: all, mutants, verdicts });
      const since = Date.now();
      const verdict = await judge(mutant, { original: root, copy, specs, passes });
      verdicts.set(name, verdict);
      found.set(name, verdict);
      // Read again: another run may have written meanwhile.
      writeFileSync(page, renderReport(mutants, new Map([...readPage(page, mutants), ...found])));
      const seconds = ((Date.now() - since) / 1000).toFixed(1).padStart(4);
      output.out(`[${String(++done).padStart(3)}/${chosen.length}] ${seconds} s  ${name}: ${describe(verdict)}\n`);
    }
  };
  await Promise.all(copies.map(work));
}

/** Returns the exit code: 0 if the simulator noticed each of them in every series. */
async function simulateAll(
  {
    page,
    root,
    mutants,
    chosen,
    copies,
    budget,
  }: Omit<Work, 'verdicts' | 'page'> & { readonly page: Page; readonly budget: number | undefined },
  output: Output,
): Promise<number> {
  const results = new Map<Mutant, Simulated>();
  const queue = [...chosen];
  const work = async (copy: Copy): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
      const most = 'budget' in mutant ? Math.min(mutant.budget, budget ?? mutant.budget) : (budget ?? ORDINARY_SEEDS);
      const result = await simulate(mutant, { original: root, copy, budget: most });
      results.set(mutant, result);
      updatePage(page, mutants, results);
      output.out(
        `[${String(results.size).padStart(3)}/${chosen.length}] ${mutant.name}: ${describeSimulated(result)}\n`,
      );
    }
  };
  await Promise.all(copies.map(work));
  return [...results.values()].every(({ kind }) => kind === 'found') ? 0 : 1;
}

function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'killed':
      return `killed, ${verdict.source}: ${verdict.title}`;
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
