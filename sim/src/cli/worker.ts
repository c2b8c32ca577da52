import { parentPort, workerData } from 'node:worker_threads';
import { LAYERS, type RunOptions } from './layer.js';

// A thread that runs the seeds that it is told to, one at a time.
const options = workerData as RunOptions;
const layer = LAYERS[options.layer];

async function run(seed: number): Promise<void> {
  const outcome = await layer.run(layer.draw(seed, options));
  parentPort?.postMessage(outcome);
}

parentPort?.on('message', (seed: number) => {
  // What this throws ends the thread, and whoever runs it hears of that.
  void run(seed);
});
