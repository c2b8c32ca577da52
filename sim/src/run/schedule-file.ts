import type { Planned } from '../plan/action.js';
import type { Settings } from '../plan/settings.js';
import type { Case, Finding } from './run.js';

const FORMAT = 'raft-sim schedule 1';

/** Returns the text of a file from which a case can be run again. */
export function writeSchedule({ seed, settings, safetyMs, actions }: Case, finding: Finding | undefined): string {
  const head = { format: FORMAT, seed, safetyMs, settings };
  const found = finding === undefined ? {} : { rule: finding.rule, event: finding.event, text: finding.text };
  // One action a line: such files are read, and edited.
  const lines = actions.map((planned) => `    ${JSON.stringify(planned)}`).join(',\n');
  const whole = JSON.stringify({ ...head, found, actions: [] }, undefined, 2);
  return `${whole.replace('"actions": []', () => `"actions": [\n${lines}\n  ]`)}\n`;
}

/**
 * Reads such a file.
 * @throws Error that says what is wrong with it
 */
export function readSchedule(text: string): Case {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`not a schedule: ${(error as Error).message}`, { cause: error });
  }
  const { format, seed, safetyMs, settings, actions } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT) throw new Error(`not a schedule: "format" must be "${FORMAT}"`);
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(safetyMs)) {
    throw new Error('not a schedule: "seed" and "safetyMs" must be whole numbers');
  }
  if (typeof settings !== 'object' || settings === null) throw new Error('not a schedule: "settings" is missing');
  if (!Array.isArray(actions) || !actions.every(isPlanned)) {
    throw new Error('not a schedule: "actions" must be a list of { "at", "action" }');
  }
  return { seed: seed as number, safetyMs: safetyMs as number, settings: settings as Settings, actions };
}

function isPlanned(value: unknown): value is Planned {
  const { at, action } = (value ?? {}) as Partial<Planned>;
  return Number.isSafeInteger(at) && typeof action === 'object' && action !== null && typeof action.kind === 'string';
}
