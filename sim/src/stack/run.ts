import type { StateMachine } from '@raft-ts/replica';
import { Violation } from '../base/violation.js';
import type { StackPlanned } from '../plan/stack-action.js';
import { drawStackSchedule, type StackFault } from '../plan/stack-schedule.js';
import { drawStackSettings, type StackSettings } from '../plan/stack-settings.js';
import type { Finding, Outcome } from '../run/run.js';
import { StackLiveness } from './liveness.js';
import type { MediumMaker } from './medium.js';
import type { Subject } from './options.js';
import { type StackWatcher, StackWorld } from './world.js';

/** Everything that a run of replicas follows from, beside what is simulated. Plain data. */
export interface StackCase {
  readonly layer: 2;
  readonly seed: number;
  readonly settings: StackSettings;
  /** What is done to the cluster, in the order of time. */
  readonly actions: readonly StackPlanned[];
  /** Length of the phase with faults, in milliseconds of virtual time; the liveness phase follows. */
  readonly safetyMs: number;
}

export interface StackCaseOptions {
  /** Number of founders; drawn if undefined. */
  readonly members?: number | undefined;
  /** Length of the phase with faults, in milliseconds of virtual time. Default 20,000. */
  readonly safetyMs?: number | undefined;
  /** The kinds of faults that may occur; all by default. Which of them do is drawn. */
  readonly faults?: readonly StackFault[] | undefined;
  /** May clients keep their commands in sessions? Default true. */
  readonly sessions?: boolean | undefined;
}

export const STACK_SAFETY_MS = 20_000;

/** Draws a case from a seed. */
export function drawStackCase(
  seed: number,
  { members, safetyMs = STACK_SAFETY_MS, faults, sessions = true }: StackCaseOptions = {},
): StackCase {
  const drawn = drawStackSettings(seed, members);
  const settings = { ...drawn, sessions: sessions && drawn.sessions };
  const actions = drawStackSchedule(seed, { safetyMs, faults }, settings.leases);
  return { layer: 2, seed, settings, actions, safetyMs };
}

/** What a run of replicas came to. */
export interface StackOutcome<Command, Result, Machine extends StateMachine<Command, Result>> extends Outcome {
  readonly world: StackWorld<Command, Result, Machine>;
}

/**
 * Runs a case to its end, or to the first broken rule.
 * @param watcher is told of everything that happens
 * @param listen calls back with every rejection that nobody handles, until what it returns is called
 */
export async function runStack<Command, Result, Machine extends StateMachine<Command, Result>>(
  of: StackCase,
  subject: Subject<Command, Result, Machine>,
  {
    makeMedium,
    watcher,
    listen,
  }: {
    readonly makeMedium: MediumMaker;
    readonly watcher?: StackWatcher | undefined;
    readonly listen?: ((tell: (reason: unknown) => void) => () => void) | undefined;
  },
): Promise<StackOutcome<Command, Result, Machine>> {
  const { seed, actions, safetyMs } = of;
  subject.reset?.();
  const world = new StackWorld<Command, Result, Machine>(of, subject, makeMedium);
  world.watcher = watcher;
  const ignore = listen?.((reason) => {
    world.broke(
      'no-rejection',
      `Nobody handles a rejection: ${reason instanceof Error ? reason.message : String(reason)}.`,
      reason,
    );
  });
  for (const { at, action } of actions) world.plan(at, action);
  let finding: Finding | undefined;
  try {
    while (await world.step(safetyMs));
    await new StackLiveness(world).check();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const { cause, rule, message } = error;
    const stack = cause instanceof Error ? cause.stack : undefined;
    finding = { seed, rule, text: message, event: world.time.events, at: world.time.now, stack };
  } finally {
    ignore?.();
    // Nothing of it is to go on.
    for (const { process } of world.members) process?.end();
  }
  return {
    seed,
    finding,
    events: world.time.events,
    messages: world.wire.network.messages,
    virtualMs: world.time.now,
    committed: world.stateRules.last,
    elections: world.logRules.elections,
    reads: world.clients.reads,
    hash: world.hash.toString(),
    world,
  };
}
