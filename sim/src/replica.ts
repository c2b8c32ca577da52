/**
 * Layer 2 where there are no files, as in a browser: replicas as they are shipped over logs in memory, of which a power
 * cut leaves what was synced. `@raft-ts/sim/stack` does the same with the files of `@raft-ts/raftwal`, and keeps what
 * runs from the host's clocks and the rest.
 */
import type { StateMachine } from '@raft-ts/replica';
import type { Finding } from './run/run.js';
import { Records } from './stack/memory.js';
import type { Subject } from './stack/options.js';
import type { StackCase } from './stack/run.js';
import { type Host, runOn, type Simulated, type SimulateOptions, simulateOn } from './stack/simulate.js';

export * from './stack/exports.js';

const memoryHost: Host = {
  makeMedium: (options) => new Records(options),
  around: (run) => run(),
  drawSeed: () => crypto.getRandomValues(new Uint32Array(1))[0] as number,
};

/** Simulates, as `simulate` of `@raft-ts/sim/stack` does, with logs in memory, and without traps. */
export function simulate<Command, Result, Machine extends StateMachine<Command, Result>>(
  options: SimulateOptions<Command, Result, Machine>,
): Promise<Simulated<Command, Result>> {
  return simulateOn(memoryHost, options);
}

/** Runs once more what `simulate` found. Returns the rule that it breaks; undefined if it breaks none any more. */
export async function replay<Command, Result, Machine extends StateMachine<Command, Result>>(
  schedule: StackCase,
  subject: Subject<Command, Result, Machine>,
): Promise<Finding | undefined> {
  return (await runOn(memoryHost, schedule, subject)).finding;
}
