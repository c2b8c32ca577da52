import { type RuleName, Violation } from '../base/violation.js';
import type { Recorder } from '../cluster/world.js';
import { World } from '../cluster/world.js';
import type { Planned } from '../plan/action.js';
import { drawSchedule, type Fault } from '../plan/schedule.js';
import { drawSettings, type Settings } from '../plan/settings.js';
import { Liveness } from './liveness.js';

/** Everything that a run follows from: the same case runs the same way every time. Plain data. */
export interface Case {
  /** What is drawn during the run follows from it: delays, losses, election timeouts. */
  readonly seed: number;
  readonly settings: Settings;
  /** What is done to the cluster, in the order of time. */
  readonly actions: readonly Planned[];
  /** Length of the phase with faults, in milliseconds of virtual time; the liveness phase follows. */
  readonly safetyMs: number;
}

/** A rule that was broken in a run, and when. */
export interface Finding {
  readonly seed: number;
  readonly rule: RuleName;
  /** One sentence with the facts. */
  readonly text: string;
  /** Number of events before it. */
  readonly event: number;
  /** Milliseconds of virtual time. */
  readonly at: number;
  /** Where an error was thrown, if a member failed. */
  readonly stack: string | undefined;
}

/** What a run came to. */
export interface Outcome {
  readonly seed: number;
  readonly finding: Finding | undefined;
  readonly events: number;
  readonly messages: number;
  readonly virtualMs: number;
  /** Highest committed index, and highest term of a leader. */
  readonly committed: number;
  readonly elections: number;
  readonly reads: number;
  /** Two runs with the same hash did the same. */
  readonly hash: string;
}

export interface CaseOptions {
  /** Number of voters at the start; drawn if undefined. */
  readonly members?: number | undefined;
  /** Length of the phase with faults, in milliseconds of virtual time. Default 30,000. */
  readonly safetyMs?: number | undefined;
  /** The kinds of faults that may occur; all by default. Which of them do is drawn. */
  readonly faults?: readonly Fault[] | undefined;
}

/** Draws a case from a seed. */
export function drawCase(seed: number, { members, safetyMs = 30_000, faults }: CaseOptions = {}): Case {
  const span = faults === undefined ? { safetyMs } : { safetyMs, faults };
  return { seed, settings: drawSettings(seed, members), actions: drawSchedule(seed, span), safetyMs };
}

/**
 * Must every member come back once faults end? Not where the membership changed and members neither ask before they
 * campaign nor check their quorum: one that missed the changes campaigns among those whom it knows, its term rises, and
 * it ignores the leader of a lower term, who is never told. It is so with etcd too.
 */
function mayRecover({ preVote, checkQuorum }: Settings, actions: readonly Planned[]): boolean {
  return preVote || checkQuorum || !actions.some(({ action: { kind } }) => kind === 'change' || kind === 'replace');
}

/**
 * Runs a case to its end, or to the first broken rule.
 * @param recorder is told of everything that happens
 */
export function runCase({ seed, settings, actions, safetyMs }: Case, recorder?: Recorder): Outcome {
  let world: World | undefined;
  let finding: Finding | undefined;
  try {
    world = new World(seed, settings);
    world.recorder = recorder;
    for (const { at, action } of actions) world.plan(at, action);
    while (world.step(safetyMs));
    if (mayRecover(settings, actions)) new Liveness(world).check();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const stack = error.cause instanceof Error ? error.cause.stack : undefined;
    finding = {
      seed,
      rule: error.rule,
      text: error.message,
      event: world?.events ?? 0,
      at: world?.now ?? 0,
      stack,
    };
  }
  return {
    seed,
    finding,
    events: world?.events ?? 0,
    messages: world?.network.messages ?? 0,
    virtualMs: world?.now ?? 0,
    committed: world?.rules.history.committed ?? 0,
    elections: world?.rules.history.leaders.size ?? 0,
    reads: world?.rules.history.readsAnswered ?? 0,
    hash: world?.hash.toString() ?? '',
  };
}
