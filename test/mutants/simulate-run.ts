import process from 'node:process';
import { drawCase, runCase } from '@raft-ts/sim';
import { withoutHost } from '@raft-ts/sim/node';

/** What one series of seeds came to. */
export interface Series {
  /** Number of seeds up to the first that broke a rule; undefined if none of them did. */
  readonly seeds: number | undefined;
  readonly rule: string;
  readonly text: string;
}

/** Runs seeds from `first` on until one breaks a rule, at most `budget` of them. */
export function runSeries(first: number, budget: number): Series {
  for (let i = 0; i < budget; i++) {
    const { finding } = withoutHost(() => runCase(drawCase(first + i)));
    if (finding !== undefined) return { seeds: i + 1, rule: finding.rule, text: finding.text };
  }
  return { seeds: undefined, rule: '', text: '' };
}

// As a process of its own, in the copy whose core is changed: the budget and the first seed of each series are its
// arguments, and it writes a line for each. What the first one misses costs the whole budget each time: it is the last.
const [budget, ...firsts] = process.argv.slice(2).map(Number);
for (const [i, first] of firsts.entries()) {
  const series = runSeries(first, budget ?? 0);
  process.stdout.write(`${JSON.stringify(series)}\n`);
  if (i === 0 && series.seeds === undefined) break;
}
