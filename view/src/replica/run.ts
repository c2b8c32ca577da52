import type { Message } from '@raft-ts/proto';
import { RULES, Violation } from '@raft-ts/sim';
import { FAIR, hostTurn, type StackSettings, StackWorld, type Station } from '@raft-ts/sim/by-hand';
import { type Act, type Done, describeAct, slotsOf } from '../model/act.js';
import type { UnderWay } from '../model/picture.js';
import { Chronicler } from './chronicler.js';
import { ReplicaClient } from './client.js';
import { Register } from './register.js';
import type { ReplicaChapter, ReplicaScene } from './scenes.js';
import { ShownLog } from './shown-log.js';

export type ReplicaWorld = StackWorld<string, number, Register>;
export type ReplicaMember = ReplicaWorld['members'][number];

const SETTINGS: StackSettings = {
  members: 3,
  electionTicks: 10,
  preVote: true,
  checkQuorum: true,
  sessions: false,
  leases: true,
  inlineBytes: 2 ** 20,
  everyEntries: 10_000,
  keepEntries: 50,
  segmentSize: 1 << 16,
  maxPending: 16_384,
  maxInflight: 256,
  maxMessageBytes: 2 ** 20,
  maxUncommittedBytes: 64 * 2 ** 20,
  comparesEvery: 0,
};

/** A cluster of replicas, as programs ship them, over logs in memory, that goes on event by event. */
export class ReplicaRun {
  readonly scene: ReplicaScene;
  readonly world: ReplicaWorld;
  readonly client: ReplicaClient;
  readonly chronicler: Chronicler = new Chronicler();
  /** Number of events so far: with the scene and the script, it says where the run is. */
  position = 0;
  /** What was done by hand, and what is still to be done, in a run that is played again. */
  readonly script: Done[];
  done = 0;
  chapter = 0;
  readonly chapters: readonly ReplicaChapter[];
  /** A rule that was broken, in words; then nothing more happens. */
  broken = '';
  private hasBegun = false;
  private chapterAt = 0;
  private underWay: UnderWay[] = [];
  private readonly logs = new Map<number, ShownLog>();

  /** @param script what is done by hand on the way */
  constructor(scene: ReplicaScene, script: readonly Done[] = []) {
    this.scene = scene;
    this.script = [...script];
    this.chapters = scene.chapters;
    const makeMedium = (options: ConstructorParameters<typeof ShownLog>[0]): ShownLog => {
      const log = new ShownLog(options);
      this.logs.set(Number(options.id) - 1, log);
      return log;
    };
    const settings = { ...SETTINGS, members: scene.members };
    const subject = { stateMachine: () => new Register(), workload: { command: () => '' } };
    this.world = new StackWorld<string, number, Register>({ seed: scene.seed, settings }, subject, makeMedium);
    this.world.wire.network.weather = { ...FAIR, minDelay: 30, maxDelay: 60 };
    this.world.wire.watcher = {
      sent: (station, message, arrives, arrivesAt) => this.sent(station, message, arrives, arrivesAt),
      arrived: (message) => {
        this.underWay = this.underWay.filter((one) => one.message !== message);
      },
    };
    this.client = new ReplicaClient(() => this.now);
    this.chronicler.look(this.world);
  }

  get now(): number {
    return this.world.time.now;
  }

  get isOver(): boolean {
    return this.broken !== '';
  }

  /** Is the run at the end of a chapter whose successor has not begun? */
  get isBetweenChapters(): boolean {
    return !this.hasBegun && this.chapter > 0;
  }

  /** The log of a member, also while it is down. */
  logOf(slot: number): ShownLog['log'] {
    return this.logs.get(slot)?.log;
  }

  /** What is on its way now. */
  get messages(): readonly UnderWay[] {
    return this.underWay.filter(({ arrivesAt }) => arrivesAt >= this.now);
  }

  /**
   * Lets the next event happen, or what is due by hand before it. Returns false if there is none until this moment.
   * @param until a moment of virtual time
   */
  async step(until: number): Promise<boolean> {
    if (this.isOver) return false;
    // What replicas do when they start comes before the first event.
    if (this.position === 0) await hostTurn();
    const due = this.script[this.done];
    if (due?.position === this.position && due.at <= until) {
      await this.carryOut(due);
      return true;
    }
    if (!this.hasBegun) {
      this.hasBegun = true;
      this.chapterAt = this.now;
      for (const act of this.chapters[this.chapter]?.acts?.(this) ?? []) this.perform(act);
      // Calls begin now, and not after the next event.
      await hostTurn();
    }
    const happened = await this.happen(until);
    if (happened) this.position++;
    this.look();
    return happened;
  }

  /** Does something by hand, now. What was to be done later in a run that is played again is forgotten. */
  async act(act: Act, at: number): Promise<void> {
    if (this.isOver) return;
    this.script.length = this.done;
    const done = { position: this.position, at: Math.max(Math.floor(at), this.now), act };
    this.script.push(done);
    await this.carryOut(done);
  }

  private async carryOut({ at, act }: Done): Promise<void> {
    this.done++;
    // Only what is due at the moment of the act, or later, lies ahead: the clock goes there.
    if (at > this.now && (await this.happen(at))) this.position++;
    this.perform(act);
    await hostTurn();
    this.look();
  }

  private look(): void {
    this.chronicler.look(this.world);
    const chapter = this.chapters[this.chapter];
    if (!this.hasBegun || chapter === undefined || !chapter.until(this, this.now - this.chapterAt)) return;
    this.chapter++;
    this.hasBegun = false;
  }

  /** The next event of the cluster; false if there is none until then, or a rule was broken. */
  private async happen(until: number): Promise<boolean> {
    try {
      return await this.world.step(until);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.broken = `${RULES[error.rule]} (${error.rule}) ${error.message}`;
      this.chronicler.tell(this.now, `A rule is broken: ${this.broken}`);
      return false;
    }
  }

  private sent({ slot }: Station, message: Message, arrives: boolean, arrivesAt: number): void {
    const { now } = this;
    this.underWay = this.underWay.filter((one) => one.arrivesAt >= now);
    if (arrives) this.underWay.push({ message, from: slot, sentAt: now, arrivesAt });
  }

  private perform(act: Act): void {
    this.chronicler.tell(this.now, describeAct(act));
    const member = this.world.members[act.who ?? -1];
    const { network } = this.world.wire;
    switch (act.kind) {
      case 'crash':
        member?.crash('unsynced');
        break;
      case 'start':
        member?.start();
        break;
      case 'freeze':
        member?.process?.freeze();
        break;
      case 'thaw':
        member?.process?.thaw();
        break;
      case 'cut':
      case 'open':
        network.setOpen(act.who ?? 0, act.to ?? 0, act.kind === 'open');
        break;
      case 'split':
        this.split(slotsOf(act.value ?? 0));
        break;
      case 'isolate':
        this.split([act.who ?? 0]);
        break;
      case 'heal':
        network.heal();
        break;
      case 'write':
      case 'read':
      case 'lease-read':
      case 'stale-read':
        if (member !== undefined) this.client.ask(act.kind, member);
        break;
      default:
        this.chronicler.tell(this.now, 'Nothing happens: that cannot be done here.');
    }
  }

  private split(side: readonly number[]): void {
    const { members, wire } = this.world;
    for (const one of side) {
      for (const { slot: other } of members) {
        if (side.includes(other)) continue;
        wire.network.setOpen(one, other, false);
        wire.network.setOpen(other, one, false);
      }
    }
  }
}
