import { randomInt } from 'node:crypto';
import { describeMet, Met } from '../coverage/report.js';
import type { Call } from './options.js';
import { runAll } from './pool.js';

/** Runs seeds, and tells which rare states and which combinations they met. */
export async function tellCoverage({
  seeds,
  seed: first = randomInt(1, 2 ** 40),
  limitMs,
  jobs,
  members,
  safetyMs,
  faults,
}: Call): Promise<{
  readonly text: string;
  readonly isGood: boolean;
}> {
  const met = new Met();
  const began = Date.now();
  let findings = 0;
  let given = 0;
  await runAll({
    options: { layer: 1, members, safetyMs, faults, covers: true },
    jobs,
    next: () => (given >= seeds || Date.now() - began >= limitMs ? undefined : first + given++),
    done: ({ finding }, covered) => {
      if (finding !== undefined) findings++;
      if (covered !== undefined) met.add(covered);
    },
  });
  const broken =
    findings === 0 ? 'no rule was broken' : `${findings} runs broke a rule: run the same seeds without --report`;
  return { text: `seeds from ${first} on\n${describeMet(met)}\n${broken}\n`, isGood: findings === 0 };
}
