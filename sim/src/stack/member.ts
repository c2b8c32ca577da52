import { type NodeId, silentLogger } from '@raft-ts/raft';
import {
  type Ended,
  type MemberAddress,
  Replica,
  type ReplicaLog,
  type ReplicaOptions,
  type StateMachine,
} from '@raft-ts/replica';
import type { RunHash } from '../base/hash.js';
import { Stream } from '../base/random.js';
import { PURPOSE } from '../plan/purpose.js';
import { TICK_MS } from '../plan/settings.js';
import type { Loss, Restarts } from '../plan/stack-action.js';
import type { StackSettings } from '../plan/stack-settings.js';
import type { Broke, LogRules } from './log-rules.js';
import { WatchedMachine } from './machine.js';
import type { Medium, MediumMaker } from './medium.js';
import type { Subject } from './options.js';
import { Process } from './process.js';
import type { StateRules } from './state-rules.js';
import type { StackTime } from './time.js';
import { WatchedLog } from './watched-log.js';
import type { Station, Wire } from './wire.js';

/** What members share. */
export interface MemberHost<Command, Result, Machine extends StateMachine<Command, Result>> {
  readonly seed: number;
  readonly settings: StackSettings;
  readonly subject: Subject<Command, Result, Machine>;
  readonly time: StackTime;
  readonly hash: RunHash;
  readonly delays: Stream;
  readonly logRules: LogRules;
  readonly stateRules: StateRules;
  readonly broke: Broke;
  readonly wire: Wire;
  readonly makeMedium: MediumMaker;
  readonly founders: readonly MemberAddress[];
  /** Was this member taken out of the cluster? */
  readonly isRemoved: (id: NodeId) => boolean;
  /** A member's disk is damaged: it is not to come back. */
  readonly lost: (id: NodeId) => void;
}

/** A member whose process has failed of its disk, as it must, is started again after so long. */
const RESTART_MS = 1500;

/** A member: its disk, which stays, and one process after the other. */
export class StackMember<Command, Result, Machine extends StateMachine<Command, Result>> implements Station {
  readonly id: NodeId;
  readonly slot: number;
  readonly medium: Medium;
  process: Process<Command, Result> | undefined = undefined;
  /** The state machine of the present process. */
  machine: Machine | undefined = undefined;
  watched: WatchedMachine<Command, Result, Machine> | undefined = undefined;
  /** It is gone for ever, and its disk with it. */
  isGone = false;
  rate = 1;
  /** Longest time of a call of the disk, and of a command, in milliseconds. */
  writeMs = 1;
  applyMs = 0;
  /** What is started again when its disk has made it end. */
  restarts: Restarts = 'machine';
  private lives = 0;
  private readonly joins: boolean;
  private readonly host: MemberHost<Command, Result, Machine>;

  constructor(slot: number, joins: boolean, host: MemberHost<Command, Result, Machine>) {
    this.slot = slot;
    this.id = BigInt(slot + 1);
    this.joins = joins;
    this.host = host;
    const random = new Stream(host.seed, PURPOSE.files, slot);
    this.medium = host.makeMedium({ id: this.id, hash: host.hash, random, segmentSize: host.settings.segmentSize });
  }

  /** Was it started once? */
  get wasStarted(): boolean {
    return this.lives > 0;
  }

  get isUp(): boolean {
    return this.process !== undefined;
  }

  /** The replica, once it has started. */
  get replica(): Replica<Command, Result> | undefined {
    return this.process?.replica;
  }

  /** The term in which it leads; 0 if it does not, as far as it knows. */
  get leadsTerm(): number {
    const leadership = this.replica?.leadership;
    return leadership?.leading === true ? leadership.term : 0;
  }

  /** Starts its next life, on what the last one left. */
  start(): void {
    if (this.process !== undefined || this.isGone) return;
    const process = new Process<Command, Result>(++this.lives, this.host.time, this.rate);
    this.process = process;
    void this.run(process);
  }

  private async run(process: Process<Command, Result>): Promise<void> {
    const { host } = this;
    try {
      const log = await this.medium.open({
        pace: () => process.sleep(host.delays.int(this.writeMs + 1)),
        later: (run) => void process.at(host.time.now + 5, run),
        now: () => process.clock.monotonic(),
      });
      if (this.medium.hasStrayed && host.logRules.missing(this.id, log) !== undefined) {
        host.lost(this.id);
        return;
      }
      host.logRules.reopened(this.id, log);
      host.stateRules.started(this.id);
      const replica = await Replica.start(this.options(process, log));
      process.replica = replica;
      replica.watch('snapshot', ({ phase, index }) => {
        if (phase === 'installed' && process === this.process) this.installed(replica, index);
      });
      replica.watch('divergence', ({ index }) => {
        // Where members do differ, the rule that says so was broken before.
        host.broke('no-false-alarm', `Member ${this.id} says that members differ at index ${index}, and they do not.`);
      });
      replica.watch('membership', () => {
        if (process === this.process)
          host.logRules.configured(replica.applied.index, replica.status().config.confState());
      });
      replica.watch('leadership', (leadership) => {
        if (process === this.process) host.logRules.leads(this.id, leadership);
      });
      this.ended(process, await replica.ended);
    } catch (error) {
      this.ended(process, { reason: 'failed', error });
    }
  }

  private options(process: Process<Command, Result>, log: ReplicaLog): ReplicaOptions<Command, Result> {
    const { host } = this;
    const { settings, subject, founders } = host;
    const random = new Stream(host.seed, PURPOSE.member, this.slot, process.number);
    return {
      tickMs: TICK_MS,
      electionTicks: settings.electionTicks,
      preVote: settings.preVote,
      checkQuorum: settings.checkQuorum,
      snapshots: {
        everyEntries: settings.everyEntries,
        keepEntries: settings.keepEntries,
        keepEntriesForSlow: 4 * settings.keepEntries + 10,
        inlineBytes: settings.inlineBytes,
      },
      limits: {
        maxPending: settings.maxPending,
        maxInflight: settings.maxInflight,
        maxMessageBytes: settings.maxMessageBytes,
        maxUncommittedBytes: settings.maxUncommittedBytes,
      },
      logger: silentLogger,
      ...(settings.comparesEvery > 0 && subject.replica?.format === undefined
        ? { compareStates: { everyCommands: settings.comparesEvery } }
        : {}),
      ...subject.replica,
      id: this.id,
      log: new WatchedLog(log, {
        onDurable: (unsaved) => host.logRules.saved(this.id, unsaved),
        onSnapshot: (snapshot) => host.logRules.covered(this.id, snapshot),
      }),
      clock: process.clock,
      random: (n) => random.int(n),
      stateMachine: this.machineFor(process),
      transport: (receiver) => host.wire.connect(this, process, receiver),
      ...(this.joins ? { join: true } : { bootstrap: { peers: founders } }),
    };
  }

  private machineFor(process: Process<Command, Result>): StateMachine<Command, Result> {
    const { host } = this;
    const machine = host.subject.stateMachine(this.id);
    this.machine = machine;
    this.watched = new WatchedMachine<Command, Result, Machine>(machine, {
      id: this.id,
      rules: host.stateRules,
      broke: host.broke,
      digest: host.subject.digest,
      pause: () => {
        const ms = this.applyMs === 0 ? 0 : host.delays.int(this.applyMs + 1);
        return ms === 0 ? undefined : process.sleep(ms);
      },
      onFirst: (index, term) => {
        const config = process.replica?.status().config;
        if (config !== undefined) host.logRules.appliedFirst(index, term, config.confState());
      },
    });
    return this.watched;
  }

  /** A snapshot of its leader's has taken the place of its state. */
  private installed({ applied }: Replica<Command, Result>, index: number): void {
    if (applied.index >= index) return;
    const text = `Member ${this.id} has installed a snapshot of index ${index}, and says that it has applied ${applied.index}.`;
    this.host.broke('positions-ordered', text);
  }

  /** Its process has ended by itself. */
  private ended(process: Process<Command, Result>, { reason, error }: Ended): void {
    if (process !== this.process || process.isStopping) return;
    const { host, medium } = this;
    if (reason === 'removed' && host.isRemoved(this.id)) {
      this.leave();
      return;
    }
    if (reason === 'failed' && medium.isItsFault(error)) {
      this.crash(this.restarts === 'process' ? 'nothing' : 'unsynced');
      host.time.post(host.time.now + RESTART_MS, () => this.start());
      return;
    }
    if (reason === 'failed' && medium.isDamage(error)) {
      host.lost(this.id);
      return;
    }
    const text = error instanceof Error ? error.message : String(error);
    host.broke('no-failure', `Member ${this.id} ends (${reason}): ${text}.`, error);
    this.crash('nothing');
  }

  /** Its process ends at once, and its machine with it, unless nothing is to be lost. */
  crash(loss: Loss): void {
    const { process } = this;
    if (process === undefined) return;
    this.process = undefined;
    this.machine = undefined;
    this.watched = undefined;
    process.end();
    this.medium.end(loss);
  }

  /** It is gone for ever. */
  leave(): void {
    this.crash('nothing');
    this.isGone = true;
  }

  /** Stops its process as its owner would, and says what it has left open. */
  async stop(): Promise<readonly string[]> {
    const { process } = this;
    const replica = process?.replica;
    if (process === undefined || replica === undefined) return [];
    process.isStopping = true;
    await replica.stop();
    const timers = process.timersSet === 0 ? [] : [`${process.timersSet} timers`];
    return [...this.medium.leftOpen(), ...timers];
  }
}
