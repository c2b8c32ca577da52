/**
 * Runs each test of the labs with many seeds, prints what it took against the labs' limits, and with --write puts that
 * into docs/labs.md.
 */
import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Figures, figuresTable } from './figures.js';
import { again, runLab } from './run.js';
import { LAB_TESTS } from './tests.js';

const usage = `usage: npm run labs -- [--seeds N] [--seed S] [--write FILE] [TEST…]

  --seeds N     runs each test with so many seeds (default 10)
  --seed S      the first of them (default: drawn, and printed)
  --write FILE  puts the figures into this page, in the place of those that it has
  TEST          only tests whose names begin so`;

const BEGIN = '<!-- figures: written by `npm run labs -- --write` -->';
const END = '<!-- end of figures -->';

export interface Output {
  out(text: string): void;
  error(text: string): void;
}

/** The command `npm run labs`. Returns the exit code. */
export function labs(args: readonly string[], { out, error }: Output): number {
  let call: { seeds: number; first: number; page: string | undefined; names: string[] };
  try {
    const text = { type: 'string' } as const;
    const options = { seeds: text, seed: text, write: text } as const;
    const { values, positionals: names } = parseArgs({ args: [...args], options, allowPositionals: true });
    const seeds = Number(values.seeds ?? 10);
    const first = Number(values.seed ?? randomInt(1, 2 ** 40));
    if (!(Number.isSafeInteger(seeds) && seeds > 0)) throw new Error('--seeds must be a whole number from 1 on');
    if (!(Number.isSafeInteger(first) && first >= 0)) throw new Error('--seed must be a whole number');
    call = { seeds, first, page: values.write, names };
  } catch (problem) {
    error(`${(problem as Error).message}\n\n${usage}\n`);
    return 2;
  }
  const { seeds, first, page, names } = call;
  const tests = LAB_TESTS.filter(({ name }) => names.length === 0 || names.some((begin) => name.startsWith(begin)));
  if (tests.length === 0) {
    error(`no test is called ${names.join(', ')}\n\n${usage}\n`);
    return 2;
  }
  out(`seeds from ${first} on\n`);
  const figures = new Figures();
  for (const test of tests) {
    const began = performance.now();
    let failures = 0;
    for (let seed = first; seed < first + seeds; seed++) {
      const run = runLab(test, seed);
      figures.add(test, run);
      if (run.failure === undefined) continue;
      if (failures++ < 3) out(`${test.name}: ${run.failure.message}\n  again: ${again(test, seed)}\n`);
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    out(`${test.name}: ${seeds - failures} of ${seeds} passed, ${seconds} s\n`);
  }
  if (page !== undefined) update(page, figuresTable(figures, tests, seeds, first));
  else out(`\n${figuresTable(figures, tests, seeds, first)}\n`);
  return figures.failures === 0 ? 0 : 1;
}

function update(page: string, table: string): void {
  const text = readFileSync(page, 'utf8');
  const [before, rest] = text.split(BEGIN);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${page} has no place for figures`);
  writeFileSync(page, `${before}${BEGIN}\n\n${table}\n\n${END}${after}`);
}
