import { RULES, type RuleName, Run, Violation } from '@raft-ts/sim';
import { FAIR, propose, World } from '@raft-ts/sim/by-hand';
import type { Act, Done } from './act.js';
import { describeAct } from './act.js';
import { settingsOf } from './building.js';
import { castOf } from './cast.js';
import { Chronicle } from './chronicle.js';
import { Client } from './client.js';
import { type Chapter, knobsOf, type Origin } from './origin.js';
import { perform } from './perform.js';

/** A rule of Raft that was broken. */
export interface Broken {
  readonly rule: RuleName;
  /** What must hold. */
  readonly rules: string;
  /** What happened. */
  readonly text: string;
}

/** A cluster of the simulator that goes on event by event, with what is done to it by hand. */
export class Engine {
  readonly origin: Origin;
  readonly world: World;
  readonly client: Client;
  readonly chronicle: Chronicle;
  /** Number of steps so far: with the origin and the script, it says where the run is. */
  position = 0;
  broken: Broken | undefined;
  /** What was done by hand, and what is still to be done, in a run that is played again. */
  readonly script: Done[];
  /** Number of acts of the script that were done. */
  done = 0;
  /** The chapter that is played; the number of chapters when the scene is over. */
  chapter = 0;
  readonly chapters: readonly Chapter[];
  /** Nothing more can happen. */
  isOver = false;
  private hasBegun = false;
  private chapterAt = 0;
  private readonly memory = new Map<string, number>();
  private readonly run: Run | undefined;
  private readonly loadMs: number;
  private nextLoad = 0;

  /** @param script what is done by hand on the way */
  constructor(origin: Origin, script: readonly Done[] = []) {
    this.origin = origin;
    this.script = [...script];
    const knobs = knobsOf(origin);
    if (origin.kind === 'case') {
      this.run = new Run(origin.case);
      this.world = this.run.world;
    } else {
      const { seed, settings, logs } = settingsOf(origin);
      this.world = new World(seed, settings, logs);
      this.world.network.weather = weatherOf(knobs);
    }
    this.loadMs = knobs === undefined || knobs.load === 0 ? Number.POSITIVE_INFINITY : 1000 / knobs.load;
    this.nextLoad = this.loadMs;
    this.chapters = origin.kind === 'scene' ? origin.scene.chapters(origin.variant) : [];
    this.client = new Client(this.world, this.world.settings.electionTick);
    this.chronicle = new Chronicle(this.client);
    this.world.recorder = this.chronicle;
    this.chronicle.look(this.world);
  }

  get now(): number {
    return this.world.now;
  }

  /** The moment of whatever comes next, in milliseconds of virtual time. */
  get next(): number {
    if (this.isOver) return Number.POSITIVE_INFINITY;
    const due = this.script[this.done];
    const event = this.world.queue.next;
    return due?.position === this.position ? Math.min(due.at, event) : event;
  }

  /** Has a chapter just ended, whose successor has not begun? */
  get isBetweenChapters(): boolean {
    return !this.hasBegun && this.chapter > 0 && this.chapter <= this.chapters.length;
  }

  /** Lets the next event happen, or what is due by hand before it. Returns false if nothing more can happen. */
  step(): boolean {
    const due = this.script[this.done];
    if (due?.position === this.position && !this.isOver) {
      this.catchUp(due);
      return true;
    }
    this.beginChapter();
    const goesOn = !this.isOver && this.happen();
    if (goesOn) {
      this.position++;
      this.guarded(() => this.work());
    }
    this.look();
    return goesOn;
  }

  /** Does something by hand, now. What was to be done later in a run that is played again is forgotten. */
  perform(act: Act, at: number): void {
    if (this.isOver) return;
    this.script.length = this.done;
    const done = { position: this.position, at: Math.max(Math.floor(at), this.now), act };
    this.script.push(done);
    this.catchUp(done);
  }

  private catchUp({ at, act }: Done): void {
    this.done++;
    // Only what is due at the moment of the act, or later, lies ahead: the clock goes there.
    if (this.world.queue.next > at && at > this.now) this.world.step(at);
    this.carryOut(act);
    this.look();
  }

  private carryOut(act: Act): void {
    this.chronicle.tell(this.now, describeAct(act), true);
    this.guarded(() => perform(this, act));
  }

  private beginChapter(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.chapterAt = this.now;
    for (const act of this.chapters[this.chapter]?.acts?.(this.cast()) ?? []) this.carryOut(act);
  }

  private happen(): boolean {
    const { run, world } = this;
    if (run === undefined) return this.guarded(() => void world.step(Number.POSITIVE_INFINITY));
    if (run.step()) return true;
    this.isOver = true;
    if (run.finding !== undefined) this.breaks(run.finding.rule, run.finding.text);
    else this.chronicle.tell(this.now, 'The run of the simulator is over, and no rule was broken.', true);
    return false;
  }

  /** What clients write all the time, if they were told to. */
  private work(): void {
    const { world } = this;
    for (; this.nextLoad <= world.now; this.nextLoad += this.loadMs) {
      const leader = world.leader();
      if (leader !== undefined) propose(world, leader, 1, 8);
    }
  }

  private look(): void {
    this.chronicle.look(this.world);
    this.client.look();
    const chapter = this.chapters[this.chapter];
    if (!this.hasBegun || chapter === undefined || !chapter.until(this.cast())) return;
    this.chapter++;
    this.hasBegun = false;
  }

  private cast(): ReturnType<typeof castOf> {
    return castOf(this, this.memory, this.now - this.chapterAt);
  }

  /** Returns false if a rule was broken: then nothing more happens. */
  private guarded(what: () => void): boolean {
    try {
      what();
      return true;
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.isOver = true;
      this.breaks(error.rule, error.message);
      return false;
    }
  }

  private breaks(rule: RuleName, text: string): void {
    this.broken = { rule, rules: RULES[rule], text };
    this.chronicle.tell(this.now, `A rule is broken, ${rule}: ${text}`, true);
  }
}

function weatherOf(knobs: ReturnType<typeof knobsOf>): typeof FAIR {
  if (knobs === undefined) return FAIR;
  const { minDelay, maxDelay, loss } = knobs;
  return { ...FAIR, minDelay, maxDelay: Math.max(minDelay, maxDelay), loss: loss / 100 };
}
