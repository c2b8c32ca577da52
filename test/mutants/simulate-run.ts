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

// As a process of its own, in the copy whose core is changed: the first seed and the budget are its arguments.
const [first, budget] = process.argv.slice(2).map(Number);
if (first !== undefined && budget !== undefined) process.stdout.write(JSON.stringify(runSeries(first, budget)));
