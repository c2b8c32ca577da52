import { MessageType } from '@raft-ts/proto';
import type { Stream } from '../base/random.js';
import type { Action, Planned, Weather } from './action.js';

/** Storms choose among the first members only, so that the same few take part in what follows each other. */
const PLACES = 6;

/** How long a member that is slow takes, in milliseconds: longer than some leaders lead. */
const SLOW_MS = 3000;

/** Cuts outlast a storm: it mends them itself. */
const CUT_MS = 8000;

/** What happens one after the other, and the moment of what comes next. */
class Script {
  readonly planned: Planned[] = [];
  private at = 0;
  private readonly random: Stream;

  constructor(random: Stream) {
    this.random = random;
  }

  /** Does this at once, and then waits for about one of these times, in milliseconds. */
  then(pauses: readonly number[], ...actions: readonly Action[]): void {
    for (const action of actions) this.planned.push({ at: this.at, action });
    this.at += this.random.pick(pauses) + this.random.int(20);
  }
}

const heal: Action = { kind: 'heal' };

function campaign(who: number): Action {
  return { kind: 'campaign', who };
}

function propose(via: number | 'leader', count: number): Action {
  return { kind: 'propose', via, count, size: 8 };
}

/** Cuts these members off from all others. */
function apart(...slots: readonly number[]): Action {
  return { kind: 'apart', group: slots.reduce((group, slot) => group | (1 << slot), 0), forMs: CUT_MS };
}

function disk(who: number, writeMs: number, answerMs = 0): Action {
  return { kind: 'disk', who, writeMs, applyMs: 0, answerMs };
}

/**
 * Leaders come and go faster than some member writes, or than it hears of what it wrote: what needs three leaders in a
 * second and a message from the first would otherwise never be seen.
 * @param after the weather once it has passed
 */
export function storm(random: Stream, after: Weather): Planned[] {
  const script = new Script(random);
  const slow = random.int(PLACES);
  for (let who = 0; who < PLACES; who++) script.planned.push({ at: 0, action: disk(who, random.pick([0, 3])) });
  const play = random.pick([turmoil, turmoil, figureEight, figureEight, lateRead, lostTerm]);
  // What figure 8 leads to takes many messages that must all arrive.
  const isCalm = play === figureEight || random.chance(0.2);
  const weather = {
    loss: isCalm ? 0 : random.pick([0, 0.2, 0.4]),
    duplication: 0,
    minDelay: 0,
    maxDelay: 10,
    ordered: false,
    late: isCalm ? 0 : random.pick([0, 0.1, 0.4]),
    lateDelay: random.pick([500, 2400, 8000]),
    lateAnswers: 0,
  };
  script.then([1], { kind: 'weather', weather });
  play(script, random, slow);
  script.then([50], heal, { kind: 'weather', weather: after });
  return script.planned;
}

/** Each leader has another part of the cluster in reach. */
function turmoil(script: Script, random: Stream, slow: number): void {
  const pause = random.pick([10, 30, 100]);
  const who = (): number => random.int(PLACES);
  script.then([1], disk(slow, random.pick([0, 500, 2000]), random.pick([0, SLOW_MS])));
  const steps: readonly (() => Action)[] = [
    () => ({ kind: 'connect', shape: 'random', choice: random.next(), forMs: CUT_MS }),
    () => ({ kind: 'connect', shape: 'random', choice: random.next(), forMs: CUT_MS }),
    () => campaign(who()),
    () => campaign(who()),
    () => campaign(who()),
    () => propose('leader', random.between(1, 3)),
    () => ({ kind: 'read', via: who() }),
    () => ({ kind: 'transfer', via: who(), to: who() }),
    () => ({ kind: 'snapshot', who: 'leader', keep: 0 }),
  ];
  for (let count = random.between(10, 40); count > 0; count--) {
    script.then([0, pause, 2 * pause], random.pick(steps)());
  }
}

/**
 * Figure 8 of the paper, again and again: what a leader appends reaches one member alone. The next leader replaces it
 * there, and reaches nobody else either; then the first leads again, and puts it back in its place.
 */
function figureEight(script: Script, random: Stream, follower: number): void {
  for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
    const first = (follower + random.between(1, PLACES - 1)) % PLACES;
    const second = random.int(PLACES);
    script.then([100, 300], heal, campaign(first), disk(follower, 0));
    script.then([20, 40], apart(first, follower), disk(follower, 0, 1500), propose(first, random.between(1, 2)));
    const nothing: Action = { kind: 'lose-kind', type: MessageType.MsgApp, forMs: random.pick([40, 60, 80]) };
    script.then([50, 80], nothing, campaign(second), disk(follower, random.pick([0, 20])));
    script.then([150, 300], apart(second, follower));
    script.then([20, 40, 60], apart(second), campaign(first));
    script.then([300, 600], disk(follower, random.pick([0, 500, 1500])));
  }
}

/** A leader hears what it was asked only when others lead, and whoever asked is answered by one that it never heard of. */
function lateRead(script: Script, random: Stream, asker: number): void {
  for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
    const leader = random.int(PLACES - 1);
    script.then([100, 300], heal, campaign(leader));
    script.then([10, 40], { kind: 'freeze', who: leader, forMs: random.pick([150, 300, 600]) });
    for (let reads = random.between(1, 4); reads > 0; reads--) script.then([1], { kind: 'read', via: asker });
    if (random.chance(0.3)) script.then([30, 60], campaign(asker));
    script.then([20, 60], apart(asker), campaign(random.int(PLACES)));
    if (random.chance(0.5)) script.then([0, 50], campaign(asker));
    script.then([20, 100, 300], campaign(random.int(PLACES)));
    script.then([100, 300], heal);
  }
}

/**
 * A member answers a leader whose term it loses in a crash, and is sent a snapshot in that term: where it is unknown, or
 * was begun by the member itself.
 */
function lostTerm(script: Script, random: Stream, slow: number): void {
  for (let rounds = random.between(1, 4); rounds > 0; rounds--) {
    const leader = random.int(PLACES - 1);
    script.then([1], heal, disk(slow, SLOW_MS));
    if (random.chance(0.5)) script.then([50, 100], campaign(random.int(PLACES)));
    script.then([50, 100], campaign(leader));
    script.then([30, 60], propose('leader', 2));
    script.then([60, 120, 240], { kind: 'snapshot', who: 'leader', keep: 0 });
    script.then([80, 150], { kind: 'crash', who: slow, kept: 0, forMs: random.pick([10, 100]) });
    if (random.chance(0.7)) script.then([50, 200], campaign(slow));
    script.then([100, 500], propose('leader', 1));
  }
}
