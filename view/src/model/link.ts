import { drawCase, FAULTS, type Fault, readSchedule, writeSchedule } from '@raft-ts/sim';
import { type Done, readScript, writeScript } from './act.js';
import { type Drawn, KNOBS, type Knobs, type Origin, type Scene } from './origin.js';

/** A place in a run: everything that is needed to get there again. */
export interface Place {
  readonly origin: Origin;
  readonly script: readonly Done[];
  /** The number of steps to take from the beginning. */
  readonly position: number;
}

/** What each knob may be; a number is its highest value. */
const LIMITS: { readonly [K in keyof Knobs]: readonly [short: string, lowest: number, highest: number] } = {
  seed: ['seed', 0, Number.MAX_SAFE_INTEGER],
  members: ['n', 1, 9],
  electionTick: ['et', 3, 100_000],
  heartbeatTick: ['hb', 1, 50_000],
  preVote: ['pv', 0, 1],
  checkQuorum: ['cq', 0, 1],
  leaseReads: ['lease', 0, 1],
  minDelay: ['from', 0, 60_000],
  maxDelay: ['to', 0, 60_000],
  loss: ['loss', 0, 100],
  load: ['load', 0, 1000],
  maxSizePerMsg: ['size', 0, 1_000_000],
};

const names = Object.keys(LIMITS) as (keyof Knobs)[];

/** Most steps that an address may ask for. */
export const MOST_STEPS = 5_000_000;
/** Longest phase with faults of a case that an address draws, in milliseconds. */
const MOST_MS = 3_600_000;

/** Returns what stands after the `#` of the address of a place. */
export function writeLink({ origin, script, position }: Place): string {
  const parts = originParts(origin);
  if (script.length > 0) parts.push(`do=${writeScript(script)}`);
  if (position > 0) parts.push(`at=${position}`);
  return parts.join('&');
}

function originParts(origin: Origin): string[] {
  if (origin.kind === 'scene') {
    const isFirst = origin.variant === (origin.scene.variants?.[0]?.id ?? '');
    return [`scene=${origin.scene.id}`, ...(isFirst ? [] : [`as=${origin.variant}`])];
  }
  if (origin.kind === 'free') {
    const { knobs } = origin;
    return names
      .filter((name) => name === 'seed' || knobs[name] !== KNOBS[name])
      .map((name) => `${LIMITS[name][0]}=${Number(knobs[name])}`);
  }
  const { drawn } = origin;
  if (drawn === undefined) return [`file=${encodeURIComponent(writeSchedule(origin.case, undefined))}`];
  return [
    `draw=${drawn.seed}`,
    ...(drawn.members === undefined ? [] : [`n=${drawn.members}`]),
    ...(drawn.safetyMs === undefined ? [] : [`ms=${drawn.safetyMs}`]),
    ...(drawn.faults === undefined ? [] : [`faults=${drawn.faults.join(',')}`]),
  ];
}

/**
 * Reads what stands after the `#` of an address.
 * @param find finds a scene by its id
 * @throws Error that says what is wrong with it
 */
export function readLink(text: string, find: (id: string) => Scene | undefined): Place {
  const parts = new Map<string, string>();
  for (const part of text.replace(/^#/, '').split('&')) {
    const cut = part.indexOf('=');
    if (cut > 0) parts.set(part.slice(0, cut), part.slice(cut + 1));
  }
  const script = readScript(parts.get('do') ?? '');
  const position = number(parts, 'at', 0, MOST_STEPS) ?? 0;
  return { origin: originOf(parts, find), script, position };
}

function originOf(parts: ReadonlyMap<string, string>, find: (id: string) => Scene | undefined): Origin {
  const id = parts.get('scene');
  if (id !== undefined) {
    const scene = find(id);
    if (scene === undefined) throw new Error(`there is no scene "${id}"`);
    return { kind: 'scene', scene, variant: variantOf(scene, parts.get('as')) };
  }
  const file = parts.get('file');
  if (file !== undefined) return { kind: 'case', case: readSchedule(decodeURIComponent(file)) };
  if (parts.has('draw')) return drawnOrigin(drawnOf(parts));
  const knobs: Record<string, number | boolean> = { ...KNOBS };
  for (const name of names) {
    const [short, lowest, highest] = LIMITS[name];
    const value = number(parts, short, lowest, highest);
    if (value !== undefined) knobs[name] = typeof KNOBS[name] === 'boolean' ? value === 1 : value;
  }
  const whole = knobs as unknown as Knobs;
  if (whole.heartbeatTick >= whole.electionTick) throw new Error('heartbeats must be more frequent than elections');
  return { kind: 'free', knobs: whole };
}

/** The variant of a scene that is asked for, or its first one. */
export function variantOf({ variants = [] }: Scene, wanted: string | undefined): string {
  return variants.find(({ id }) => id === wanted)?.id ?? variants[0]?.id ?? '';
}

function drawnOf(parts: ReadonlyMap<string, string>): Drawn {
  const members = number(parts, 'n', 1, 9);
  const safetyMs = number(parts, 'ms', 0, MOST_MS);
  const faults = parts.get('faults')?.split(',').map(faultOf);
  return {
    seed: number(parts, 'draw', 0, Number.MAX_SAFE_INTEGER) ?? 0,
    ...(members === undefined ? {} : { members }),
    ...(safetyMs === undefined ? {} : { safetyMs }),
    ...(faults === undefined ? {} : { faults }),
  };
}

function faultOf(name: string): Fault {
  const fault = FAULTS.find((known) => known === name);
  if (fault === undefined) throw new Error(`there is no kind of fault "${name}"`);
  return fault;
}

/** A run of the simulator that `raft-sim --seed` would make. */
export function drawnOrigin(drawn: Drawn): Origin {
  const { seed, members, safetyMs, faults } = drawn;
  return { kind: 'case', case: drawCase(seed, { members, safetyMs, faults }), drawn };
}

function number(parts: ReadonlyMap<string, string>, name: string, lowest: number, highest: number): number | undefined {
  const text = parts.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < lowest || value > highest) {
    throw new Error(`"${name}" must be a whole number from ${lowest} to ${highest}`);
  }
  return value;
}
