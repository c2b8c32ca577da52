import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../interaction/testdata.js';
import type { Totals } from './run.js';

const file = join(repositoryRoot, 'docs/differential.md');
const begin = '<!-- runs -->';

/** What a recorded run covered. */
interface Row {
  readonly to: number;
}

function readRows(text: string): Row[] {
  const rows = text.slice(text.indexOf(begin)).matchAll(/^\| (\d+) to (\d+) \|/gm);
  return [...rows].map(([, , to]) => ({ to: Number(to) }));
}

/** The seed after those that are recorded: where the next chunk begins. */
export function nextSeed(text: string = readFileSync(file, 'utf8')): number {
  return Math.max(0, ...readRows(text).map(({ to }) => to)) + 1;
}

/** The commit that was run, and whether the files were others. */
export function currentCommit(): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: repositoryRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changed = git(
      'status',
      '--porcelain',
      '--',
      'raft/src',
      'proto/src',
      'test/differential',
      'test/interaction',
    );
    return `${git('rev-parse', '--short', 'HEAD')}${changed === '' ? '' : ' and changes'}`;
  } catch {
    return 'unknown';
  }
}

export function rowText(
  seeds: { readonly from: number; readonly to: number },
  totals: Totals,
  findings: number,
  commit: string,
): string {
  const sum = (key: 'panic' | 'followed' | 'ignored'): number =>
    [...totals.refused.values()].reduce((total, counts) => total + counts[key], 0);
  const share = totals.inputs === 0 ? 0 : (100 * totals.changed) / totals.inputs;
  const cells = [
    `${seeds.from} to ${seeds.to}`,
    totals.scripts,
    totals.commands,
    totals.sessions,
    totals.inputs,
    `${share.toFixed(0)} %`,
    sum('panic'),
    sum('followed') + sum('ignored'),
    totals.aborted + totals.panicked,
    findings,
    commit,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The document with a line more in its table of runs, which ends at the first empty line after the mark. */
export function withRow(text: string, row: string): string {
  const end = text.indexOf('\n\n', text.indexOf(begin));
  return `${text.slice(0, end)}\n${row}${text.slice(end)}`;
}

/** Appends a line to the table of runs. */
export function appendRow(row: string): void {
  writeFileSync(file, withRow(readFileSync(file, 'utf8'), row));
}
