import { Worker } from 'node:worker_threads';
import { withoutHost } from '../node/trap.js';
import { type CaseOptions, drawCase, type Outcome, runCase } from '../run/run.js';

/** The seeds of a call, one after the other. */
export interface Work {
  readonly options: CaseOptions;
  readonly jobs: number;
  /** The next seed; undefined if there is no more to do. */
  next(): number | undefined;
  done(outcome: Outcome): void;
}

/** Runs the seeds, several at a time if so asked. */
export async function runAll(work: Work): Promise<void> {
  if (work.jobs > 1) {
    await Promise.all(Array.from({ length: work.jobs }, () => runInThread(work)));
    return;
  }
  for (let seed = work.next(); seed !== undefined; seed = work.next()) {
    const current = seed;
    work.done(withoutHost(() => runCase(drawCase(current, work.options))));
    // Lets signals and the terminal have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function runInThread(work: Work): Promise<void> {
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: work.options });
  await new Promise<void>((resolve, reject) => {
    const go = (): void => {
      const seed = work.next();
      if (seed === undefined) resolve();
      else worker.postMessage(seed);
    };
    worker.on('message', (outcome: Outcome) => {
      work.done(outcome);
      go();
    });
    worker.on('error', reject);
    go();
  });
  await worker.terminate();
}
