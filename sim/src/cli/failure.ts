import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { withoutHost } from '../node/trap.js';
import { Recording } from '../report/recording.js';
import { describeFinding } from '../report/summary.js';
import { renderTimeline } from '../report/timeline.js';
import { minimize } from '../run/minimize.js';
import { type CaseOptions, drawCase, type Finding, runCase } from '../run/run.js';
import { writeSchedule } from '../run/schedule-file.js';
import type { Call } from './options.js';

/** Makes a failure as short as possible and writes it. Returns what to tell about it. */
export async function keepFailure(finding: Finding, options: CaseOptions, { out }: Pick<Call, 'out'>): Promise<string> {
  const original = drawCase(finding.seed, options);
  const { case: short, outcome, runs } = await withoutHost(() => minimize(original, finding));
  const recording = new Recording();
  withoutHost(() => runCase(short, recording));
  recording.finish();
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true });
  const schedule = join(folder, `${finding.rule}-${finding.seed}.json`);
  const timeline = join(folder, `${finding.rule}-${finding.seed}.html`);
  writeFileSync(schedule, writeSchedule(short, outcome.finding));
  writeFileSync(timeline, renderTimeline(recording, short, outcome.finding));
  const smaller = outcome.finding ?? finding;
  return [
    `shortened in ${runs} runs from ${original.actions.length} actions and ${finding.event} events to ${short.actions.length} and ${smaller.event}:`,
    `  ${describeFinding(smaller)}`,
    ...(finding.stack === undefined ? [] : [finding.stack]),
    `  schedule: ${schedule}`,
    `  timeline: ${timeline}`,
    `  again:    raft-sim --replay ${schedule}`,
  ].join('\n');
}

/** Returns the call that runs a seed again as it was. */
export function seedCommand({ seed }: Finding, { members, safetyMs, faults }: Call): string {
  const words = ['raft-sim', '--seeds 1', `--seed ${seed}`];
  if (members !== undefined) words.push(`--members ${members}`);
  if (safetyMs !== 30_000) words.push(`--seconds ${safetyMs / 1000}`);
  if (faults !== undefined) words.push(`--faults ${faults.join(',')}`);
  return words.join(' ');
}
