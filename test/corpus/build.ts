/**
 * Asks etcd's own harness (test/differential/go) what it makes of the generator's scripts, and packs scripts and
 * answers into the file that a clone without Go is tested with.
 */
import { parseArgs } from 'node:util';
import { scriptLines } from '../differential/compare.js';
import { buildOracle, Oracle } from '../differential/oracle.js';
import { generateScript, type Script } from '../differential/script-generator.js';
import { playScript } from '../differential/script-run.js';
import { type Recorded, writeCorpus } from './corpus.js';

const usage = `usage: npm run corpus -- [--scripts N] [--from SEED]

  --scripts N  how many scripts to record (default 3000)
  --from SEED  the first seed (default 1000001, beyond those of the differential run)`;

/** Answers longer than this say little more than shorter ones, and much of the same. */
const MAX_ANSWER = 60_000;

async function record(oracle: Oracle, seed: number): Promise<Recorded | undefined> {
  const script: Script = generateScript(seed);
  // A script that does not end cannot be asked about.
  if (playScript(script).end === 'endless') return undefined;
  const answer = await oracle.askAgain('script', scriptLines(script));
  return answer.length > MAX_ANSWER ? undefined : { seed, script, answer };
}

async function main(count: number, from: number): Promise<void> {
  const problem = buildOracle()?.problem;
  if (problem !== undefined) throw new Error(`the corpus is recorded from Go: ${problem}`);
  const oracle = new Oracle();
  const recorded: Recorded[] = [];
  try {
    for (let seed = from; recorded.length < count; seed++) {
      const one = await record(oracle, seed);
      if (one !== undefined) recorded.push(one);
      if (recorded.length % 500 === 0) console.error(`${recorded.length} of ${count}`);
    }
  } finally {
    oracle.close();
  }
  const bytes = writeCorpus(recorded);
  const commands = recorded.reduce((sum, { script }) => sum + script.length, 0);
  console.log(`${recorded.length} scripts with ${commands} commands in ${(bytes / 2 ** 20).toFixed(2)} MiB`);
}

const { values } = parseArgs({
  options: {
    scripts: { type: 'string', default: '3000' },
    from: { type: 'string', default: '1000001' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(usage);
else await main(Number(values.scripts), Number(values.from));
