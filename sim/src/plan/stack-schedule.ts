import { Stream } from '../base/random.js';
import { PURPOSE } from './purpose.js';
import { lasting, type Makers, networkMakers, planFaults, type Span, someone } from './schedule.js';
import type { Loss, Restarts, StackAction, StackPlanned } from './stack-action.js';

/** The kinds of faults of layer 2. */
export const STACK_FAULTS = [
  'loss',
  'duplication',
  'delay',
  'late',
  'late-answers',
  'kinds',
  'one-way',
  'split',
  'odd-shapes',
  'flapping',
  'crash',
  'power-cut',
  'torn-write',
  'slow-disk',
  'full-disk',
  'failing-sync',
  'freeze',
  'drift',
  'transfer',
  'unreachable',
  'lead',
  'membership',
  'replace',
  'bit-rot',
  'misdirected-write',
] as const;
/** One of `STACK_FAULTS`. */
export type StackFault = (typeof STACK_FAULTS)[number];

function crash(random: Stream, loss: Loss): StackAction {
  return { kind: 'crash', who: someone(random), loss, forMs: lasting(random) };
}

function restarts(random: Stream): Restarts {
  return random.chance(0.5) ? 'process' : 'machine';
}

/** @param drift how far clocks may go wrong: a little where reads rely on them */
function makersFor(drift: readonly number[]): Makers<StackFault, StackAction> {
  return {
    ...networkMakers,
    crash: (random) => crash(random, 'nothing'),
    'power-cut': (random) => crash(random, random.pick(['unsynced', 'some'])),
    'torn-write': (random) => crash(random, 'torn'),
    'slow-disk': (random) => ({
      kind: 'disk',
      who: someone(random),
      writeMs: random.pick([0, 5, 50, 400]),
      applyMs: random.pick([0, 20, 200, 2000]),
    }),
    'full-disk': (random) => ({
      kind: 'full-disk',
      who: someone(random),
      room: random.pick([0, 100, 3000, 100_000]),
      forMs: lasting(random),
      restarts: restarts(random),
    }),
    'failing-sync': (random) => ({
      kind: 'failing-sync',
      who: someone(random),
      forMs: lasting(random),
      restarts: restarts(random),
    }),
    freeze: (random) => ({ kind: 'freeze', who: someone(random), forMs: lasting(random) }),
    drift: (random) => ({ kind: 'clock', who: someone(random), rate: random.pick(drift) }),
    transfer: (random) => ({ kind: 'transfer', via: someone(random), to: random.int(1000) }),
    unreachable: (random) => ({ kind: 'unreachable', who: someone(random), about: random.int(1000) }),
    lead: (random) => ({ kind: 'lead', who: someone(random), forMs: lasting(random) }),
    membership: (random) =>
      random.chance(0.5)
        ? { kind: 'add', via: someone(random), learner: random.chance(0.3) }
        : { kind: 'remove', via: someone(random), who: random.int(1000) },
    replace: (random) => ({ kind: 'replace', via: someone(random), who: random.int(1000) }),
    'bit-rot': (random) => ({ kind: 'bit-rot', who: someone(random), choice: random.next() }),
    'misdirected-write': (random) => ({ kind: 'misdirected-write', who: someone(random), forMs: lasting(random) }),
  };
}

function planWork(random: Stream, safetyMs: number): StackPlanned[] {
  const pause = random.pick([20, 60, 200, 1000]);
  const reads = random.pick([0, 0.2, 0.6]);
  const planned: StackPlanned[] = [];
  for (let at = random.int(1000); at < safetyMs; at += random.int(2 * pause) + 1) {
    const via = someone(random);
    const choice = random.next();
    const action: StackAction = random.chance(reads)
      ? { kind: 'read', via, choice }
      : { kind: 'propose', via, count: random.chance(0.1) ? random.between(2, 20) : 1, choice };
    planned.push({ at, action });
  }
  return planned;
}

/** Clocks on which leases may be built run at speeds that differ by less than a tenth. */
const SLIGHT = [0.96, 0.98, 1, 1.02, 1.04];
const WILD = [0.5, 0.8, 1, 1.25, 2];

/** Draws everything that is done to replicas in the phase with faults, in the order of time. */
export function drawStackSchedule(seed: number, span: Span<StackFault>, usesLeases: boolean): StackPlanned[] {
  const makers = makersFor(usesLeases ? SLIGHT : WILD);
  const planned: StackPlanned[] = [
    ...planFaults(new Stream(seed, PURPOSE.faults), span, makers),
    ...planWork(new Stream(seed, PURPOSE.workload), span.safetyMs),
  ].filter(({ at }) => at < span.safetyMs);
  return planned.sort((a, b) => a.at - b.at);
}
