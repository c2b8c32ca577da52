/**
 * Looks for scripts that a changed core answers otherwise. Run in a copy of the repository whose core was changed, with
 * the answers of the core as it is: `search.js hash FROM TO` prints a line for each seed's answer, and
 * `search.js find FROM FILE` the first seeds whose answers are not those of FILE.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { generateScript } from '../differential/script-generator.js';
import { playScript } from '../differential/script-run.js';

/** So many scripts are recorded for a rule that few scripts touch. */
const ENOUGH = 2;

function answer(seed: number): string {
  try {
    const { outputs, end } = playScript(generateScript(seed));
    // An endless script is not recorded.
    if (end === 'endless') return '-';
    return createHash('sha1').update(outputs).update(JSON.stringify(end)).digest('base64');
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0] as string;
  }
}

const [mode, from, last] = process.argv.slice(2);
if (mode === 'hash') {
  for (let seed = Number(from); seed <= Number(last); seed++) console.log(answer(seed));
} else if (mode === 'find' && last !== undefined) {
  const found: number[] = [];
  for (const [i, expected] of readFileSync(last, 'utf8').split('\n').entries()) {
    if (expected === '' || expected === '-' || answer(Number(from) + i) === expected) continue;
    found.push(Number(from) + i);
    if (found.length === ENOUGH) break;
  }
  console.log(JSON.stringify(found));
} else {
  throw new Error('search.js hash FROM TO, or search.js find FROM FILE');
}
