/** What a run comes to. */
import { judge, type Operation } from '@raft-ts/sim/internal';
import { judgeStale, judgeWatches, type StaleRead, type Watched } from './weak-judge.js';

export interface Evidence {
  readonly history: readonly Operation[];
  readonly stale: readonly StaleRead[];
  readonly watched: readonly Watched[];
  /** What was found before anybody judged. */
  readonly findings: readonly string[];
  readonly faults: ReadonlyMap<string, number>;
  readonly answers: ReadonlyMap<string, number>;
  /** What members logged as errors: nothing to fail for, and worth a look. */
  readonly errors: ReadonlyMap<string, number>;
  readonly leases: { readonly leases: number; readonly reads: number; readonly holds: readonly unknown[] };
  readonly starts: number;
  readonly changes: string;
}

export interface Report {
  readonly findings: readonly string[];
  /** Calls, whatever was answered. */
  readonly judged: number;
  readonly summary: string;
}

/** Findings of one kind beyond these say nothing new. */
const SHOWN = 10;

export function report(evidence: Evidence): Report {
  const { leases, history, stale, watched, findings, faults, answers, errors, starts, changes } = evidence;
  const judged = judge(history);
  const weak = [...judgeStale(history, stale), ...judgeWatches(history, watched)].slice(0, SHOWN);
  const events = watched.reduce((sum, one) => sum + one.events.length, 0);
  const count = (fits: (one: Operation) => boolean): number => history.filter(fits).length;
  const outcomes = (['done', 'refused', 'nothing', 'unknown'] as const)
    .map((outcome) => `${count((one) => one.outcome === outcome)} ${outcome}`)
    .join(', ');
  const summary = [
    `faults: ${listed(faults)}`,
    `processes started: ${starts}; members: ${changes}`,
    `operations: ${history.length} (${outcomes}), of them ${count(({ kind }) => kind === 'get')} reads and ` +
      `${count(({ condition }) => condition !== undefined)} conditional writes`,
    `leases: ${leases.leases}, read ${leases.reads} times; locks: held ${leases.holds.length} times`,
    `answers: ${listed(answers)}`,
    `errors in the logs: ${errors.size === 0 ? 'none' : listed(errors)}`,
    `also judged: ${stale.length} stale reads, ${events} events of watches that lost their place ${watched.length} times`,
    `judged: all by index; by search ${judged.keys} keys in ${judged.steps} steps`,
  ].join('\n');
  return { findings: [...findings, ...judged.findings, ...weak], judged: history.length, summary };
}

function listed(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.map(([name, times]) => `${times} ${name}`).join(', ');
}
