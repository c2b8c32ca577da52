import type { Act, Done } from '../model/act.js';
import { Engine } from '../model/engine.js';
import type { Place } from '../model/link.js';
import { KNOBS, knobsOf, type Origin } from '../model/origin.js';
import type { Timeline } from '../model/timeline.js';

/** Where a run that is played again is to stop: at a step, or at a moment of virtual time. */
type Goal = { readonly position: number } | { readonly at: number };

/** Moves a run through time: on, back, by one event, to any moment. Going back plays it again from the beginning. */
export class Player {
  engine: Engine;
  /** The moment that is shown, in milliseconds of virtual time; it may lie between two events. */
  time = 0;
  isRunning = false;
  /** Virtual milliseconds for each of real time. */
  speed = 0.25;
  /** The furthest moment that was reached, and the course up to there, as long as nothing else is done on the way. */
  furthest = 0;
  private ghost: Timeline | undefined;
  private goal: Goal | undefined;
  private readonly changed: () => void;

  /** @param changed is called when something else is to be shown */
  constructor(place: Place, changed: () => void) {
    this.changed = changed;
    this.engine = new Engine(place.origin, place.script);
    this.goal = { position: place.position };
  }

  open({ origin, script, position }: Place): void {
    this.engine = new Engine(origin, script);
    this.time = 0;
    this.isRunning = false;
    this.furthest = 0;
    this.ghost = undefined;
    this.goal = { position };
    this.changed();
  }

  get origin(): Origin {
    return this.engine.origin;
  }

  /** What was done by hand up to now. */
  get script(): readonly Done[] {
    return this.engine.script.slice(0, this.engine.done);
  }

  /** The course of the run; that of its future too, if it was played before. */
  get timeline(): Timeline {
    return this.ghost !== undefined && this.furthest > this.engine.now ? this.ghost : this.engine.chronicle.timeline;
  }

  get position(): number {
    return this.engine.position;
  }

  /** Can nothing more happen? */
  get isOver(): boolean {
    return this.engine.isOver;
  }

  /** Number of members. */
  get members(): number {
    return this.engine.world.members.length;
  }

  /** Is the run being played again, up to where it was? */
  get isReplaying(): boolean {
    return this.goal !== undefined;
  }

  /** What the network did to messages at the beginning. */
  startWeather(origin: Origin): { readonly ms: number; readonly to: number; readonly value: number } {
    const { minDelay, maxDelay, loss } = knobsOf(origin) ?? KNOBS;
    return { ms: minDelay, to: maxDelay, value: loss };
  }

  run(): void {
    if (this.engine.isOver) return;
    this.isRunning = true;
    this.changed();
  }

  pause(): void {
    this.isRunning = false;
    this.changed();
  }

  oneEvent(): void {
    this.pause();
    this.finishGoal();
    const { engine } = this;
    const { position } = engine;
    while (engine.position === position && engine.step());
    this.arrive(engine.now);
  }

  back(): void {
    const { position } = this.engine;
    if (position > 0) this.rewind({ position: position - 1 });
  }

  toStart(): void {
    this.rewind({ position: 0 });
  }

  seek(at: number): void {
    if (at >= this.engine.now) {
      this.pause();
      this.goal = { at };
      this.changed();
    } else {
      this.rewind({ at });
    }
  }

  private rewind(goal: Goal): void {
    this.pause();
    if (this.ghost === undefined || this.engine.now >= this.furthest) this.ghost = this.engine.chronicle.timeline;
    this.engine = new Engine(this.origin, this.engine.script);
    this.time = 0;
    this.goal = goal;
    this.changed();
  }

  /** Does something by hand, now. */
  act(act: Act): void {
    this.finishGoal();
    this.engine.perform(act, this.time);
    this.ghost = undefined;
    this.furthest = this.time = Math.max(this.time, this.engine.now);
    this.changed();
  }

  /** Lets so much real time pass, and uses about so much of it. Returns whether something was done. */
  frame(passedMs: number, budgetMs: number): boolean {
    const end = performance.now() + budgetMs;
    if (this.goal !== undefined) {
      // What is played again is done when it is done; the page stays alive meanwhile.
      this.approach(end);
      return true;
    }
    if (!this.isRunning) return false;
    this.time += passedMs * this.speed;
    const { engine } = this;
    const { chapter } = engine;
    for (let i = 0; engine.next <= this.time; i++) {
      if (!engine.step() || engine.chapter !== chapter) {
        this.isRunning = false;
        this.time = engine.now;
        break;
      }
      if (i % 16 === 15 && performance.now() > end) {
        // Too much to do in the time: the clock waits.
        this.time = engine.now;
        break;
      }
    }
    this.arrive(this.time);
    return true;
  }

  private approach(end: number): void {
    const { goal } = this;
    if (goal === undefined) return;
    for (let i = 0; !this.isThere(goal); i++) {
      if (i % 64 === 63 && performance.now() > end) return;
      if (!this.engine.step()) break;
    }
    this.goal = undefined;
    this.arrive('at' in goal ? Math.max(goal.at, this.engine.now) : this.engine.now);
  }

  private isThere(goal: Goal): boolean {
    const { engine } = this;
    if ('at' in goal) return engine.next > goal.at;
    const isDue = engine.script[engine.done]?.position === engine.position;
    return engine.position >= goal.position && !isDue;
  }

  private finishGoal(): void {
    this.approach(Number.POSITIVE_INFINITY);
  }

  private arrive(time: number): void {
    this.time = time;
    this.furthest = Math.max(this.furthest, time);
    this.changed();
  }
}
