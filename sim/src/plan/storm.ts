import { MessageType } from '@raft-ts/proto';
import type { Stream } from '../base/random.js';
import type { Action, Planned, Weather } from './action.js';

/** Storms choose among the first members only, so that the same few take part in what follows each other. */
const PLACES = 6;

/** How long a member that is slow takes, in milliseconds: longer than some leaders lead. */
const SLOW_MS = 3000;

/** Cuts outlast a storm: it mends them itself. */
const CUT_MS = 8000;

/** What happens one after the other, a millisecond apart, and the moment of what comes next. */
class Script {
  readonly planned: Planned[] = [];
  private at = 0;
  private readonly random: Stream;

  constructor(random: Stream) {
    this.random = random;
  }

  /** Does this, and then waits for about one of these times, in milliseconds. */
  next(pauses: readonly number[], ...actions: readonly Action[]): void {
    for (const action of actions) this.planned.push({ at: this.at++, action });
    this.at += this.random.pick(pauses) + this.random.int(20);
  }
}

const heal: Action = { kind: 'heal' };

function campaign(who: number): Action {
  return { kind: 'campaign', who };
}

/** Nobody keeps its vote for a leader. */
const forget: readonly Action[] = Array.from({ length: PLACES }, (_, who) => ({ kind: 'forget-leader', who }));

/** A member campaigns, and nobody keeps its vote for a leader. */
function elect(who: number): Action[] {
  return [...forget, campaign(who)];
}

function propose(via: number | 'leader', count: number): Action {
  return { kind: 'propose', via, count, size: 8 };
}

/** Cuts these members off from all others. */
function apart(...slots: readonly number[]): Extract<Action, { kind: 'apart' }> {
  return { kind: 'apart', group: slots.reduce((group, slot) => group | (1 << slot), 0), forMs: CUT_MS };
}

function freeze(who: number, forMs: number): Action {
  return { kind: 'freeze', who, forMs };
}

function lose(type: number, forMs: number): Action {
  return { kind: 'lose-kind', type, forMs };
}

/** Whoever leads proposes a change; more often than not one that leads into a joint configuration, or out of one. */
function reconfigure(random: Stream): Action {
  // A shape of this kind stands for a transition that nobody leaves unasked.
  const shape = random.chance(0.6) ? 3 + 4 * random.int(6) : random.int(1000);
  return { kind: 'change', via: 'leader', shape, choice: random.next() };
}

/** Whoever leads removes or demotes itself. */
function farewellTo(random: Stream): Action {
  return { kind: 'change', via: 'leader', shape: random.int(1000), choice: random.next(), whom: 'leader' };
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
  const play = random.pick([turmoil, figureEight, lateRead, lateRequest, lostTerm, farewell]);
  const { loss = [0], duplication = [0], late = [0], maxDelay = [10] } = skies.get(play) ?? {};
  const lateDelay = random.pick([500, 2400, 6000]);
  const above = { loss: random.pick(loss), duplication: random.pick(duplication), late: random.pick(late) };
  script.next([1], sky({ ...above, maxDelay: random.pick(maxDelay), lateDelay }));
  // Some storms break loose while the membership is being changed.
  if (random.chance(0.35)) script.next([60, 150], reconfigure(random));
  play(script, random, slow);
  script.next([50], heal, { kind: 'weather', weather: after });
  return script.planned;
}

function sky(weather: Partial<Weather>): Action {
  const calm = {
    loss: 0,
    duplication: 0,
    minDelay: 0,
    maxDelay: 10,
    ordered: false,
    late: 0,
    lateDelay: 0,
    lateAnswers: 0,
  };
  return { kind: 'weather', weather: { ...calm, ...weather } };
}

type Sky = Partial<Record<'loss' | 'duplication' | 'late' | 'maxDelay', readonly number[]>>;

/** What becomes of messages meanwhile. Where much happens in a certain order most of them must arrive. */
const skies: ReadonlyMap<unknown, Sky> = new Map([
  [turmoil, { loss: [0, 0.2, 0.4], late: [0, 0.1, 0.4] }],
  [lateRead, { loss: [0, 0, 0.2] }],
  [farewell, { duplication: [0, 0, 0.5], late: [0, 0.2, 0.4], maxDelay: [10, 50] }],
]);

/** Each leader has another part of the cluster in reach. */
function turmoil(script: Script, random: Stream, slow: number): void {
  const pause = random.pick([10, 30, 100]);
  const who = (): number => random.int(PLACES);
  script.next([1], disk(slow, random.pick([0, 500, 2000]), random.pick([0, SLOW_MS])));
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
    script.next([0, pause, 2 * pause], random.pick(steps)());
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
    script.next([100, 300], heal, ...elect(first), disk(follower, 0));
    script.next([20, 40], apart(first, follower), disk(follower, 0, 1500), propose(first, random.between(1, 2)));
    script.next(
      [50, 80],
      lose(MessageType.MsgApp, random.pick([40, 60, 80])),
      ...elect(second),
      disk(follower, random.pick([0, 20])),
    );
    script.next([150, 300], apart(second, follower));
    script.next([20, 40, 60], apart(second), ...elect(first));
    script.next([300, 600], disk(follower, random.pick([0, 500, 1500])));
  }
}

/**
 * A leader hears what it was asked only when another leads, and passes it on; whoever asked hears of that one first by
 * its answer, whatever it does meanwhile. Those who are frozen take what has come in any order.
 */
function lateRead(script: Script, random: Stream, asker: number): void {
  for (let rounds = random.between(1, 3); rounds > 0; rounds--) {
    const leader = (asker + random.between(1, PLACES - 1)) % PLACES;
    script.next([200, 300], heal, ...elect(leader));
    if (random.chance(0.5)) {
      slowQuestions(script, random, asker);
      continue;
    }
    script.next([1], freeze(leader, random.pick([450, 550])));
    for (let reads = random.between(1, 4); reads > 0; reads--) script.next([1], { kind: 'read', via: asker });
    if (random.chance(0.4)) {
      script.next([50, 80], ...elect(asker));
      if (random.chance(0.3)) script.next([40, 60], farewellTo(random));
    } else if (random.chance(0.7)) {
      // Nobody hears that it campaigns.
      script.next([1], apart(asker), campaign(asker));
    }
    script.next([1], { ...apart(asker), deaf: true }, freeze(asker, random.pick([600, 700])));
    script.next([250, 300], ...elect(random.int(PLACES)));
    script.next([500, 800], heal);
  }
}

/**
 * The questions are long under way, and the asker campaigns in vain. While it is frozen another is elected, and answers
 * all of them at once: they wait for the asker together with little else.
 */
function slowQuestions(script: Script, random: Stream, asker: number): void {
  const next = (asker + random.between(1, PLACES - 1)) % PLACES;
  const reads = Array.from({ length: random.between(3, 6) }, (): Action => ({ kind: 'read', via: asker }));
  script.next([5], sky({ minDelay: 320, maxDelay: 330 }), ...reads);
  const inVain = random.chance(0.5);
  // If it wins a pre-vote, others enter its term, and the next leader's is a later one.
  if (inVain) script.next([60], sky({}), lose(MessageType.MsgVoteResp, 60), ...elect(asker));
  else script.next([1], sky({}), apart(asker), campaign(asker));
  script.next([1], { ...apart(asker), deaf: true }, freeze(asker, inVain ? 290 : 350));
  script.next([inVain ? 210 : 270], ...elect(next));
  script.next([400, 700], heal);
}

/**
 * What a candidate has asked for comes late. Others have been elected by then, and the answers tell it so, whatever it
 * has become meanwhile.
 */
function lateRequest(script: Script, random: Stream, candidate: number): void {
  if (random.chance(0.4)) {
    voteless(script, random, candidate);
    return;
  }
  const [second, third] = [(candidate + 1) % PLACES, (candidate + 2) % PLACES];
  for (let rounds = random.between(1, 2); rounds > 0; rounds--) {
    script.next([150, 300], heal, sky({}), ...elect(second));
    const late = sky({ late: random.pick([0.3, 0.6]), lateDelay: random.pick([1000, 2500]) });
    script.next([10, 30, 60, 200], late, ...elect(candidate));
    if (random.chance(0.3)) script.next([20, 50], farewellTo(random));
    script.next([1, 1, 1200], sky({}), apart(candidate));
    script.next([100, 200], ...elect(third));
    script.next([60, 150], ...elect(second));
    if (random.chance(0.5)) script.next([1, 20], campaign(candidate));
    // It hears of them by what it is answered: nobody leads at the moment.
    script.next([800, 1500], freeze(second, 1500), ...forget, heal);
  }
}

/**
 * Candidates win their pre-votes, but nobody hears what they ask then: each is in a term of its own, and what it was
 * answered about an earlier one comes late.
 */
function voteless(script: Script, random: Stream, candidate: number): void {
  const other = (candidate + random.between(1, PLACES - 1)) % PLACES;
  script.next([1], heal, sky({}), lose(MessageType.MsgVote, 2000));
  for (let times = random.between(1, 3); times > 0; times--) script.next([30, 50], ...elect(other));
  script.next([1], sky({ lateAnswers: random.pick([0.3, 0.5]) }));
  for (let times = random.between(1, 3); times > 0; times--) script.next([30, 50, 200], ...elect(candidate));
  script.next([1], sky({}));
  for (let times = random.between(1, 2); times > 0; times--) script.next([300, 600], ...elect(candidate));
}

/**
 * A member answers a leader whose term it loses in a crash, and is sent a snapshot in that term: where it is unknown,
 * or was begun by the member itself.
 */
function lostTerm(script: Script, random: Stream, slow: number): void {
  for (let rounds = random.between(1, 3); rounds > 0; rounds--) {
    const leader = (slow + random.between(1, PLACES - 1)) % PLACES;
    if (random.chance(0.2)) {
      halfWritten(script, random, { leader, slow });
      continue;
    }
    script.next([1], heal, sky({}), disk(slow, SLOW_MS));
    if (random.chance(0.5)) script.next([60, 100], ...elect((leader + 1) % PLACES));
    script.next([60, 100], ...elect(leader));
    script.next([40, 60], propose('leader', 2));
    // What answers the next heartbeat needs it.
    script.next([120, 240], sky({ late: random.pick([0.35, 0.7]), lateDelay: 1500 }), {
      kind: 'snapshot',
      who: 'leader',
      keep: 0,
    });
    script.next([40, 80], lose(MessageType.MsgHeartbeat, 2000), {
      kind: 'crash',
      who: slow,
      kept: 0,
      forMs: random.pick([1, 10, 50]),
    });
    if (random.chance(0.7)) script.next([50, 100, 200], campaign(slow));
    script.next([500, 1500], propose('leader', 1));
  }
}

/**
 * A member hears of a term by the first entry of its leader: it missed the votes. It ends while it writes, and what is
 * left may be the entry without the term.
 */
function halfWritten(script: Script, random: Stream, { leader, slow }: { leader: number; slow: number }): void {
  script.next([60], heal, sky({ maxDelay: 5 }), disk(slow, 0));
  script.next([1], disk(slow, SLOW_MS), apart(slow), ...elect(leader));
  script.next([20, 40], lose(MessageType.MsgHeartbeat, 100), heal);
  script.next([300, 600], { kind: 'crash', who: slow, kept: random.pick([0.5, 0.7]), forMs: 10 });
}

/**
 * A leader is removed or demoted, and leads on: much that was sent before comes to it, or to a follower that was one.
 */
function farewell(script: Script, random: Stream, member: number): void {
  const other = (member + random.between(1, PLACES - 1)) % PLACES;
  script.next([150, 300], heal, ...elect(other));
  if (random.chance(0.3)) {
    lateSnapshot(script, random, member);
    return;
  }
  if (random.chance(0.4)) {
    script.next([100, 200], apart(member), propose('leader', 2));
    script.next([50, 150], heal, { kind: 'snapshot', who: 'leader', keep: 0 });
  }
  for (let count = random.between(1, 4); count > 0; count--) {
    script.next([1], { kind: 'read', via: member }, { kind: 'transfer', via: other, to: member });
    script.next([1, 20], { kind: 'transfer', via: other, to: other }, propose('leader', 1));
  }
  script.next([60, 100, 300], ...elect((other + 1) % PLACES));
  script.next([60, 100, 300], ...elect(member));
  script.next([1, 20, 40], { kind: 'transfer', via: other, to: other });
  if (random.chance(0.4)) {
    unheard(script, random, other);
    return;
  }
  script.next([1, 10, 20, 40], farewellTo(random));
  if (random.chance(0.5)) script.next([1], freeze(member, 300));
  if (random.chance(0.7)) script.next([400], ...elect(other));
  script.next([500, 2000, 4000], propose('leader', 1));
}

/**
 * A member needs a snapshot, which comes twice: first to a follower, then to the leader that it has become, and that
 * has removed itself.
 */
function lateSnapshot(script: Script, random: Stream, member: number): void {
  script.next([100], apart(member), propose('leader', 2));
  const twice = sky({ duplication: 1, late: 0.5, lateDelay: 1600 });
  script.next([150, 200], { kind: 'snapshot', who: 'leader', keep: 0 }, twice, heal);
  script.next([60], sky({}));
  script.next([120, 200], ...elect(member));
  script.next([400, 900], { kind: 'change', via: 'leader', shape: 0, choice: random.next(), whom: 'leader' });
}

/**
 * Nobody hears from a leader that it has left. Whoever comes after it still counts it among the voters, and writes to
 * it; of what it writes heartbeats come first.
 */
function unheard(script: Script, random: Stream, next: number): void {
  const cut = (shape: 'mute' | 'isolated'): Action => ({
    kind: 'connect',
    shape,
    choice: random.next(),
    forMs: CUT_MS,
    around: 'leader',
  });
  const read: Action = { kind: 'read', via: 'leader' };
  // The change itself leaves before appends are lost; what tells that it is committed would be one of them.
  script.next([1, 5], farewellTo(random), read, read, read, lose(MessageType.MsgApp, 60));
  script.next([40], cut('mute'));
  script.next([10], cut('isolated'));
  script.next([100, 200], ...elect(next), lose(MessageType.MsgApp, 900));
  script.next([300, 600], heal);
}
