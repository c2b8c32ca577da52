import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describeFinding } from '../report/summary.js';
import { renderTimeline } from '../report/timeline.js';
import type { Finding } from '../run/run.js';
import { type AnyCase, writeSchedule } from '../run/schedule-file.js';
import { writeScript } from '../script/script.js';
import { LAYERS, type Layer } from './layer.js';
import type { Call } from './options.js';

/** Makes a failure as short as possible and writes it. Returns what to tell about it. */
export async function keepFailure(finding: Finding, call: Call): Promise<string> {
  const layer = LAYERS[call.layer];
  const original = layer.draw(finding.seed, call);
  const { case: short, outcome, runs } = await layer.shorten(original, finding);
  const { lanes } = await layer.record(short);
  const folder = resolve(call.out);
  mkdirSync(folder, { recursive: true });
  const fileOf = (extension: string): string => join(folder, `${finding.rule}-${finding.seed}.${extension}`);
  const [schedule, timeline] = [fileOf('json'), fileOf('html')];
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
    ...keepScript(layer, short, fileOf('txt')),
  ].join('\n');
}

/** Writes a script of the calls on the cores, in a layer that has one. Returns what to tell about it. */
function keepScript(layer: Layer, short: AnyCase, file: string): string[] {
  const script = layer.script?.(short);
  if (script === undefined) return [];
  if ('why' in script) return [`  script:   none, the schedule is all there is: ${script.why}`];
  writeFileSync(file, writeScript(script, file));
  return [`  script:   ${file}`, `  again:    npm run interact -- --check ${file}`];
}

/** Returns the call that runs a seed again as it was. */
export function seedCommand({ seed }: Finding, { layer, members, safetyMs, faults }: Call): string {
  const words = ['raft-sim', ...(layer === 1 ? [] : [`--layer ${layer}`]), '--seeds 1', `--seed ${seed}`];
  if (members !== undefined) words.push(`--members ${members}`);
  if (safetyMs !== LAYERS[layer].safetyMs) words.push(`--seconds ${safetyMs / 1000}`);
  if (faults !== undefined) words.push(`--faults ${faults.join(',')}`);
  return words.join(' ');
}
