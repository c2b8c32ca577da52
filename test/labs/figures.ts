import type { LabRun } from './run.js';
import type { LabTest } from './tests.js';

interface Sum {
  runs: number;
  failures: number;
  readonly rpcs: number[];
  readonly bytes: number[];
  readonly virtualMs: number[];
  /** The worst value of each figure that the labs bound, in any run. */
  readonly worst: Map<string, { value: number; limit: number }>;
}

/** What runs of the labs' tests took. */
export class Figures {
  private readonly sums = new Map<string, Sum>();
  failures = 0;

  add({ name }: LabTest, run: LabRun): void {
    let sum = this.sums.get(name);
    if (sum === undefined) {
      sum = { runs: 0, failures: 0, rpcs: [], bytes: [], virtualMs: [], worst: new Map() };
      this.sums.set(name, sum);
    }
    sum.runs++;
    if (run.failure !== undefined) {
      sum.failures++;
      this.failures++;
    }
    sum.rpcs.push(run.rpcs);
    sum.bytes.push(run.bytes);
    sum.virtualMs.push(run.virtualMs);
    for (const [figure, { value, limit }] of run.figures) {
      const known = sum.worst.get(figure);
      if (known === undefined || known.value < value) sum.worst.set(figure, { value, limit });
    }
  }

  of({ name }: LabTest): Sum | undefined {
    return this.sums.get(name);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function spread(values: readonly number[], unit = 1): string {
  return `${grouped(median(values) / unit)} / ${grouped(Math.max(...values) / unit)}`;
}

/** A table of all tests: median and most of every run, and the worst of what the labs bound. */
export function figuresTable(figures: Figures, tests: readonly LabTest[], seeds: number, first: number): string {
  const rows = tests.flatMap((test) => {
    const sum = figures.of(test);
    if (sum === undefined) return [];
    const bounded = [...sum.worst]
      .filter(([name]) => !name.startsWith('virtual time'))
      .map(([name, { value, limit }]) => `${name}: ${grouped(value)} (${grouped(limit)})`);
    const passed = `${grouped(sum.runs - sum.failures)} of ${grouped(sum.runs)}`;
    const cells = [test.name, passed, spread(sum.virtualMs, 1000), spread(sum.rpcs), spread(sum.bytes, 1000)];
    return `| ${[...cells, bounded.join('; ')].join(' | ')} |`;
  });
  return `${grouped(seeds)} seeds for each test, from ${first} on. Median / most of all runs; in brackets, the labs' limit.

| test | passed | virtual s | RPCs | kB | worst of what the labs bound |
|---|---|---|---|---|---|
${rows.join('\n')}`;
}
