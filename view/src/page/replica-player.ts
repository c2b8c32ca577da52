import type { Act, Done } from '../model/act.js';
import type { Timeline } from '../model/timeline.js';
import { ReplicaRun } from '../replica/run.js';
import type { ReplicaScene } from '../replica/scenes.js';

/** Where a run of replicas is: everything that is needed to get there again. */
export interface ReplicaPlace {
  readonly scene: ReplicaScene;
  readonly script: readonly Done[];
  readonly position: number;
}

/** Where a run that is played again is to stop: at an event, or at a moment of virtual time. */
type Goal = { readonly position: number } | { readonly at: number };

/** Of each frame, in milliseconds. */
const BUDGET_MS = 5;
/** Events of each frame, if there are as many, whatever they take. */
const LEAST_EVENTS = 16;
/** Nothing is further apart than two heartbeats, in milliseconds of virtual time. */
const FAR_MS = 10_000;

/**
 * Moves a run of replicas through time. What replicas do takes turns of the event loop, so nothing here is done at
 * once.
 */
export class ReplicaPlayer {
  run: ReplicaRun;
  /** The moment that is shown, in milliseconds of virtual time. */
  time = 0;
  isRunning = false;
  /** Virtual milliseconds for each of real time. */
  speed = 0.25;
  furthest = 0;
  private goal: Goal | undefined;
  private isBusy = false;
  private readonly waiting: (() => Promise<void>)[] = [];
  private readonly changed: () => void;

  constructor({ scene, script, position }: ReplicaPlace, changed: () => void) {
    this.changed = changed;
    this.run = new ReplicaRun(scene, script);
    if (position > 0) this.toGoal({ position });
  }

  get position(): number {
    return this.run.position;
  }

  get isOver(): boolean {
    return this.run.isOver;
  }

  /** Number of members. */
  get members(): number {
    return this.run.world.members.length;
  }

  get timeline(): Timeline {
    return this.run.chronicler.timeline;
  }

  get isReplaying(): boolean {
    return this.goal !== undefined;
  }

  get place(): ReplicaPlace {
    const { scene, script, done, position } = this.run;
    return { scene, script: script.slice(0, done), position };
  }

  start(): void {
    if (this.isOver) return;
    this.isRunning = true;
    this.changed();
  }

  pause(): void {
    this.isRunning = false;
    this.changed();
  }

  oneEvent(): void {
    this.pause();
    this.later(async () => {
      await this.run.step(this.run.now + FAR_MS);
      this.arrive(this.run.now);
    });
  }

  back(): void {
    if (this.position > 0) this.rewind({ position: this.position - 1 });
  }

  toStart(): void {
    this.rewind({ position: 0 });
  }

  seek(at: number): void {
    this.pause();
    if (at >= this.run.now) this.toGoal({ at });
    else this.rewind({ at });
  }

  act(act: Act): void {
    this.later(async () => {
      await this.run.act(act, this.time);
      this.furthest = this.time = Math.max(this.time, this.run.now);
    });
  }

  private rewind(goal: Goal): void {
    this.pause();
    const { scene, script } = this.run;
    this.later(() => {
      this.run = new ReplicaRun(scene, script);
      this.time = 0;
      return Promise.resolve();
    });
    this.toGoal(goal);
  }

  private toGoal(goal: Goal): void {
    this.goal = goal;
    this.later(async () => {
      // The page stays alive meanwhile: each step is a turn of the event loop.
      while (this.goal === goal && !this.isThere(goal) && (await this.run.step(this.run.now + FAR_MS)));
      if (this.goal !== goal) return;
      this.goal = undefined;
      this.arrive('at' in goal ? Math.max(goal.at, this.run.now) : this.run.now);
    });
  }

  private isThere(goal: Goal): boolean {
    const { run } = this;
    if ('at' in goal) return run.now >= goal.at;
    const isDue = run.script[run.done]?.position === run.position;
    return run.position >= goal.position && !isDue;
  }

  /** Lets so much real time pass. */
  frame(passedMs: number): void {
    if (!this.isRunning || this.isBusy) return;
    const target = this.time + passedMs * this.speed;
    this.later(() => this.advance(target));
  }

  private async advance(target: number): Promise<void> {
    const end = performance.now() + BUDGET_MS;
    const { chapter } = this.run;
    for (let i = 1; await this.run.step(target); i++) {
      const isAtEnd = this.run.chapter !== chapter;
      // However busy the machine is, a run goes on.
      const isLate = i % LEAST_EVENTS === 0 && performance.now() > end;
      if (!isAtEnd && !isLate) continue;
      if (isAtEnd) this.isRunning = false;
      this.arrive(this.run.now);
      return;
    }
    if (this.isOver) this.isRunning = false;
    this.arrive(Math.max(target, this.run.now));
  }

  private arrive(time: number): void {
    this.time = time;
    this.furthest = Math.max(this.furthest, time);
  }

  /** One thing after the other. */
  private later(work: () => Promise<void>): void {
    this.waiting.push(work);
    if (!this.isBusy) void this.work();
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    for (let work = this.waiting.shift(); work !== undefined; work = this.waiting.shift()) await work();
    this.isBusy = false;
    this.changed();
  }
}
