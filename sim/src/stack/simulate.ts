import type { StateMachine } from '@raft-ts/replica';
import { Stream } from '../base/random.js';
import { PURPOSE } from '../plan/purpose.js';
import type { StackFault } from '../plan/stack-schedule.js';
import type { Finding, Outcome } from '../run/run.js';
import type { Call } from './call.js';
import type { MediumMaker } from './medium.js';
import { shortenStack } from './minimize.js';
import type { Subject } from './options.js';
import { drawStackCase, runStack, type StackCase, type StackOutcome } from './run.js';

/** What is simulated, for how long, and under which faults. */
export interface SimulateOptions<Command, Result, Machine extends StateMachine<Command, Result>>
  extends Subject<Command, Result, Machine> {
  /** The seed of the first run; the next one has the next. Default: drawn. */
  readonly seed?: number;
  /** Number of runs, unless one breaks a rule. Default 20. */
  readonly runs?: number;
  /** Number of founders. Default: drawn for each run, from one to five. */
  readonly members?: number;
  /** Milliseconds of virtual time with faults in each run. Default 20,000. */
  readonly safetyMs?: number;
  /** The kinds of faults that may occur. Default: all (`STACK_FAULTS`). */
  readonly faults?: readonly StackFault[];
  /** Make a run that breaks a rule as short as possible? That takes many runs more. Default true. */
  readonly shorten?: boolean;
}

/** What all runs together came to. */
interface Sums {
  /** The seed of the first run. */
  readonly seed: number;
  readonly runs: number;
  readonly events: number;
  /** Milliseconds of virtual time. */
  readonly virtualMs: number;
  /** Calls of clients that were answered: commands that were applied, and reads. */
  readonly answered: number;
  /** Stands for everything that happened: the same seed gives the same hash, on every machine. */
  readonly hash: string;
}

/** No rule was broken. */
export interface Passed extends Sums {
  readonly ok: true;
}

/** A run broke a rule. */
export interface Failed<Command, Result> extends Sums {
  readonly ok: false;
  /** What was found: which rule, the facts in a sentence, and when. */
  readonly finding: Finding;
  /** The run, as short as possible unless that was not wanted: pass it to `replay`. */
  readonly schedule: StackCase;
  /** What clients asked for and were told in that run. */
  readonly calls: readonly Call<Command, Result>[];
}

/** What came of a simulation: all runs passed, or one failed. */
export type Simulated<Command, Result> = Passed | Failed<Command, Result>;

/** Two simulations at the same time were given what only one of them can have. */
export class SharedSubjectError extends Error {
  override readonly name = 'SharedSubjectError';
  /** A simulation was begun with the same `reset` as one that still runs: each would set back what the other counts. */
  readonly code = 'ERR_RAFT_SIM_SHARED';

  constructor() {
    super('another simulation with the same reset still runs: await it first, or make a subject for each');
  }
}

/** Where a simulation runs. */
export interface Host {
  readonly makeMedium: MediumMaker;
  /** Keeps what runs, and whatever it leads to, from the host's clocks and the rest. */
  readonly around: <T>(run: () => Promise<T>) => Promise<T>;
  /** Calls back with every rejection that nobody handles, until what it returns is called. */
  readonly listen?: ((tell: (reason: unknown) => void) => () => void) | undefined;
  readonly drawSeed: () => number;
}

/** Most events that are spent on making a run shorter. */
const MOST_EVENTS = 300_000;

/** The resets of subjects of which a run is under way. */
const busy = new WeakSet<() => void>();

/**
 * Runs a case on a host. Runs may go on side by side: they share nothing but what their subjects do.
 * @throws SharedSubjectError
 */
export async function runOn<Command, Result, Machine extends StateMachine<Command, Result>>(
  host: Host,
  of: StackCase,
  subject: Subject<Command, Result, Machine>,
  watcher?: Parameters<typeof runStack>[2]['watcher'],
): Promise<StackOutcome<Command, Result, Machine>> {
  const { reset } = subject;
  if (reset === undefined) return host.around(() => runStack(of, subject, { ...host, watcher }));
  // What it sets back is counted on by the other run, whose seed would then not decide what it does.
  if (busy.has(reset)) throw new SharedSubjectError();
  busy.add(reset);
  try {
    return await host.around(() => runStack(of, subject, { ...host, watcher }));
  } finally {
    busy.delete(reset);
  }
}

/** Simulates clusters, one after the other, until one breaks a rule or all have run. */
export async function simulateOn<Command, Result, Machine extends StateMachine<Command, Result>>(
  host: Host,
  options: SimulateOptions<Command, Result, Machine>,
): Promise<Simulated<Command, Result>> {
  const { seed = host.drawSeed(), runs = 20, members, safetyMs, faults, sessions, shorten = true } = options;
  let sums: Sums = { seed, runs: 0, events: 0, virtualMs: 0, answered: 0, hash: '' };
  for (let i = 0; i < runs; i++) {
    const original = drawStackCase(seed + i, { members, safetyMs, faults, sessions });
    const outcome = await runOn(host, original, options);
    sums = add(sums, outcome);
    if (outcome.finding === undefined) continue;
    if (!shorten) return { ...sums, ok: false, ...failureOf(original, outcome) };
    const short = await shortenStack(original, outcome.finding, (of) => runOn(host, of, options), MOST_EVENTS);
    const again = await runOn(host, short.case, options);
    return { ...sums, ok: false, ...failureOf(short.case, again.finding === undefined ? outcome : again) };
  }
  return { ...sums, ok: true };
}

function failureOf<Command, Result, Machine extends StateMachine<Command, Result>>(
  schedule: StackCase,
  { finding, world }: StackOutcome<Command, Result, Machine>,
): Pick<Failed<Command, Result>, 'finding' | 'schedule' | 'calls'> {
  return { finding: finding as Finding, schedule, calls: world.clients.calls };
}

function add(
  sums: Sums,
  outcome: Outcome & {
    readonly world: { readonly clients: { readonly calls: readonly { readonly outcome: string }[] } };
  },
): Sums {
  const answered = outcome.world.clients.calls.filter((call) => call.outcome === 'done').length;
  return {
    seed: sums.seed,
    runs: sums.runs + 1,
    events: sums.events + outcome.events,
    virtualMs: sums.virtualMs + outcome.virtualMs,
    answered: sums.answered + answered,
    hash: joined(sums.hash, outcome.hash),
  };
}

/** A hash of two hashes. */
function joined(one: string, two: string): string {
  if (one === '') return two;
  const parts = [one, two].flatMap((text) => [
    Number.parseInt(text.slice(0, 8), 16),
    Number.parseInt(text.slice(8), 16),
  ]);
  const stream = new Stream(PURPOSE.stack, ...parts);
  return [stream.next(), stream.next()].map((word) => word.toString(16).padStart(8, '0')).join('');
}
