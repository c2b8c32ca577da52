import { Worker } from 'node:worker_threads';
import type { Outcome } from '../run/run.js';
import { type Covered, LAYERS, type RunOptions } from './layer.js';

/** The seeds of a call, one after the other. */
export interface Work {
  readonly options: RunOptions;
  readonly jobs: number;
  /** The next seed; undefined if there is no more to do. */
  next(): number | undefined;
  done(outcome: Outcome, covered?: Covered): void;
}

/** What came of a seed. */
interface Done {
  readonly outcome: Outcome;
  readonly covered?: Covered;
}

/** Runs one seed. */
export async function runSeed(seed: number, options: RunOptions): Promise<Done> {
  const layer = LAYERS[options.layer];
  const drawn = layer.draw(seed, options);
  if (options.covers === true && layer.cover !== undefined) return layer.cover(drawn);
  return { outcome: await layer.run(drawn) };
}

/** Runs the seeds, several at a time if so asked. Whether it ends well or not, no thread is left. */
export async function runAll(work: Work): Promise<void> {
  if (work.jobs > 1) return runInThreads(work);
  for (let seed = work.next(); seed !== undefined; seed = work.next()) {
    const { outcome, covered } = await runSeed(seed, work.options);
    work.done(outcome, covered);
    // Lets signals and the terminal have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function runInThreads(work: Work): Promise<void> {
  const workers: Worker[] = [];
  try {
    const runs: Promise<void>[] = [];
    for (let i = 0; i < work.jobs; i++) {
      const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: work.options });
      workers.push(worker);
      runs.push(runIn(worker, work));
    }
    await Promise.all(runs);
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function runIn(worker: Worker, work: Work): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const go = (): void => {
      const seed = work.next();
      if (seed === undefined) resolve();
      else worker.postMessage(seed);
    };
    worker.on('message', ({ outcome, covered }: Done) => {
      // What is thrown here would end the process, with the other threads in the middle of their work.
      try {
        work.done(outcome, covered);
        go();
      } catch (error) {
        reject(error);
      }
    });
    worker.on('error', reject);
    worker.on('exit', (code) => reject(new Error(`a thread ended with exit code ${code} before its work was done`)));
    go();
  });
}
