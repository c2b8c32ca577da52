import { type RuleName, Violation } from '../base/violation.js';
import type { Tracer } from '../cluster/tracer.js';
import type { Recorder } from '../cluster/world.js';
import { World } from '../cluster/world.js';
import type { Planned } from '../plan/action.js';
import { drawSchedule, type Fault } from '../plan/schedule.js';
import { drawFounders, drawSettings, type Settings } from '../plan/settings.js';
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

/** What is given of a case; the rest is drawn. */
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
  const settings = drawSettings(seed, members);
  return {
    seed,
    settings: { ...settings, ...drawFounders(seed, settings) },
    actions: drawSchedule(seed, span),
    safetyMs,
  };
}

/**
 * Must every member come back once faults end? Not where the membership changed and members neither ask before they
 * campaign nor check their quorum: one that missed the changes campaigns among those whom it knows, its term rises, and
 * it ignores the leader of a lower term, who is never told. It is so with etcd too.
 */
function mayRecover({ preVote, checkQuorum, joint }: Settings, actions: readonly Planned[]): boolean {
  if (preVote || checkQuorum) return true;
  // A joint configuration is left in the end.
  return joint !== true && !actions.some(({ action: { kind } }) => kind === 'change' || kind === 'replace');
}

/** A run under way, for whoever looks at it event by event. */
export class Run {
  readonly world: World;
  /** The rule that was broken; nothing happens any more after that. */
  finding: Finding | undefined;
  private readonly course: Generator<void, void>;

  /**
   * @param recorder is told of everything that happens
   * @param tracer is told of every call on the cores
   */
  constructor({ seed, settings, actions, safetyMs }: Case, recorder?: Recorder, tracer?: Tracer) {
    this.world = new World(seed, settings, [], tracer);
    this.world.recorder = recorder;
    for (const { at, action } of actions) this.world.plan(at, action);
    this.course = course(this.world, safetyMs, mayRecover(settings, actions));
  }

  /** Lets the next event happen. Returns false at the end of the run. */
  step(): boolean {
    if (this.finding !== undefined) return false;
    try {
      return this.course.next().done !== true;
    } catch (error) {
      const { seed, events, now } = this.world;
      this.finding = findingOf(error, { seed, event: events, at: now });
      return false;
    }
  }
}

function* course(world: World, safetyMs: number, recovers: boolean): Generator<void, void> {
  while (world.step(safetyMs)) yield;
  if (recovers) yield* new Liveness(world).check();
}

function findingOf(error: unknown, where: Pick<Finding, 'seed' | 'event' | 'at'>): Finding {
  if (!(error instanceof Violation)) throw error;
  const stack = error.cause instanceof Error ? error.cause.stack : undefined;
  return { ...where, rule: error.rule, text: error.message, stack };
}

/**
 * Runs a case to its end, or to the first broken rule.
 * @param recorder is told of everything that happens
 */
export function runCase(of: Case, recorder?: Recorder): Outcome {
  const { seed } = of;
  let run: Run;
  try {
    run = new Run(of, recorder);
  } catch (error) {
    // A member fails when it is started first.
    return outcomeOf(seed, findingOf(error, { seed, event: 0, at: 0 }), undefined);
  }
  while (run.step());
  return outcomeOf(seed, run.finding, run.world);
}

function outcomeOf(seed: number, finding: Finding | undefined, world: World | undefined): Outcome {
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
