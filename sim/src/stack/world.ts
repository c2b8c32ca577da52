import type { MemberAddress, StateMachine } from '@raft-ts/replica';
import { RunHash } from '../base/hash.js';
import { Stream } from '../base/random.js';
import { type RuleName, Violation } from '../base/violation.js';
import { MAX_SLOTS } from '../cluster/network.js';
import type { Pick } from '../plan/action.js';
import { PURPOSE } from '../plan/purpose.js';
import type { StackAction } from '../plan/stack-action.js';
import type { StackSettings } from '../plan/stack-settings.js';
import { perform } from './acts.js';
import { Clients } from './clients.js';
import { LogRules } from './log-rules.js';
import type { MediumMaker } from './medium.js';
import { StackMember } from './member.js';
import { Operator, urlOf } from './operator.js';
import type { Subject } from './options.js';
import { StateRules } from './state-rules.js';
import { Tasks } from './tasks.js';
import { StackTime } from './time.js';
import { Wire, type WireWatcher } from './wire.js';

/** Is told of what happens, for whoever shows a run. */
export interface StackWatcher extends WireWatcher {
  acted(action: StackAction): void;
  /** After each event. */
  // oxlint-disable-next-line typescript/no-explicit-any -- of any state machine
  look(world: StackWorld<any, any, any>): void;
}

/** A cluster of replicas in one process, as they are shipped, on simulated disks, clocks and network. */
export class StackWorld<Command, Result, Machine extends StateMachine<Command, Result>> {
  readonly seed: number;
  readonly settings: StackSettings;
  readonly hash: RunHash = new RunHash();
  readonly time: StackTime;
  readonly members: StackMember<Command, Result, Machine>[] = [];
  readonly logRules: LogRules;
  readonly stateRules: StateRules;
  readonly wire: Wire;
  readonly clients: Clients<Command, Result, Machine>;
  readonly operator: Operator<Command, Result, Machine>;
  readonly tasks: Tasks;
  readonly subject: Subject<Command, Result, Machine>;
  watcher: StackWatcher | undefined = undefined;
  private broken: Violation | undefined = undefined;
  private readonly founders: readonly MemberAddress[];
  private readonly delays: Stream;
  private readonly makeMedium: MediumMaker;

  constructor(
    { seed, settings }: { readonly seed: number; readonly settings: StackSettings },
    subject: Subject<Command, Result, Machine>,
    makeMedium: MediumMaker,
  ) {
    this.seed = seed;
    this.settings = settings;
    this.subject = subject;
    this.makeMedium = makeMedium;
    const broke = this.broke.bind(this);
    this.time = new StackTime(new Stream(seed, PURPOSE.ties), this.hash);
    this.delays = new Stream(seed, PURPOSE.disk);
    this.logRules = new LogRules(broke);
    this.stateRules = new StateRules(broke, this.hash);
    const { time, hash, members, logRules: rules } = this;
    this.wire = new Wire({
      seed,
      time,
      hash,
      rules,
      reports: new Stream(seed, PURPOSE.reports),
      stations: members,
      repeatsProposals: settings.sessions,
      features: subject.replica?.features ?? 0,
    });
    this.tasks = new Tasks(time, broke, settings.leases);
    const pick = (who: Pick) => this.pick(who);
    this.clients = new Clients({
      seed,
      settings,
      time,
      workload: subject.workload,
      rules: this.stateRules,
      broke,
      someone: pick,
    });
    this.founders = Array.from({ length: settings.members }, (_, slot) => ({
      id: BigInt(slot + 1),
      url: urlOf(BigInt(slot + 1)),
    }));
    const addMember = () => this.addMember(true);
    this.operator = new Operator(
      { time, members, broke, addMember, pick },
      this.founders.map(({ id }) => id),
    );
    for (const _ of this.founders) this.addMember(false).start();
  }

  /** Adds a member that is not started yet. There must be room for it. */
  private addMember(joins: boolean): StackMember<Command, Result, Machine> {
    const { seed, settings, subject, time, hash, delays, logRules, stateRules, wire, makeMedium, founders } = this;
    if (this.members.length >= MAX_SLOTS) throw new Error(`a run has ${MAX_SLOTS} members at most`);
    const member = new StackMember<Command, Result, Machine>(this.members.length, joins, {
      seed,
      settings,
      subject,
      time,
      hash,
      delays,
      logRules,
      stateRules,
      wire,
      makeMedium,
      founders,
      broke: this.broke.bind(this),
      isRemoved: (id) => this.operator.removed.has(id),
      lost: (id) => this.operator.lost(id),
    });
    this.members.push(member);
    return member;
  }

  /** The first rule that was broken. */
  get violation(): Violation | undefined {
    return this.broken;
  }

  /** Notes that a rule is broken. Only the first one counts: others may follow from it. */
  broke(rule: RuleName, text: string, cause?: unknown): void {
    this.broken ??= new Violation(rule, text, cause);
  }

  /** Returns the member that leads in the highest term, as far as members know. */
  leader(): StackMember<Command, Result, Machine> | undefined {
    let found: StackMember<Command, Result, Machine> | undefined;
    for (const member of this.members) if (member.leadsTerm > (found?.leadsTerm ?? 0)) found = member;
    return found;
  }

  /** Returns the running member that a number picks; the leader if that is asked for, and there is one. */
  pick(who: Pick): StackMember<Command, Result, Machine> | undefined {
    const running = this.members.filter(({ isUp }) => isUp);
    return (
      (who === 'leader' ? this.leader() : undefined) ??
      running[(who === 'leader' ? 0 : who) % Math.max(1, running.length)]
    );
  }

  /** Plans an action. */
  plan(at: number, action: StackAction): void {
    this.time.post(at, () => {
      this.watcher?.acted(action);
      perform(this, action);
    });
  }

  /**
   * Lets the next event happen. Returns false if there is none until this moment.
   * @throws Violation
   */
  async step(until: number): Promise<boolean> {
    const happened = await this.time.step(until);
    this.watcher?.look(this);
    if (this.broken !== undefined) throw this.broken;
    return happened;
  }
}
