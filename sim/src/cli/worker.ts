import { parentPort, workerData } from 'node:worker_threads';
import type { RunOptions } from './layer.js';
import { runSeed } from './pool.js';

// A thread that runs the seeds that it is told to, one at a time.
const options = workerData as RunOptions;

async function run(seed: number): Promise<void> {
  parentPort?.postMessage(await runSeed(seed, options));
}

parentPort?.on('message', (seed: number) => {
  // What this throws ends the thread, and whoever runs it hears of that.
  void run(seed);
});
