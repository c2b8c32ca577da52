import { parentPort, workerData } from 'node:worker_threads';
import { withoutHost } from '../node/trap.js';
import { type CaseOptions, drawCase, runCase } from '../run/run.js';

// A thread that runs the seeds that it is told to.
const options = workerData as CaseOptions;
parentPort?.on('message', (seed: number) => {
  const outcome = withoutHost(() => runCase(drawCase(seed, options)));
  parentPort?.postMessage(outcome);
});
