import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describeCount, describeFinding, describeTime, describeTotals, Totals } from '../report/summary.js';
import { renderTimeline } from '../report/timeline.js';
import { type AnyCase, readAnySchedule } from '../run/schedule-file.js';
import { keepFailure, seedCommand } from './failure.js';
import { LAYERS } from './layer.js';
import { type Call, readCall, USAGE } from './options.js';
import { runAll } from './pool.js';
import { tellCoverage } from './report.js';
import { situationOf, tellSituation } from './situation.js';

/** Where a command's words go; a test collects them. */
export interface Output {
  /** Takes what the command prints. */
  out(text: string): void;
  /** Takes what it prints to standard error. */
  error(text: string): void;
}

/** At most so many failures are made short and written: more of the same would say nothing new. */
const MOST_KEPT = 3;

/** A line of progress is printed this often. */
const PROGRESS_MS = 5000;

/** Runs the command `raft-sim`, and returns the exit code. */
export async function raftSim(args: readonly string[], output: Output): Promise<number> {
  let call: Call;
  try {
    const situation = situationOf(args);
    if (situation !== undefined) {
      output.out(tellSituation(situation, args.slice(1)));
      return 0;
    }
    call = readCall(args);
  } catch (error) {
    output.error(`${(error as Error).message}\n\n${USAGE}`);
    return 2;
  }
  if (call.help) {
    output.out(USAGE);
    return 0;
  }
  if (call.report) {
    const { text, isGood } = await tellCoverage(call);
    output.out(text);
    return isGood ? 0 : 1;
  }
  return call.replay === undefined ? runSeeds(call, output) : replay(call.replay, call, output);
}

async function runSeeds(call: Call, output: Output): Promise<number> {
  const { layer, seeds, seed: first = randomInt(1, 2 ** 40), limitMs, jobs, members, safetyMs, faults } = call;
  output.out(`seeds from ${first} on\n`);
  const options = { layer, members, safetyMs, faults };
  const totals = new Totals();
  const began = Date.now();
  const cpu = process.cpuUsage();
  let shown = began;
  let given = 0;
  await runAll({
    options,
    jobs,
    next: () => (given >= seeds || Date.now() - began >= limitMs ? undefined : first + given++),
    done: (outcome) => {
      totals.add(outcome);
      if (outcome.finding !== undefined) {
        output.out(`${describeFinding(outcome.finding)}\n  again: ${seedCommand(outcome.finding, call)}\n`);
      }
      if (Date.now() - shown < PROGRESS_MS) return;
      shown = Date.now();
      output.out(
        `${describeCount(totals.runs)} runs, ${describeTime(totals.virtualMs)} of virtual time, ${describeCount(totals.events)} events, ${totals.findings.length} failures\n`,
      );
    },
  });
  const { user, system } = process.cpuUsage(cpu);
  output.out(`${describeTotals(totals, (user + system) / 1000)}\n`);
  const { findings } = totals;
  for (const finding of findings.slice(0, MOST_KEPT)) output.out(`${await keepFailure(finding, call)}\n`);
  output.out(findings.length === 0 ? 'no rule was broken\n' : `${findings.length} runs broke a rule\n`);
  return findings.length === 0 ? 0 : 1;
}

async function replay(file: string, { html }: Call, output: Output): Promise<number> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    output.error(`cannot read ${file}: ${(error as Error).message}\n`);
    return 2;
  }
  let read: AnyCase;
  try {
    read = readAnySchedule(text);
  } catch (error) {
    output.error(`${file}: ${(error as Error).message}\n`);
    return 2;
  }
  const { outcome, lanes } = await LAYERS[read.layer ?? 1].record(read);
  if (html !== undefined) writeFileSync(html, renderTimeline(lanes, read, outcome.finding));
  const { finding, events, virtualMs, hash } = outcome;
  output.out(`${describeCount(events)} events, ${describeTime(virtualMs)} of virtual time, hash ${hash}\n`);
  output.out(finding === undefined ? 'no rule was broken\n' : `${describeFinding(finding)}\n`);
  if (finding?.stack !== undefined) output.out(`${finding.stack}\n`);
  return finding === undefined ? 0 : 1;
}
