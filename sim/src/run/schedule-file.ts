import type { Planned } from '../plan/action.js';
import type { Settings } from '../plan/settings.js';
import type { Case, Finding } from './run.js';

/** What is written, of either layer; that of replicas says so. */
export interface AnyCase {
  readonly layer?: 2;
  readonly seed: number;
  readonly settings: object;
  readonly safetyMs: number;
  readonly actions: readonly { readonly at: number; readonly action: { readonly kind: string } }[];
}

const FORMAT = 'raft-sim schedule 1';

/** Returns the text of a file from which a case can be run again. */
export function writeSchedule(
  { layer, seed, settings, safetyMs, actions }: AnyCase,
  finding: Finding | undefined,
): string {
  const head = { format: FORMAT, ...(layer === undefined ? {} : { layer }), seed, safetyMs, settings };
  const found = finding === undefined ? {} : { rule: finding.rule, event: finding.event, text: finding.text };
  // One action a line: such files are read, and edited.
  const lines = actions.map((planned) => `    ${JSON.stringify(planned)}`).join(',\n');
  const whole = JSON.stringify({ ...head, found, actions: [] }, undefined, 2);
  return `${whole.replace('"actions": []', () => `"actions": [\n${lines}\n  ]`)}\n`;
}

/**
 * Reads such a file, of layer 1.
 * @throws Error that says what is wrong with it
 */
export function readSchedule(text: string): Case {
  const { layer, settings, actions, ...rest } = readAnySchedule(text);
  if (layer !== undefined) throw new Error(`not a schedule of layer 1: its "layer" is ${layer}`);
  return { ...rest, settings: settings as Settings, actions: actions as readonly Planned[] };
}

/**
 * Reads such a file, of either layer.
 * @throws Error that says what is wrong with it
 */
export function readAnySchedule(text: string): AnyCase {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`not a schedule: ${(error as Error).message}`, { cause: error });
  }
  const { format, layer, seed, safetyMs, settings, actions } = (value ?? {}) as Record<string, unknown>;
  if (format !== FORMAT) throw new Error(`not a schedule: "format" must be "${FORMAT}"`);
  if (layer !== undefined && layer !== 2) throw new Error('not a schedule: "layer" must be 2, or missing');
  if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(safetyMs)) {
    throw new Error('not a schedule: "seed" and "safetyMs" must be whole numbers');
  }
  if (typeof settings !== 'object' || settings === null) throw new Error('not a schedule: "settings" is missing');
  if (!Array.isArray(actions) || !actions.every(isPlanned)) {
    throw new Error('not a schedule: "actions" must be a list of { "at", "action" }');
  }
  const head = layer === undefined ? {} : { layer: 2 as const };
  return { ...head, seed: seed as number, safetyMs: safetyMs as number, settings, actions };
}

function isPlanned(value: unknown): value is AnyCase['actions'][number] {
  const { at, action } = (value ?? {}) as Partial<AnyCase['actions'][number]>;
  return Number.isSafeInteger(at) && typeof action === 'object' && action !== null && typeof action.kind === 'string';
}
