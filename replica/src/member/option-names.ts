import { refuseOption } from '../base/arguments.js';

/** So many letters may differ between a name and the one that was meant. */
const MOST_EDITS = 2;

/**
 * Refuses names that no option has: a misspelt one would have no effect, and nobody would be told.
 * @param prefix of the names in messages, such as `limits.`
 */
export function checkNames(given: object, known: readonly string[], prefix = ''): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const meant = closest(name, known);
    const hint = meant === undefined ? `the options are ${known.join(', ')}` : `is ${prefix}${meant} meant?`;
    refuseOption(`${prefix}${name}`, `there is no such option; ${hint}`);
  }
}

function closest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = MOST_EDITS + 1;
  for (const candidate of known) {
    const edits = distance(name.toLowerCase(), candidate.toLowerCase());
    if (edits >= least) continue;
    least = edits;
    best = candidate;
  }
  return best;
}

/** How many letters must be put in, taken out or replaced to make one text of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
