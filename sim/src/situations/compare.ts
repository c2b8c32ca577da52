import type { Situation } from './situations.js';
import type { Guards } from './stage.js';
import { play, type Sum } from './story.js';

/** Each way is played with so many seeds; the table shows medians. */
const SEEDS = 25;

const ways: readonly (readonly [string, Guards])[] = [
  ['neither', { preVote: false, checkQuorum: false }],
  ['PreVote', { preVote: true, checkQuorum: false }],
  ['CheckQuorum', { preVote: false, checkQuorum: true }],
  ['both', { preVote: true, checkQuorum: true }],
];

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

const figures: readonly (readonly [string, keyof Sum, (value: number) => string])[] = [
  ['terms begun', 'terms', String],
  ['elections won', 'elections', String],
  ['two leaders at a time', 'twoLeadersMs', seconds],
  ['nothing committed for', 'standstillMs', seconds],
  ['writes: told committed', 'committed', String],
  ['writes: refused at once', 'refused', String],
  ['writes: left without an answer', 'unanswered', String],
];

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

/** What PreVote and CheckQuorum change in a situation, as a table: medians over many seeds. */
export function compare(situation: Situation): string[] {
  const sums = ways.map(([, guards]) => Array.from({ length: SEEDS }, (_, i) => play(situation, i + 1, guards).sum));
  const row = (first: string, cells: readonly string[]): string =>
    `  ${first.padEnd(32)}${cells.map((cell) => cell.padStart(13)).join('')}`;
  return [
    `What PreVote and CheckQuorum change, from the cut to the end, as the median of ${SEEDS} seeds:`,
    row(
      '',
      ways.map(([name]) => name),
    ),
    ...figures.map(([name, key, show]) =>
      row(
        name,
        sums.map((runs) => show(median(runs.map((sum) => sum[key])))),
      ),
    ),
  ];
}
