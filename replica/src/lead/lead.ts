import { type Message, type NodeId, type RawNode } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { Position } from '../base/contracts.js';
import type { Reads } from '../drive/reads.js';
import type { OpenFeatures } from '../format/format.js';
import { FeatureGate } from './feature-gate.js';
import { Leading, type LeadingTask } from './leading.js';
import { Lease } from './lease.js';
import { readByLease } from './lease-reads.js';
import { StateChecks, type StateChecksHost } from './state-checks.js';
import { Announcer, VotePromise } from './vote-promise.js';

export interface LeadHost {
  readonly id: NodeId;
  readonly raft: RawNode['raft'];
  readonly clock: Clock;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly group: {
    readonly members: ReadonlyMap<NodeId, string>;
    readonly promising: ReadonlySet<NodeId>;
    readonly features: number;
  };
  readonly reads: Pick<Reads, 'submit' | 'submitAt' | 'probe'>;
  readonly isForeign: (id: NodeId) => boolean;
  readonly isStalled: () => boolean;
  /** Has an empty entry committed and applied here, if this member leads. */
  readonly commitEmpty: (signal?: AbortSignal) => Promise<Position>;
  /** Has the entry committed that says that this member keeps its votes back. */
  readonly announce: () => Promise<unknown>;
  /** The level of features that this member understands. */
  readonly features: number;
  /** The level that another one shows. */
  readonly shownBy: (id: NodeId) => number;
  /** Has the entry committed that opens features, if this member leads. */
  readonly openFeatures: (content: OpenFeatures) => Promise<unknown>;
  /** Of entries that were applied here, if states are compared. */
  readonly states: Omit<StateChecksHost, 'id' | 'raft' | 'everyTicks' | 'info'> | undefined;
  readonly logger: { info(text: string): void; warn(text: string): void };
}

/** What a member knows and does about leading: its promise to other leaders, and its own lease. */
export class Lead {
  readonly lease: Lease;
  readonly gate: FeatureGate;
  private readonly host: LeadHost;
  private readonly promise: VotePromise;
  private readonly announcer: Announcer;
  private readonly leading: Leading;
  private readonly states: StateChecks | undefined;

  constructor(host: LeadHost) {
    this.host = host;
    const { id, raft, clock, tickMs, electionTicks, heartbeatTicks, group, reads, isForeign, isStalled } = host;
    const info = (text: string): void => host.logger.info(text);
    this.promise = new VotePromise({ raft, clock, windowMs: electionTicks * tickMs, info });
    this.announcer = new Announcer({ id, raft, group, propose: host.announce, restTicks: electionTicks, info });
    this.gate = new FeatureGate({
      id,
      raft,
      group,
      level: host.features,
      shownBy: host.shownBy,
      propose: host.openFeatures,
      restTicks: electionTicks,
      info,
    });
    const { states } = host;
    // In an election timeout, members that are well have applied what was committed before.
    this.states = states && new StateChecks({ ...states, id, raft, everyTicks: electionTicks, info });
    this.lease = new Lease({
      raft,
      clock,
      tickMs,
      electionTicks,
      heartbeatTicks,
      promising: group.promising,
      isForeign,
      isStalled,
      probe: () => reads.probe(),
      commitEmpty: () => host.commitEmpty(),
      onChange: () => this.leading.check(),
    });
    this.leading = new Leading({
      clock,
      lease: this.lease,
      term: () => raft.term,
      commitEmpty: host.commitEmpty,
      retryMs: tickMs,
      patienceMs: 5 * electionTicks * tickMs,
      warn: (text) => host.logger.warn(text),
    });
  }

  /** Hands a message to raft, unless this member has promised not to. */
  process(message: Message, step: (message: Message) => void): void {
    if (!this.promise.admits(message)) return;
    step(message);
    this.promise.taken(message);
  }

  /** May raft act on the time that has passed? If not, it only counts it. */
  get mayAct(): boolean {
    return this.host.raft.state === 'StateLeader' || !this.promise.isHeld;
  }

  tick(): void {
    this.announcer.tick();
    this.gate.tick();
    this.states?.tick();
    this.lease.tick();
    this.leading.check();
  }

  /** A MsgTimeoutNow is about to leave. */
  beforeTransfer(message: Message): void {
    message.index = this.lease.handOver();
  }

  /** Role or leader have changed, or time that was lost is made up for. */
  check(): void {
    this.leading.check();
  }

  /** A freeze, or a change of the membership: what a quorum has confirmed so far counts for nothing. */
  voidLease(): void {
    this.lease.void();
  }

  read<T>(fn: () => T | Promise<T>, signal: AbortSignal | undefined, timeoutMs: number): Promise<T> {
    const { raft, clock, reads } = this.host;
    return readByLease({ raft, clock, reads, lease: this.lease }, fn, signal, timeoutMs);
  }

  run<T>(task: LeadingTask<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
    return this.leading.run(task, signal);
  }

  /** Tells tasks to end, and gives them an election timeout for it: only then may somebody else lead. */
  leave(): Promise<void> {
    this.leading.end(undefined);
    return this.leading.settled(this.host.electionTicks * this.host.tickMs);
  }

  end(error: unknown): void {
    this.leading.end(error);
  }
}
