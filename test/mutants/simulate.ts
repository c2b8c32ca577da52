import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Copy } from './copy.js';
import type { Mutant } from './mutant.js';
import { compileMutant } from './patch.js';
import type { Series } from './simulate-run.js';

/** Each broken rule is looked for in so many series of fresh seeds. */
const SERIES = 3;

/** All of them take at most this long: one may hang. */
const LIMIT_MS = 7_200_000;

const UNTRIED = '*not tried yet*';
const UNFINISHED = '*not tried to the end*';

/** What the simulator made of a broken rule. */
export type Simulated =
  /** The rules of the simulator that noticed, and the number of seeds that each series needed, ascending. */
  | { readonly kind: 'found'; readonly rules: readonly string[]; readonly seeds: readonly number[] }
  /** Some series, or all, found nothing within the budget. */
  | { readonly kind: 'missed'; readonly found: number; readonly rules: readonly string[]; readonly budget: number }
  /** The process ended, or was ended, before that was known. */
  | { readonly kind: 'unfinished' };

/** Can the simulator run into this rule at all? Its members are made of the core, and of a loop of its own. */
export function isSimulated({ file, equivalent }: Mutant): boolean {
  return /^(raft|sim)\/src\//.test(file ?? '') && equivalent === undefined;
}

/** Runs the series in one process, which is ended if it takes too long: undefined if it has not come to its end. */
async function runSeries(copy: Copy, budget: number): Promise<Series[] | undefined> {
  const program = join(copy.root, 'test/dist/mutants/simulate-run.js');
  const firsts = Array.from({ length: SERIES }, (_, i) => String(1 + i * 1_000_000));
  const args = ['--max-old-space-size=1024', program, String(budget), ...firsts];
  const child = spawn(process.execPath, args, { cwd: copy.root, stdio: ['ignore', 'pipe', 'ignore'] });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(limit);
  if (code !== 0) return undefined;
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Series);
}

/** Breaks the rule in the copy, and counts the seeds that the simulator needs to notice. */
export async function simulate(
  mutant: Mutant,
  at: { original: string; copy: Copy; budget: number },
): Promise<Simulated> {
  const { original, copy, budget } = at;
  const file = mutant.file as string;
  copy.write(file, await compileMutant(readFileSync(join(original, file), 'utf8'), mutant));
  try {
    const series = await runSeries(copy, budget);
    if (series === undefined) return { kind: 'unfinished' };
    const rules = [...new Set(series.flatMap(({ rule }) => (rule === '' ? [] : [rule])))];
    const seeds = series.flatMap((one) => (one.seeds === undefined ? [] : [one.seeds])).sort((a, b) => a - b);
    if (seeds.length === SERIES) return { kind: 'found', rules, seeds };
    return { kind: 'missed', found: seeds.length, rules, budget };
  } finally {
    copy.restore(file);
  }
}

const intro = `# Broken rules of the core, found by the simulator

For each rule of the core that [\`test/mutants/\`](../test/mutants) breaks, the rule of the simulator that notices
([\`sim/README.md\`](../sim/README.md)), and the number of seeds that it takes: the median and the most of ${SERIES} series of
fresh ones. \`npm run mutants -- --simulate --jobs 2 NAME…\` runs those whose name or area contains a word and updates their lines.
A series that finds nothing within the budget has missed. [mutants.md](mutants.md) says which test notices.
`;

const cell = (text: string): string => text.replace(/\s+/g, ' ').replace(/[|<]/g, '\\$&').trim();

function describe(result: Simulated): string {
  if (result.kind === 'found') {
    const { seeds } = result;
    return `${result.rules.join(', ')} | ${seeds[Math.floor(seeds.length / 2)]} | ${seeds.at(-1)} |`;
  }
  if (result.kind === 'unfinished') return `${UNFINISHED} | | |`;
  if (result.found === 0) return `*missed* | | more than ${result.budget} |`;
  return `${result.rules.join(', ')}, in ${result.found} of ${SERIES} series | | more than ${result.budget} |`;
}

/** The lines that a page has, by the name of the broken rule. */
function readLines(page: string): Map<string, string> {
  const lines = new Map<string, string>();
  if (!existsSync(page)) return lines;
  for (const line of readFileSync(page, 'utf8').split('\n')) {
    const [, name = '', area = ''] = line.split(/(?<!\\)\|/).map((part) => part.trim());
    if (line.startsWith('| ') && name !== '' && name !== 'broken rule') lines.set(`${area}\n${name}`, line);
  }
  return lines;
}

/** A page of what the simulator noticed: of the ordinary patches, or of the catalogue. */
export interface Page {
  readonly file: string;
  readonly intro: string;
  /** Name those that were not tried yet too. */
  readonly namesAll: boolean;
}

/** The page of the ordinary patches. */
export const SIMULATED: Omit<Page, 'file'> = { intro, namesAll: false };

/** The page of the catalogue. */
export const CATALOGUE: Omit<Page, 'file'> = {
  intro: `# The catalogue of mistakes, found by the simulator

The 48 mistakes that a simulator of Raft must find (M1 to M48), and mistakes that others made and published, by their kind: elections (A),
replication (B), reads (C), membership (D), snapshots (E), storage (F), asynchronous writes (G) and flow control (H).
[\`test/mutants/catalogue/\`](../test/mutants/catalogue) has the patches. They are broken one at a time, in the core or in the
loop around it that the simulator stands for. The table shows which rule of the simulator notices ([\`sim/README.md\`](../sim/README.md)),
and how many seeds that takes: the median and the most of ${SERIES} series of fresh ones. \`npm run mutants -- --catalogue --jobs 2 NAME…\` tries
those whose name contains a word, and updates their lines. The budget of a series is 100, 2,000 or 50,000 seeds, by how rare the order of events
is; where less was tried and missed, the line says how much.
`,
  namesAll: true,
};

/** Puts what was found into the page, whose other lines stay; those of rules that are no longer broken go. */
export function updatePage(
  { file: page, intro: head, namesAll }: Page,
  mutants: readonly Mutant[],
  results: ReadonlyMap<Mutant, Simulated>,
): void {
  const known = readLines(page);
  const simulated = mutants.filter(isSimulated);
  const lines = simulated.flatMap((mutant) => {
    const result = results.get(mutant);
    const begin = `| ${cell(mutant.name)} | ${cell(mutant.area)} |`;
    if (result !== undefined) return [`${begin} ${describe(result)}`];
    return known.get(`${cell(mutant.area)}\n${cell(mutant.name)}`) ?? (namesAll ? [`${begin} ${UNTRIED} | | |`] : []);
  });
  const apart = mutants.flatMap(({ name, noCounterpart, origin, where }) =>
    noCounterpart !== undefined && origin === 'listed' && where.startsWith('catalogue/')
      ? [`- **${name}.** ${noCounterpart}`]
      : [],
  );
  const harmless = mutants.flatMap(({ name, equivalent, origin, where }) =>
    equivalent !== undefined && origin === 'listed' && where.startsWith('catalogue/')
      ? [`- **${name}.** ${equivalent}`]
      : [],
  );
  const untried = lines.filter((line) => line.includes(UNTRIED) || line.includes(UNFINISHED)).length;
  const missed = lines.filter((line) => line.includes('*missed*')).length;
  const partly = lines.filter((line) => line.includes(` of ${SERIES} series |`)).length;
  const counts = `${lines.length - untried} of ${simulated.length} were tried: ${lines.length - untried - missed - partly} were noticed in every series, ${partly} in some, ${missed} in none.`;
  const table = ['| broken rule | area | noticed by | seeds, median | most |', '|---|---|---|---|---|', ...lines];
  const reasons =
    apart.length === 0 ? '' : `\n## What the simulator of the core cannot run into\n\n${apart.join('\n')}\n`;
  const alike =
    harmless.length === 0 ? '' : `\n## What breaks no promise in the simulator of the core\n\n${harmless.join('\n')}\n`;
  writeFileSync(page, `${head}\n${counts}\n\n${table.join('\n')}\n${alike}${reasons}`);
}

/** One line for whoever waits. */
export function describeSimulated(result: Simulated): string {
  return describe(result).replaceAll(' |', '').trim();
}
