/**
 * Asks etcd's own harness (test/differential/go) what it makes of the generator's scripts, and packs scripts and
 * answers into the file that a clone without Go is tested with.
 */
import { readFileSync } from 'node:fs';
import { scriptLines } from '../differential/compare.js';
import { buildOracle, Oracle } from '../differential/oracle.js';
import { generateScript, type Script } from '../differential/script-generator.js';
import { playScript } from '../differential/script-run.js';
import { chosenFile, FIRST_SEED, PLAIN_SCRIPTS, type Recorded, writeCorpus } from './corpus.js';

/** Answers longer than this say little more than shorter ones, and much of the same. */
const MAX_ANSWER = 60_000;

async function record(oracle: Oracle, seed: number): Promise<Recorded | undefined> {
  const script: Script = generateScript(seed);
  // A script that does not end cannot be asked about.
  if (playScript(script).end === 'endless') return undefined;
  const answer = await oracle.askAgain('script', scriptLines(script));
  return { seed, script, answer };
}

/** The plain run of seeds, without answers that are too long, and then every chosen seed. */
async function recordAll(oracle: Oracle): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PLAIN_SCRIPTS; seed++) {
    const one = await record(oracle, seed);
    if (one !== undefined && one.answer.length <= MAX_ANSWER) recorded.push(one);
    if (seed % 500 === 0) console.error(`${seed - FIRST_SEED + 1} of ${PLAIN_SCRIPTS} seeds`);
  }
  const chosen = JSON.parse(readFileSync(chosenFile, 'utf8')) as Record<string, number[]>;
  for (const seed of new Set(Object.values(chosen).flat())) {
    const one = await record(oracle, seed);
    if (one !== undefined) recorded.push(one);
  }
  return recorded;
}

const problem = buildOracle()?.problem;
if (problem !== undefined) throw new Error(`the corpus is recorded from Go: ${problem}`);
const oracle = new Oracle();
try {
  const recorded = await recordAll(oracle);
  const bytes = writeCorpus(recorded);
  const commands = recorded.reduce((sum, { script }) => sum + script.length, 0);
  console.log(`${recorded.length} scripts with ${commands} commands in ${(bytes / 2 ** 20).toFixed(2)} MiB`);
} finally {
  oracle.close();
}
