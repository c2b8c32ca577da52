import { withoutHost } from '@raft-ts/sim/node';
import { Lab, TEST_LIMIT_MS } from './lab.js';
import { LAB_TESTS, type LabTest } from './tests.js';

const MOST_TESTS = 64;

/** What one run of a lab test came to. */
export interface LabRun {
  readonly seed: number;
  /** What was not met; undefined if all was. */
  readonly failure: Error | undefined;
  readonly virtualMs: number;
  readonly rpcs: number;
  readonly bytes: number;
  readonly events: number;
  /** What was measured against the labs' limits. */
  readonly figures: ReadonlyMap<string, { readonly value: number; readonly limit: number }>;
}

/** Runs a lab test once, out of reach of the host's clocks and random numbers. */
export function runLab(test: LabTest, seed: number): LabRun {
  return withoutHost(() => {
    // Tests that do the same under two names do not repeat each other's runs.
    const lab = new Lab(seed * MOST_TESTS + LAB_TESTS.indexOf(test), test);
    let failure: Error | undefined;
    try {
      lab.run(test.scenario);
      lab.measure('virtual time, ms', lab.now, TEST_LIMIT_MS);
    } catch (error) {
      failure = error as Error;
    }
    const { now: virtualMs, rpcs, bytes, events, figures } = lab;
    return { seed, failure, virtualMs, rpcs, bytes, events, figures };
  });
}

/** The command that runs a lab test again with this seed. */
export function again(test: LabTest, seed: number): string {
  return `npm run labs -- --seeds 1 --seed ${seed} ${test.name.split(' ')[0]}`;
}
