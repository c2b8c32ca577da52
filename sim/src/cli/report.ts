import { randomInt } from 'node:crypto';
import { Coverage } from '../coverage/coverage.js';
import { describeMet, Met } from '../coverage/report.js';
import { withoutHost } from '../node/trap.js';
import { runCase } from '../run/run.js';
import type { Call } from './options.js';
import { rawNodes } from './raw-nodes.js';

/** Runs seeds, and tells which rare states and which combinations they met. */
export function tellCoverage({ seeds, seed: first = randomInt(1, 2 ** 40), limitMs, ...options }: Call): {
  readonly text: string;
  readonly isGood: boolean;
} {
  const met = new Met();
  const began = Date.now();
  let findings = 0;
  for (let seed = first; seed < first + seeds && Date.now() - began < limitMs; seed++) {
    const coverage = new Coverage();
    const outcome = withoutHost(() => runCase(rawNodes.draw(seed, options), coverage));
    if (outcome.finding !== undefined) findings++;
    met.add(coverage);
  }
  const broken =
    findings === 0 ? 'no rule was broken' : `${findings} runs broke a rule: run the same seeds without --report`;
  return { text: `seeds from ${first} on\n${describeMet(met)}\n${broken}\n`, isGood: findings === 0 };
}
