/**
 * Tries decoders with inputs that nobody sends: variations of the committed corpus, and new ones of the same form. What
 * breaks a promise is printed, with the seed that finds it again, and joins the corpus.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { seededRandom } from '@raft-ts/raft/internal';
import { addToCorpus, readCorpus } from './corpus.js';
import { generate, mutate } from './mutate.js';
import { checkMemory, type TargetName, targets } from './targets.js';

const usage = `usage: npm run fuzz -- [message|msgapp|envelope|post|crl|head|urls|probe|answer]… [--minutes N] [--inputs N] [--seed N]

  --minutes N  how long each target is tried (default 1)
  --inputs N   go on until each had so many inputs, however long that takes
  --seed N     of the numbers that inputs are drawn with (default: drawn anew, and printed)`;

/** Inputs between two looks at the clock and at memory. */
const ROUND = 10_000;

interface Budget {
  readonly minutes: number;
  readonly inputs: number;
  readonly seed: number;
}

/** Returns how many inputs broke a promise. */
function fuzz(name: TargetName, { minutes, inputs, seed }: Budget): number {
  const random = seededRandom(seed);
  const corpus = readCorpus(name);
  const target = targets[name];
  const began = performance.now();
  const seen = new Set<string>();
  let tried = 0;
  const memory = process.memoryUsage().arrayBuffers;
  while (performance.now() - began < minutes * 60_000 || tried < inputs) {
    for (let i = 0; i < ROUND; i++) {
      const fresh = random(4) === 0 ? generate(name, random) : undefined;
      const base = fresh === undefined ? corpus : [fresh, ...corpus.slice(0, 1)];
      const input = fresh !== undefined && random(4) === 0 ? fresh : mutate(base, random);
      try {
        target(input, random);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        // One finding of a kind is enough to mend it.
        const kind = message.replace(/\d+/gu, 'n').slice(0, 60);
        if (seen.has(kind)) continue;
        seen.add(kind);
        addToCorpus(name, input);
        console.log(`${name}: ${message}\n  input ${input.toString('hex')}\n  seed ${seed}, input ${tried + i}`);
      }
    }
    tried += ROUND;
    checkMemory(memory);
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(`${name}: ${tried} inputs in ${Math.round(seconds)} s, ${seen.size} findings (seed ${seed})`);
  return seen.size;
}

function isTarget(name: string): name is TargetName {
  return Object.hasOwn(targets, name);
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '1' },
      inputs: { type: 'string', default: '0' },
      seed: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(targets);
  const budget = {
    minutes: Number(values.minutes),
    inputs: Number(values.inputs),
    seed: values.seed === undefined ? randomInt(2 ** 32) : Number(values.seed),
  };
  const bad = !names.every(isTarget) || Object.values(budget).some((value) => !(value >= 0));
  if (values.help || bad) {
    console.error(usage);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  let findings = 0;
  for (const name of names) if (isTarget(name)) findings += fuzz(name, budget);
  process.exitCode = findings > 0 ? 1 : 0;
}

main();
