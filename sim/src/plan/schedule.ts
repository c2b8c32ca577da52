import { MessageType } from '@raft-ts/proto';
import { Stream } from '../base/random.js';
import type { Action, NetworkAction, Pick, Planned, Shape, Weather } from './action.js';
import { PURPOSE } from './purpose.js';
import { storm } from './storm.js';

/** The kinds of faults. Each run draws which of them occur in it, and how often. */
export const FAULTS = [
  'loss',
  'duplication',
  'delay',
  'late',
  'kinds',
  'one-way',
  'split',
  'odd-shapes',
  'flapping',
  'crash',
  'freeze',
  'drift',
  'slow-disk',
  'transfer',
  'campaign',
  'snapshot',
  'unreachable',
  'membership',
  'replace',
  'late-answers',
  'storm',
] as const;
/** One of `FAULTS`. */
export type Fault = (typeof FAULTS)[number];

/** How long a run lasts and what it may do. */
export interface Span<F extends string = Fault> {
  /** Length of the phase with faults, in milliseconds of virtual time. */
  readonly safetyMs: number;
  /** The kinds of faults that may occur; all by default. Which of them do is drawn. */
  readonly faults?: readonly F[] | undefined;
}

/** Something that is done at a moment. */
export interface At<A> {
  readonly at: number;
  readonly action: A;
}

/** One action, or several with the moments after the first at which they are done. */
type Maker<A> = (random: Stream, on: ReadonlySet<string>) => A | readonly At<A>[];

/** What each kind of fault may do; `on` are the kinds that occur in the run. */
export type Makers<F extends string, A> = Record<F, Maker<A>>;

/** Faults that last end after a time drawn from here, in milliseconds: from less than a tick to many timeouts. */
export function lasting(random: Stream): number {
  return random.pick([50, 300, 1000, 3000, 8000]) + random.int(1000);
}

/** A member at random, or the leader: much goes wrong only there. */
export function someone(random: Stream): Pick {
  const number = random.int(1000);
  return random.chance(0.3) ? 'leader' : number;
}

/** The network without faults. */
export const FAIR: Weather = {
  loss: 0,
  duplication: 0,
  minDelay: 1,
  maxDelay: 10,
  ordered: true,
  late: 0,
  lateDelay: 0,
  lateAnswers: 0,
};

function drawWeather(random: Stream, on: ReadonlySet<string>): Weather {
  const isSlow = on.has('delay') && random.chance(0.6);
  const maxDelay = isSlow ? random.pick([30, 100, 300, 1500]) : 10;
  return {
    loss: on.has('loss') ? random.pick([0, 0.01, 0.1, 0.3, 0.5]) : 0,
    duplication: on.has('duplication') ? random.pick([0, 0.02, 0.2, 0.5]) : 0,
    minDelay: isSlow ? random.int(maxDelay) : 0,
    maxDelay,
    ordered: !on.has('delay') || random.chance(0.3),
    late: on.has('late') ? random.pick([0, 0.01, 0.1, 0.6]) : 0,
    lateDelay: random.pick([500, 2400, 20_000]),
    lateAnswers: on.has('late-answers') ? random.pick([0, 0.1, 2 / 3]) : 0,
  };
}

type Heal = Extract<Action, { kind: 'heal' }>;
type Weathered = Extract<Action, { kind: 'weather' }>;
type Connect = Extract<Action, { kind: 'connect' }>;

const kindsToLose = [
  MessageType.MsgApp,
  MessageType.MsgAppResp,
  MessageType.MsgVote,
  MessageType.MsgVoteResp,
  MessageType.MsgSnap,
  MessageType.MsgHeartbeat,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgProp,
  MessageType.MsgReadIndexResp,
];
/**
 * Without answers to pre-votes or votes members campaign for as long as it lasts, and hear everything else meanwhile.
 */
const moreToLose = [
  ...kindsToLose,
  MessageType.MsgVoteResp,
  MessageType.MsgPreVote,
  MessageType.MsgPreVoteResp,
  MessageType.MsgPreVoteResp,
];
const directions: readonly Shape[] = ['one-way', 'deaf', 'mute'];
const splits: readonly Shape[] = ['split', 'split', 'isolated'];
const oddShapes: readonly Shape[] = ['bridge', 'ring', 'chain', 'star', 'random'];
const flaps: readonly Shape[] = ['split', 'isolated', 'one-way'];

function weather(random: Stream, on: ReadonlySet<string>): NetworkAction {
  return { kind: 'weather', weather: drawWeather(random, on) };
}

type NetworkFault =
  | 'loss'
  | 'duplication'
  | 'delay'
  | 'late'
  | 'late-answers'
  | 'kinds'
  | 'one-way'
  | 'split'
  | 'odd-shapes'
  | 'flapping';

/** What happens to the network, whatever the members are. */
export const networkMakers: Makers<NetworkFault, NetworkAction> = {
  loss: weather,
  duplication: weather,
  delay: weather,
  late: weather,
  'late-answers': weather,
  kinds: (random) => ({ kind: 'lose-kind', type: random.pick(kindsToLose), forMs: lasting(random) }),
  'one-way': (random) => connect(random, random.pick(directions)),
  split: (random) => connect(random, random.pick(splits)),
  'odd-shapes': (random) => connect(random, random.pick(oddShapes)),
  flapping: (random) => flap(random, connect(random, random.pick(flaps))),
};

/** A cut that is most often made around the leader: what only it has is what the next one replaces. */
function aimed(random: Stream, shapes: readonly Shape[]): Connect {
  const cut = connect(random, random.pick(shapes));
  return random.chance(0.6) ? { ...cut, around: 'leader' } : cut;
}

const makers: Makers<Fault, Action> = {
  ...networkMakers,
  kinds: (random) => ({ kind: 'lose-kind', type: random.pick(moreToLose), forMs: lasting(random) }),
  'one-way': (random) => aimed(random, directions),
  split: (random) => aimed(random, splits),
  'odd-shapes': (random) => aimed(random, oddShapes),
  flapping: (random) => flap(random, aimed(random, flaps)),
  crash: (random) => ({
    kind: 'crash',
    who: someone(random),
    // Most often everything that was not synced is lost, or nothing: a power cut, or the end of a process.
    kept: random.pick([0, 0, 1, 0.5, random.int(100) / 100, random.int(100) / 100]),
    forMs: lasting(random),
  }),
  freeze: (random) => ({ kind: 'freeze', who: someone(random), forMs: lasting(random) }),
  drift: (random) => ({ kind: 'clock', who: someone(random), rate: random.pick([0.5, 0.8, 1, 1.25, 2]) }),
  'slow-disk': (random) => ({
    kind: 'disk',
    who: someone(random),
    writeMs: random.pick([0, 20, 200, 2000]),
    applyMs: random.pick([0, 20, 200, 2000]),
    answerMs: random.pick([0, 0, 20, 2000]),
  }),
  transfer: (random) => ({ kind: 'transfer', via: someone(random), to: random.int(1000) }),
  campaign: (random) =>
    random.chance(0.7) ? { kind: 'campaign', who: someone(random) } : { kind: 'forget-leader', who: someone(random) },
  snapshot: (random) => ({ kind: 'snapshot', who: someone(random), keep: random.pick([0, 0, 1, 5, 50]) }),
  unreachable: (random) => ({ kind: 'unreachable', who: someone(random), about: random.int(1000) }),
  membership: (random) => ({
    kind: 'change',
    via: 'leader',
    shape: random.int(1000),
    choice: random.next(),
    ...(random.chance(0.2) ? { whom: 'leader' as const } : {}),
  }),
  replace: (random) => ({ kind: 'replace', choice: random.int(1000) }),
  storm: (random, on) => storm(random, drawWeather(random, on)),
};

function connect(random: Stream, shape: Shape): Connect {
  return { kind: 'connect', shape, choice: random.next(), forMs: lasting(random) };
}

/** A link or a half that comes and goes: the same cut again and again. */
function flap(random: Stream, cut: Connect): At<Connect | Heal>[] {
  const period = random.between(50, 2000);
  const times = random.between(2, 8);
  return Array.from({ length: 2 * times }, (_, i) => ({
    at: i * period,
    action: i % 2 === 0 ? cut : { kind: 'heal' },
  }));
}

/** How many kinds of faults occur in a run, and how soon after each other. */
export interface Pace {
  /** One of these shares of the kinds occurs. */
  readonly shares: readonly number[];
  /** One of these is the mean time from one fault to the next, in milliseconds. */
  readonly pauses: readonly number[];
}

const USUAL: Pace = { shares: [0.15, 0.35, 0.6, 1], pauses: [80, 300, 1000, 3000] };

/**
 * Draws faults, and when they happen.
 * @param kindsOf makes those of each kind; all of them may occur by default
 */
export function planFaults<F extends string, A>(
  random: Stream,
  { safetyMs, faults }: Span<F>,
  kindsOf: Makers<F, A>,
  { shares, pauses }: Pace = USUAL,
): At<A | Heal | Weathered>[] {
  // Swarm style: a run with few kinds of faults gets further with them than one with all.
  const share = random.pick(shares);
  const on = new Set((faults ?? (Object.keys(kindsOf) as F[])).filter(() => random.chance(share)));
  const kinds = [...on];
  const planned: At<A | Heal | Weathered>[] = [
    { at: 0, action: { kind: 'weather', weather: drawWeather(random, on) } },
  ];
  if (kinds.length === 0) return planned;
  const weights = kinds.map(() => random.pick([1, 1, 3, 10]));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const pause = random.pick(pauses);
  for (let at = random.int(2 * pause); at < safetyMs; at += random.int(2 * pause) + 1) {
    let point = random.int(total);
    const kind = kinds.find((_, i) => (point -= weights[i] as number) < 0) as F;
    const made = kindsOf[kind](random, on);
    if (Array.isArray(made)) planned.push(...made.map((each: At<A>) => ({ at: at + each.at, action: each.action })));
    else planned.push({ at, action: made as A });
    if (random.chance(0.1)) planned.push({ at: at + lasting(random), action: { kind: 'heal' } });
  }
  return planned;
}

function planWork(random: Stream, safetyMs: number): Planned[] {
  const pause = random.pick([20, 60, 200, 1000]);
  const sizes = random.pick([
    [4, 8],
    [4, 200],
    [4, 3000],
  ]);
  const reads = random.pick([0, 0.2, 0.6]);
  const planned: Planned[] = [];
  for (let at = random.int(1000); at < safetyMs; at += random.int(2 * pause) + 1) {
    const via = someone(random);
    const action: Action = random.chance(reads)
      ? { kind: 'read', via }
      : {
          kind: 'propose',
          via,
          count: random.chance(0.1) ? random.between(2, 20) : 1,
          size: random.between(sizes[0] as number, sizes[1] as number),
        };
    planned.push({ at, action });
  }
  return planned;
}

/** Storms alone, which begin before the last one has ended. */
const STORMY: Pace = { shares: [1], pauses: [1500, 3000] };

/** As `STORMY`, but most of them end undisturbed, so that more of them get where they lead. */
const STORMY_AT_TIMES: Pace = { shares: [1], pauses: [6000] };

/** In layer 1 runs are short, so much happens in them. */
const DENSE: Pace = { shares: [0.25, 0.5, 0.75, 1], pauses: [60, 150, 400, 1500] };

/** What seldom comes alone: one change of the membership or one transfer of leadership after the other. */
function burst(random: Stream, { at, action }: Planned): Planned[] {
  const { kind } = action;
  const more: Planned[] = [];
  if (kind === 'crash') {
    // What has power in common goes down together.
    for (let next = at; random.chance(0.3); ) {
      next += random.int(30);
      more.push({ at: next, action: { ...action, who: random.int(1000) } });
    }
  }
  if (kind !== 'change' && kind !== 'transfer') return more;
  for (let next = at; random.chance(0.5); ) {
    next += random.pick([1, 20, 100, 500, 1500]) + random.int(20);
    const other: Action =
      kind === 'change'
        ? { ...action, shape: random.int(1000), choice: random.next() }
        : { ...action, to: random.int(1000) };
    more.push({ at: next, action: other });
  }
  return more;
}

/** Draws everything that is done to the cluster in the phase with faults, in the order of time. */
export function drawSchedule(seed: number, span: Span): Planned[] {
  const random = new Stream(seed, PURPOSE.faults);
  // What takes many steps in their order survives few other faults.
  const isStormy = random.chance(0.2) && span.faults?.includes('storm') !== false;
  const isAskedFor = span.faults?.length === 1 && span.faults[0] === 'storm';
  const faults =
    isStormy || isAskedFor
      ? planFaults(random, { ...span, faults: ['storm'] }, makers, isAskedFor ? STORMY_AT_TIMES : STORMY)
      : planFaults(random, span, makers, DENSE);
  const bursts = new Stream(seed, PURPOSE.bursts);
  const planned = [
    ...faults,
    ...faults.flatMap((each) => burst(bursts, each)),
    ...planWork(new Stream(seed, PURPOSE.workload), span.safetyMs),
  ].filter(({ at }) => at < span.safetyMs);
  return planned.sort((a, b) => a.at - b.at);
}
