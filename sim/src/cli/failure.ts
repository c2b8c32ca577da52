import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeFinding } from '../report/summary.js';
import { renderTimeline } from '../report/timeline.js';
import type { Finding } from '../run/run.js';
import { writeSchedule } from '../run/schedule-file.js';
import { LAYERS } from './layer.js';
import type { Call } from './options.js';

/** Makes a failure as short as possible and writes it. Returns what to tell about it. */
export async function keepFailure(finding: Finding, call: Call): Promise<string> {
  const layer = LAYERS[call.layer];
  const original = layer.draw(finding.seed, call);
  const { case: short, outcome, runs } = await layer.shorten(original, finding);
  const { lanes } = await layer.record(short);
  const folder = resolve(call.out);
  mkdirSync(folder, { recursive: true });
  const schedule = join(folder, `${finding.rule}-${finding.seed}.json`);
  const timeline = join(folder, `${finding.rule}-${finding.seed}.html`);
  writeFileSync(schedule, writeSchedule(short, outcome.finding));
  writeFileSync(timeline, renderTimeline(lanes, short, outcome.finding));
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
export function seedCommand({ seed }: Finding, { layer, members, safetyMs, faults }: Call): string {
  const words = ['raft-sim', ...(layer === 1 ? [] : [`--layer ${layer}`]), '--seeds 1', `--seed ${seed}`];
  if (members !== undefined) words.push(`--members ${members}`);
  if (safetyMs !== LAYERS[layer].safetyMs) words.push(`--seconds ${safetyMs / 1000}`);
  if (faults !== undefined) words.push(`--faults ${faults.join(',')}`);
  return words.join(' ');
}
