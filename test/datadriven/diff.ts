import { describeArgument } from './directive.js';
import type { Difference } from './runner.js';
import { splitLines } from './text.js';

/** Beyond this many pairs of lines a difference is shown as one block removed and one added. */
const LCS_LIMIT = 4_000_000;

/** Lengths of the longest common subsequences of the suffixes of `a` and `b`, row by row. */
function commonSuffixLengths(a: readonly string[], b: readonly string[]): Uint32Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    const row = rows[i] as Uint32Array;
    const below = rows[i + 1] as Uint32Array;
    for (let j = b.length - 1; j >= 0; j--) {
      row[j] = a[i] === b[j] ? (below[j + 1] as number) + 1 : Math.max(below[j] as number, row[j + 1] as number);
    }
  }
  return rows;
}

/** Lines of `a` and `b` marked ` ` (both), `-` (only a), `+` (only b). */
export function diffLines(a: readonly string[], b: readonly string[]): string[] {
  if (a.length * b.length > LCS_LIMIT) {
    return [...a.map((line) => `-${line}`), ...b.map((line) => `+${line}`)];
  }
  const lengths = commonSuffixLengths(a, b);
  const at = (i: number, j: number): number => (lengths[i] as Uint32Array)[j] as number;
  const marked: string[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      marked.push(` ${a[i]}`);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      marked.push(`-${a[i]}`);
      i++;
    } else {
      marked.push(`+${b[j]}`);
      j++;
    }
  }
  return marked;
}

/** Leaves out common lines that are more than `context` away from a difference. */
function elide(marked: readonly string[], context: number): string[] {
  const near = marked.map((_, at) =>
    marked.slice(Math.max(0, at - context), at + context + 1).some((line) => !line.startsWith(' ')),
  );
  const shown: string[] = [];
  for (const [at, line] of marked.entries()) {
    if (near[at]) {
      shown.push(line);
    } else if (at === 0 || near[at - 1]) {
      shown.push('  …');
    }
  }
  return shown;
}

/** A difference for people: where, which command, and the lines expected (-) and got (+). */
export function describeDifference(difference: Difference): string {
  const { directive, actual } = difference;
  const command = [directive.command, ...directive.args.map(describeArgument)].join(' ');
  const head = `${directive.file}:${directive.line}: ${command} (- expected, + got)`;
  const marked = elide(diffLines(splitLines(directive.expected), splitLines(actual)), 3);
  return [head, ...marked.map((line) => `    ${line}`)].join('\n');
}
