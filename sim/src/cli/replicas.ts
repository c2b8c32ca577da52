import { nodeHost } from '../files/host.js';
import { STACK_FAULTS, type StackFault } from '../plan/stack-schedule.js';
import { StackRecording } from '../report/stack-recording.js';
import type { Outcome } from '../run/run.js';
import { shortenStack } from '../stack/minimize.js';
import { registers } from '../stack/registers.js';
import { drawStackCase, STACK_SAFETY_MS, type StackCase } from '../stack/run.js';
import { runOn } from '../stack/simulate.js';
import type { StackWatcher } from '../stack/world.js';
import type { Layer } from './layer.js';

/** Most events that are spent on making a run shorter. */
const MOST_EVENTS = 300_000;

async function run(of: StackCase, watcher?: StackWatcher): Promise<Outcome> {
  // A thread can hand over an outcome, but not the cluster that it was.
  const { world: _, ...outcome } = await runOn(nodeHost, of, registers(), watcher);
  return outcome;
}

/** Layer 2, with registers as the state machine. */
export const replicas: Layer<StackCase> = {
  faults: STACK_FAULTS,
  safetyMs: STACK_SAFETY_MS,
  draw: (seed, options) =>
    drawStackCase(seed, { ...options, faults: options.faults as readonly StackFault[] | undefined }),
  run: (of) => run(of),
  record: async (of) => {
    const lanes = new StackRecording();
    const outcome = await run(of, lanes);
    return { outcome, lanes };
  },
  shorten: (of, finding) => shortenStack(of, finding, (shorter) => run(shorter), MOST_EVENTS),
};
