/**
 * Looks for what a power cut may break in the log: `npm run power-cuts -- --minutes N --seed S`.
 *
 * Each worker records the life of a log from a seed (of the log alone where it is even, of log and snapshot files where
 * it is odd), stops it at every effect on the disk, and opens what may be left; then it takes the next seed. The first
 * broken promise ends the run, with the command that shows it again.
 */
import { randomInt } from 'node:crypto';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { type Counts, Explorer, Loss } from './explorer.js';
import { logOf } from './logs.js';
import { recordScenario, Violation } from './scenario.js';

const usage = `usage: npm run power-cuts -- [--minutes N] [--seed S] [--step I] [--workers N] [--operations N] [--samples N]

  --minutes N     how long to look (default 5)
  --seed S        draws the scenarios (default: a new one, printed)
  --step I        look at this step of this one scenario only
  --workers N     threads, each with scenarios of its own (default 2)
  --operations N  how much happens in a scenario (default 200)
  --samples N     drawn choices at each step, beside those that the rules ask for (default 4)`;

const REPORT_EVERY_MS = 10_000;

const PASSES = 16;

interface Task {
  readonly firstSeed: number;
  /** From one seed of this worker to its next. */
  readonly stride: number;
  readonly untilMs: number;
  readonly operations: number;
  readonly samples: number;
  /** Only this step of only the first seed. */
  readonly step: number | undefined;
}

interface Report {
  readonly counts: Counts;
  readonly finishedScenarios: number;
  readonly loss?: { readonly seed: number; readonly step: number | undefined; readonly text: string };
}

async function explore(task: Task, report: (report: Report) => void): Promise<void> {
  const sum = newCounts();
  let reported = Date.now();
  for (let finished = 0, seed = task.firstSeed; ; seed += task.stride, finished++) {
    const log = logOf(seed);
    const explorer = new Explorer({ log, seed, samples: task.samples });
    const enough = (): boolean => {
      const now = Date.now();
      if (now - reported > REPORT_EVERY_MS) {
        reported = now;
        report({ counts: added(sum, explorer.counts), finishedScenarios: finished });
      }
      return now > task.untilMs;
    };
    try {
      const recording = await recordScenario({ log, seed, operations: task.operations });
      if (task.step !== undefined) await explorer.explore(recording, (step) => step === task.step, enough);
      // In passes over the whole scenario, so that a run that is cut short has seen all of its parts.
      else
        for (let pass = 0; pass < PASSES; pass++)
          await explorer.explore(recording, (step) => step % PASSES === pass, enough);
    } catch (error) {
      if (!(error instanceof Loss || error instanceof Violation)) throw error;
      const loss = { seed, step: error instanceof Loss ? error.step : undefined, text: error.message };
      report({ counts: added(sum, explorer.counts), finishedScenarios: finished, loss });
      return;
    }
    addTo(sum, explorer.counts);
    if (task.step !== undefined || enough()) {
      report({ counts: sum, finishedScenarios: finished });
      return;
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string' },
      step: { type: 'string' },
      workers: { type: 'string', default: '2' },
      operations: { type: 'string', default: '200' },
      samples: { type: 'string', default: '4' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) {
    console.log(usage);
    return;
  }
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
  const workers = values.step === undefined ? Number(values.workers) : 1;
  const started = Date.now();
  console.log(
    `seed ${seed}, ${workers} workers, ${values.minutes} minutes, ${values.operations} operations in each scenario`,
  );
  const reports: (Report | undefined)[] = new Array(workers).fill(undefined);
  const print = (): void => console.log(describe(reports, (Date.now() - started) / 1000));
  const threads = Array.from({ length: workers }, (_, i) => {
    const task: Task = {
      firstSeed: seed + i,
      stride: workers,
      untilMs: started + Number(values.minutes) * 60_000,
      operations: Number(values.operations),
      samples: Number(values.samples),
      step: values.step === undefined ? undefined : Number(values.step),
    };
    return new Worker(new URL(import.meta.url), { workerData: task });
  });
  const ended = threads.map(async (thread, i) => {
    thread.on('message', (report: Report) => {
      reports[i] = report;
      if (report.loss !== undefined) for (const other of threads) if (other !== thread) void other.terminate();
      if (i === 0 && report.loss === undefined) print();
    });
    await new Promise<void>((resolve, reject) => thread.once('exit', () => resolve()).once('error', reject));
  });
  await Promise.all(ended);
  print();
  for (const report of reports) {
    // A worker that was stopped early has reported nothing.
    const loss = report?.loss;
    if (loss === undefined) continue;
    const step = loss.step === undefined ? '' : ` --step ${loss.step}`;
    console.error(`BROKEN with seed ${loss.seed}: ${loss.text}`);
    console.error(
      `again: npm run power-cuts -- --seed ${loss.seed}${step} --operations ${values.operations} --samples ${values.samples}`,
    );
    process.exitCode = 1;
  }
}

function newCounts(): Counts {
  return {
    scenarioImages: 0,
    recoveryImages: 0,
    distinctImages: 0,
    cutRecoveries: 0,
    distinctOutcomes: 0,
    byHow: new Map(),
  };
}

function addTo(sum: Counts, more: Counts): void {
  sum.scenarioImages += more.scenarioImages;
  sum.recoveryImages += more.recoveryImages;
  sum.distinctImages += more.distinctImages;
  sum.cutRecoveries += more.cutRecoveries;
  sum.distinctOutcomes += more.distinctOutcomes;
  for (const [how, count] of more.byHow) sum.byHow.set(how, (sum.byHow.get(how) ?? 0) + count);
}

function added(...all: readonly Counts[]): Counts {
  const sum = newCounts();
  for (const counts of all) addTo(sum, counts);
  return sum;
}

function describe(reports: readonly (Report | undefined)[], seconds: number): string {
  const present = reports.filter((report) => report !== undefined);
  const counts = added(...present.map((report) => report.counts));
  const finished = present.reduce((total, report) => total + report.finishedScenarios, 0);
  const images = counts.scenarioImages + counts.recoveryImages;
  const how = [...counts.byHow].map(([name, count]) => `${count} ${name}`).join(', ');
  return [
    `${seconds.toFixed(0)} s: ${images} images (${counts.scenarioImages} of the scenario, ${counts.recoveryImages} of recoveries)`,
    `${counts.distinctImages} distinct (${how})`,
    `${counts.distinctOutcomes} distinct outcomes, ${counts.cutRecoveries} recoveries cut`,
    `${finished} scenarios finished, ${(images / seconds).toFixed(0)} images/s`,
  ].join('; ');
}

if (isMainThread) await main();
else await explore(workerData as Task, (report) => parentPort?.postMessage(report));
