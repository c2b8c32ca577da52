import {
  type ConfState,
  consoleLogger,
  LimitedLogger,
  type Logger,
  type Message,
  MessageType,
  type NodeId,
  RaftError,
  RawNode,
  type SoftState,
  type Status,
} from '@raft-ts/raft';
import type { SnapshotStatus } from '@raft-ts/raft/transport';
import type { CallOptions, MemberInfo, Position, ReplicaReceiver, ReplicaTransport } from '../base/contracts.js';
import {
  CommandFailed,
  describe,
  ERR_REPLICA_STARTING,
  ProposalDropped,
  ProposalUnknown,
  ReadFailed,
  removedSender,
  replicaStopped,
} from '../base/errors.js';
import { type Listener, Observable } from '../base/events.js';
import { hostRandom } from '../base/random.js';
import { Applier } from '../drive/applier.js';
import { Backlog } from '../drive/backlog.js';
import { Driver } from '../drive/driver.js';
import { Proposals } from '../drive/proposals.js';
import { Reads } from '../drive/reads.js';
import { Ticker } from '../drive/ticker.js';
import type { EntryContent } from '../format/format.js';
import { Group, type SnapshotHead } from '../group/group.js';
import type { SessionPlace } from '../group/sessions.js';
import { Lead } from '../lead/lead.js';
import type { LeadingTask } from '../lead/leading.js';
import { Connections } from '../members/connections.js';
import type { AddMemberOptions, AddOptions, NewMember } from '../members/membership.js';
import { Roster } from '../members/roster.js';
import type { Explanation, Question } from '../observe/explain.js';
import { Observer } from '../observe/observer.js';
import type { SnapshotEvent } from '../snapshots/policy.js';
import { Snapshots } from '../snapshots/snapshots.js';
import { closeAll } from './closing.js';
import { type ReplicaOptions, type ResolvedOptions, resolveOptions } from './options.js';
import { Session, type SessionState } from './session.js';

/** How long the end waits for a transport, and for a state machine that is giving its snapshot, in milliseconds. */
const CLOSE_MS = 5_000;

/** A command was committed and applied. */
export interface Done<Result> extends Position {
  readonly result: Result;
}

/** What came of a command, for programs that switch over it rather than catch. */
export type Outcome<Result> =
  | ({ readonly outcome: 'applied' } & Done<Result>)
  | ProposalDropped
  | ProposalUnknown
  | CommandFailed;

export interface ProposeOptions extends CallOptions {
  /** The command's place in a session: `Session` fills it in. */
  readonly place?: SessionPlace;
}

/**
 * How fresh what a read sees must be:
 * - `linearizable`: the read sees every command that was acknowledged, anywhere, before it began. Members of a quorum
 *   are asked once for all reads of a turn, so it takes a round trip.
 * - `lease`: it sees the same, and takes no round trip on a leader that has a lease: one that a quorum has confirmed
 *   within 0.9 of an election timeout, renewed with each heartbeat while it is used. It relies on clocks, and
 *   `linearizable` does not: the monotonic clocks of the members must run at speeds that differ by less than a tenth,
 *   and while a machine stands still its monotonic clock or its wall clock must go on, which those of a paused virtual
 *   machine may not. Where there is no lease, it is served as a linearizable one: on a follower, after a freeze or a
 *   change of the membership, while a voter has not announced that it keeps its votes back. If the lease ends while the
 *   function runs, the function is run again.
 * - `stale`: it sees what this member has applied, which may be old; no message is sent.
 */
export type Consistency = 'linearizable' | 'lease' | 'stale';

export interface ReadOptions extends CallOptions {
  /** Default: `linearizable`. */
  readonly consistency?: Consistency;
}

/** The process stood still, or was too busy to tick. */
export interface Stall {
  /** By how much a tick was late, in milliseconds. */
  readonly lateMs: number;
}

/** Who leads, as this member knows it. */
export interface Leadership {
  /** 0 if none is known. */
  readonly leader: NodeId;
  readonly leading: boolean;
  readonly role: SoftState['raftState'];
  readonly term: number;
}

/** Why a replica has ended. */
export interface Ended {
  readonly reason: 'stopped' | 'removed' | 'failed';
  /** What it failed of, or by whom it was removed. */
  readonly error?: unknown;
}

/** What can be watched. */
export interface ReplicaEvents {
  readonly leadership: Leadership;
  readonly membership: readonly MemberInfo[];
  readonly snapshot: SnapshotEvent;
  readonly stall: Stall;
  readonly ended: Ended;
}

/**
 * A member of a cluster that replicates a state machine: it drives raft, its log and its transport in the right order,
 * answers commands with the state machine's result, and serves reads.
 */
export class Replica<Command, Result> {
  readonly id: NodeId;
  /** Resolves when this replica has ended, for whatever reason. */
  readonly ended: Promise<Ended>;
  private readonly options: ResolvedOptions<Command, Result>;
  private readonly logger: LimitedLogger;
  /** Tells this start of this member from every other one. */
  private readonly boot: number;
  private readonly group = new Group();
  private readonly raw: RawNode;
  private readonly proposals: Proposals;
  private readonly reads: Reads;
  private readonly applier: Applier<Command, Result>;
  private readonly backlog: Backlog;
  private readonly driver: Driver;
  private readonly ticker: Ticker;
  private readonly lead: Lead;
  private received = 0;
  private readonly observer: Observer;
  private readonly roster: Roster;
  private transport!: ReplicaTransport;
  private connections!: Connections;
  private snapshots!: Snapshots;
  private readonly events: { readonly [Kind in keyof ReplicaEvents]: Observable<ReplicaEvents[Kind]> };
  private resolveEnded!: (ended: Ended) => void;
  /** It takes part: its state is that of its newest snapshot, and its transport is at hand. */
  private begun = false;
  private stopping: Promise<void> | undefined;
  private ending: Promise<void> | undefined;

  private constructor(options: ResolvedOptions<Command, Result>) {
    this.options = options;
    const { id, log, clock, limits, tickMs, electionTicks } = options;
    this.id = id;
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
    this.logger = new LimitedLogger(options.logger ?? consoleLogger, electionTicks);
    const draw = options.random ?? hostRandom;
    this.boot = draw(2 ** 16) * 2 ** 32 + draw(2 ** 32);
    const observe = <T>(): Observable<T> =>
      new Observable<T>(undefined, (error) => this.logger.error(`an event listener threw: ${describe(error)}`));
    this.events = {
      leadership: observe(),
      membership: observe(),
      snapshot: observe(),
      stall: observe(),
      ended: observe(),
    };
    this.raw = new RawNode(rawConfig(options, this.logger));
    if (options.founders !== undefined) {
      const encoder = new TextEncoder();
      const peers = options.founders.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      this.raw.bootstrap(peers.map((peer) => ({ id: peer.id, context: encoder.encode(peer.url) })));
    }
    const wake = (): void => this.driver.wake();
    const observer = new Observer(clock);
    this.observer = observer;
    this.proposals = new Proposals({
      ...limits,
      maxBatchBytes: limits.maxMessageBytes,
      target: {
        basicStatus: () => this.raw.basicStatus(),
        proposeBatch: (payloads) => this.raw.proposeBatch(payloads),
        proposeConfChange: (change) => {
          this.roster.guard.check(change);
          return this.raw.proposeConfChange(change);
        },
      },
      clock,
      wake,
      hasRoom: () => this.backlog.hasRoom,
      onSettled: (outcome, reason) => observer.proposalsSettled.add(outcome, reason),
    });
    this.reads = new Reads({
      target: this.raw,
      clock,
      boot: this.boot,
      maxWaiting: limits.maxReads,
      retryMs: (tickMs * electionTicks) / 2,
      wake,
      whenApplied: (index, run) => this.applier.whenApplied(index, run),
      onRound: () => this.lead.lease.begin(),
      onServed: (timing) => observer.readServed(timing),
      onFailed: (reason) => observer.readsSettled.add('failed', reason),
    });
    const { metadata } = log.snapshot();
    this.applier = this.createApplier({ applied: metadata, confState: metadata.confState });
    this.backlog = new Backlog({
      last: () => log.lastIndex(),
      committed: () => this.raw.basicStatus().hardState.commit,
      applied: () => this.applier.applied.index,
      maxEntries: limits.maxUncommittedEntries,
      maxBytes: limits.maxUncommittedBytes,
    });
    this.driver = this.createDriver();
    this.roster = this.createRoster();
    this.ticker = this.createTicker();
    this.lead = this.createLead();
  }

  /**
   * Starts a member: a founder of a new cluster, one that joins, or one that comes back. Resolves when it takes part.
   * @throws ERR_RAFT_REPLICA_OPTIONS; what the transport's factory and the state machine's `restore` throw
   */
  static async start<Command, Result>(options: ReplicaOptions<Command, Result>): Promise<Replica<Command, Result>> {
    const replica = new Replica(resolveOptions(options));
    try {
      await replica.begin();
    } catch (error) {
      await replica.end({ reason: 'failed', error });
      throw error;
    }
    return replica;
  }

  private async begin(): Promise<void> {
    const { options, group } = this;
    const { founders } = options;
    this.transport = await options.transport(this.receiver());
    this.connections = new Connections({
      self: this.id,
      transport: this.transport,
      clock: options.clock,
      dial: options.dial,
      farewellMs: options.tickMs * options.electionTicks,
      warn: (text) => this.logger.warn(text),
    });
    this.snapshots = this.createSnapshots();
    this.observe();
    await this.snapshots.restoreNewest();
    for (const { id, url } of founders ?? []) group.members.set(id, url);
    this.connections.update(group.members);
    this.begun = true;
    this.ticker.start();
    this.driver.start();
  }

  /**
   * Replicates a command, and resolves with what the state machine made of it, once it was applied on this member. It
   * may be called on any member: raft forwards it to the leader.
   * @throws ProposalDropped: it is certainly not in the log; ProposalUnknown: it may still be applied; CommandFailed:
   * the state machine threw, on every member, and `applyErrors` is `result`; what the codec throws
   */
  propose(command: Command, options: ProposeOptions = {}): Promise<Done<Result>> {
    return this.submit({ kind: 'command', command, place: options.place }, options) as Promise<Done<Result>>;
  }

  /** As `propose`, but never rejects for what becomes of a command: switch over `outcome`. */
  async attempt(command: Command, options: ProposeOptions = {}): Promise<Outcome<Result>> {
    try {
      return { outcome: 'applied', ...(await this.propose(command, options)) };
    } catch (error) {
      const { outcome } = error as Partial<Outcome<Result>>;
      if (outcome === 'dropped' || outcome === 'unknown' || outcome === 'failed') return error as Outcome<Result>;
      throw error;
    }
  }

  /**
   * Opens a session: commands proposed in it can be retried without being applied twice.
   * @throws as `propose`
   */
  async openSession(options: CallOptions = {}): Promise<Session<Command, Result>> {
    const { index } = (await this.submit({ kind: 'open-session' }, options)) as Position;
    return this.resumeSession({ id: index, next: 1 });
  }

  /**
   * Goes on with a session that was opened on this member or another one, as its `state` told.
   * @throws RaftError ERR_RAFT_ARGUMENT for numbers that no session can have
   */
  resumeSession(state: SessionState): Session<Command, Result> {
    const { clock, timeoutMs, tickMs, electionTicks } = this.options;
    const propose = (command: Command, options: ProposeOptions): Promise<Done<Result>> =>
      this.propose(command, options);
    return new Session({ propose, clock, timeoutMs, attemptMs: 2 * tickMs * electionTicks, pauseMs: tickMs }, state);
  }

  private submit(content: EntryContent<Command>, { signal, timeoutMs }: CallOptions): Promise<unknown> {
    if (this.stopping !== undefined) return Promise.reject(new ProposalDropped('stopped'));
    const { id: member, boot, options } = this;
    const encode = (sequence: number): Uint8Array => options.format.encode(content, { member, boot, sequence });
    return this.proposals.submit(encode, { signal, timeoutMs: timeoutMs ?? options.timeoutMs });
  }

  /**
   * Runs a function over the state, between two commands, at a moment at which what it sees is as fresh as asked for.
   * @throws ReadFailed; what the function throws
   */
  read<T>(fn: () => T | Promise<T>, options: ReadOptions = {}): Promise<T> {
    const { consistency = 'linearizable', signal, timeoutMs = this.options.timeoutMs } = options;
    if (this.stopping !== undefined) return Promise.reject(new ReadFailed('stopped'));
    if (consistency === 'stale') return this.reads.submitStale(fn, signal, timeoutMs);
    if (consistency === 'lease') return this.lead.read(fn, signal, timeoutMs);
    return this.reads.submit(fn, signal, timeoutMs);
  }

  /**
   * Runs a task on one member of the cluster at a time: whenever this member leads, has applied everything that was
   * committed before, and has a lease (see `Consistency`). The task's `signal` aborts when the lease is lost,
   * leadership is handed over, or the member stops; once the task has ended, it is run again when this member leads
   * again. Each run has a higher `fence`; a process that is frozen does not see its signal abort, and only a resource
   * that checks the fence is safe from it (docs/leading.md).
   *
   * Resolves with the task's own value if it ends before its signal aborts, and rejects with what it throws; with
   * `undefined`, after the task has ended, when the signal that is passed here aborts or the member is stopped. Each
   * call runs its task by itself, and nothing runs while a voter is of another implementation.
   * @throws what the task throws; ERR_RAFT_REPLICA_STOPPED if the member has ended, or fails
   */
  whileLeading<T>(task: LeadingTask<T>, { signal }: { readonly signal?: AbortSignal } = {}): Promise<T | undefined> {
    return this.lead.run(task, signal);
  }

  /** Who leads, as far as this member knows. */
  get leadership(): Leadership {
    const { softState, hardState } = this.raw.basicStatus();
    const { lead, raftState } = softState;
    return { leader: lead, leading: raftState === 'StateLeader', role: raftState, term: hardState.term };
  }

  /** Who is in the cluster, ascending by id, as far as this member has applied. */
  members(): readonly MemberInfo[] {
    return this.roster.list();
  }

  /**
   * Adds a member: hands out an id that was never used, adds it as a learner (`onProgress` tells its id: start it then,
   * with `join: true`), and makes it a voter once it has caught up. It may be called on any member, and again: with the
   * `id` that the error or `onProgress` named it goes on where a former call gave up. Default of `timeoutMs`: 600,000.
   * @throws MembershipError; ERR_RAFT_REPLICA_OPTIONS for an address or an id that is none
   */
  addMember(member: NewMember, options: AddMemberOptions = {}): Promise<MemberInfo> {
    return this.roster.membership.add(member, options);
  }

  /**
   * Removes a member, for good: its id is never used again. It may be called on any member; a leader first hands
   * leadership over. Resolves once it is removed, as this member sees it, also if it was before.
   * @throws MembershipError
   */
  removeMember(id: NodeId, options: CallOptions = {}): Promise<void> {
    return this.roster.membership.remove(id, options);
  }

  /**
   * Puts a new member in the place of one that is lost, or is to go: adds it as `addMember` does, and exchanges the two
   * in one step once it has caught up, so that there is never a voter less. The new one may have the address of the old
   * one. With the `id` of the new one it goes on where a former call gave up. Default of `timeoutMs`: 600,000.
   * @throws as `addMember`
   */
  replaceMember(old: NodeId, member: NewMember, options: AddOptions = {}): Promise<MemberInfo> {
    return this.roster.membership.replace(old, member, options);
  }

  /**
   * Hands leadership to this member, and resolves with its id once it leads. Without an id: to the voter with the
   * longest log that answers the leader or, called on a voter that does not lead, to that one.
   * @throws MembershipError
   */
  transferLeadership(id?: NodeId, options: CallOptions = {}): Promise<NodeId> {
    return this.roster.transfers.transfer(id, options);
  }

  /** What was applied last on this member. */
  get applied(): Position {
    return this.applier.applied;
  }

  /**
   * What a snapshot of this moment would hold beside the state machine's own bytes: with `Format.wrap` a copy of the
   * state is written as snapshots are. To be called within `read`, together with the state machine's `snapshot`.
   */
  snapshotHead(): SnapshotHead {
    return this.group.head();
  }

  /** Raft's own view: for tools. */
  status(): Status {
    return this.raw.status();
  }

  /** Calls the listener with the present value, if there is one, and with each new one. @returns ends it */
  watch<Kind extends keyof ReplicaEvents>(kind: Kind, listener: Listener<ReplicaEvents[Kind]>): () => void {
    return this.events[kind].subscribe(listener);
  }

  /** Says in a sentence, and by a code, what an operator asks: why there is no leader, or why something is slow. */
  explain(question: Question = {}): Explanation {
    return this.observer.explain(question);
  }

  /**
   * Stops taking part. Takes no calls any more, hands leadership over if this member leads, and lets the calls that
   * wait come to their ends, each for an election timeout at most; settles what still waits, and closes log and
   * transport. It waits for what is being written to the log, but not for a state machine that is busy. May be called
   * again.
   */
  stop(): Promise<void> {
    this.stopping ??= this.leave();
    return this.stopping;
  }

  private async leave(): Promise<void> {
    if (this.ending === undefined) {
      await this.lead.leave();
      await this.roster.leave(() => this.proposals.waiting === 0 && this.reads.waiting === 0);
    }
    await this.end({ reason: 'stopped' });
  }

  /** Stops at once, as a crash would: without handing anything over. */
  kill(): Promise<void> {
    return this.end({ reason: 'stopped' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  private observe(): void {
    const { id, raw, group, proposals, reads, options } = this;
    const { clock, metrics, metricLabels } = options;
    this.observer.begin({
      id,
      clock,
      raw,
      group,
      proposals,
      reads,
      writesUnderWay: () => this.driver.writesUnderWay,
      applied: () => this.applier.applied.index,
      snapshotIndex: () => this.snapshots.index,
      metrics,
      metricLabels,
    });
  }

  private receiver(): ReplicaReceiver {
    const { raw } = this;
    return {
      process: (message) => this.process(message),
      isIdRemoved: (id) => this.group.removed.has(id),
      reportUnreachable: (id) => {
        this.observer.contacts.lose(id);
        this.feed(() => raw.reportUnreachable(id));
      },
      reportSnapshot: (id, status) => this.reportSnapshot(id, status),
      onRemoved: (removal) => this.roster.refused(removal),
    };
  }

  private reportSnapshot(to: NodeId, status: SnapshotStatus): void {
    this.feed(() => this.raw.reportSnapshot(to, status));
    this.snapshots?.sent(to, status);
  }

  private process(message: Message): void | Promise<void> {
    if (this.ending !== undefined) throw replicaStopped(undefined);
    if (!this.begun) throw new RaftError(ERR_REPLICA_STARTING, `member ${this.id} still starts`);
    if (this.group.removed.has(message.from)) throw removedSender(message.from);
    this.observer.contacts.hear(message.from);
    this.received++;
    if (message.type === MessageType.MsgSnap) return this.processSnapshot(message);
    this.step(message);
  }

  /** What raft has taken cannot be refused any more, so a snapshot is looked at before. */
  private async processSnapshot(message: Message): Promise<void> {
    try {
      if (message.snapshot !== undefined) await this.snapshots.admit(message.snapshot);
    } catch (error) {
      this.logger.warn(
        `refused the snapshot that member ${message.from} sent, which sends it again: ${describe(error)}`,
      );
      throw error;
    }
    if (this.ending !== undefined) throw replicaStopped(undefined);
    this.step(message);
  }

  private step(message: Message): void {
    try {
      this.lead.process(message, (admitted) => this.driver.step(admitted));
    } catch (error) {
      // A refusal is the sender's to hear of; anything else means that this member's state cannot be trusted.
      if (typeof (error as Partial<RaftError>).code !== 'string') this.fail(error);
      throw error;
    }
  }

  private tick(): void {
    this.feed(() => {
      if (this.lead.mayAct) this.raw.tick();
      else this.raw.tickQuiesced();
      this.logger.tick();
      this.proposals.expire();
      this.reads.expire();
      this.roster.tick();
      this.lead.tick();
    });
  }

  /** Tells raft of something. What that throws ends this member; it must not reach the caller, a timer or a socket. */
  private feed(call: () => void): void {
    if (!this.begun || this.ending !== undefined) return;
    try {
      call();
    } catch (error) {
      this.fail(error);
    }
    this.driver.wake();
  }

  private onStall(lateMs: number, again: boolean): void {
    this.observer.stalls++;
    this.lead.voidLease();
    this.events.stall.set({ lateMs });
    if (again) return;
    this.logger.warn(
      `member ${this.id} stood still for ${Math.round(lateMs)} ms: it gives up its lease, and reads what has arrived before it does anything else. If this goes on, look for what blocks the event loop, or give the process more of the machine`,
    );
  }

  private createTicker(): Ticker {
    const { clock, tickMs } = this.options;
    return new Ticker({
      clock,
      tickMs,
      tick: () => this.tick(),
      received: () => this.received,
      onStall: (lateMs, again) => this.onStall(lateMs, again),
      onCaughtUp: () => this.lead.check(),
    });
  }

  private createLead(): Lead {
    const { id, raw, group, reads, proposals, options, logger } = this;
    const { clock, tickMs, electionTicks, heartbeatTicks, timeoutMs } = options;
    return new Lead({
      id,
      raft: raw.raft,
      clock,
      tickMs,
      electionTicks,
      heartbeatTicks,
      group,
      reads,
      isForeign: (member) => this.transport.isForeign?.(member) ?? false,
      isStalled: () => this.ticker.isStalled,
      commitEmpty: (signal) =>
        proposals.submit(() => undefined, { signal, timeoutMs, leaderOnly: true }) as Promise<Position>,
      announce: () => this.submit({ kind: 'promise', member: id }, {}),
      logger,
    });
  }

  private createApplier(from: { readonly applied: Position; readonly confState: ConfState }): Applier<Command, Result> {
    const { stateMachine, format, results, clock, applyErrors } = this.options;
    return new Applier<Command, Result>(
      {
        stateMachine,
        format,
        results,
        group: this.group,
        proposals: this.proposals,
        clock,
        boot: this.boot,
        applyErrors,
        warn: (text) => this.logger.warn(text),
        applyConfChange: (entry) => this.driver.applyConfChange(entry),
        onMembership: () => this.onMembership(),
        onApplied: (message) => {
          this.backlog.release(this.applier.applied.index);
          this.driver.applied(message);
        },
        onRestored: ({ index }) => this.backlog.release(index),
        onProgress: (entries, bytes) => this.snapshots.progress(entries, bytes),
        onFatal: (error) => this.fail(error),
      },
      from,
    );
  }

  private createRoster(): Roster {
    const { id, raw, group, proposals, reads, options } = this;
    const { clock, timeoutMs, tickMs, electionTicks } = options;
    return new Roster({
      self: id,
      raw,
      clock,
      group,
      confState: () => this.applier.confState,
      proposals,
      reads,
      reserveId: async (call) => ((await this.submit({ kind: 'reserve-id' }, call)) as { result: NodeId }).result,
      wake: () => this.driver.wake(),
      checkAddress: (member) => this.transport.checkPeer?.(options.dial(member)),
      warn: (text) => this.logger.warn(text),
      end: (reason, error) => this.endBecause(reason, error),
      timeoutMs,
      tickMs,
      electionTicks,
    });
  }

  private createSnapshots(): Snapshots {
    const { options, applier, group } = this;
    const { log, format, stateMachine, clock } = options;
    return new Snapshots({
      log,
      transport: this.transport,
      format,
      stateMachine,
      group,
      policy: options.snapshots,
      position: () => ({ applied: applier.applied, confState: applier.confState }),
      neededFrom: () => this.neededFrom(),
      // It is given up if this member stops first.
      betweenCommands: (run) => void applier.exclusive(run).catch(() => {}),
      holdUp: (room) => applier.holdUp(room),
      restore: (snapshot, chunks) => applier.exclusive(() => applier.restore(snapshot, chunks)),
      turn: () => new Promise((resolve) => clock.soon(resolve)),
      onEvent: (event) => {
        if (!isProgress(event)) this.observer.snapshots.add(event.phase);
        this.events.snapshot.set(event);
      },
      warn: (text) => this.logger.warn(text),
      onFatal: (error) => this.fail(error),
      reportSnapshot: (to, status) => this.reportSnapshot(to, status),
    });
  }

  private createDriver(): Driver {
    return new Driver({
      id: this.id,
      raw: this.raw,
      log: this.options.log,
      transport: { send: (messages) => this.transport.send(messages) },
      clock: this.options.clock,
      proposals: this.proposals,
      reads: this.reads,
      checkProposal: (message) => this.roster.guard.checkForwarded(message),
      applier: this.applier,
      backlog: this.backlog,
      onSoftState: (state) => this.onSoftState(state),
      sendSnapshot: (message) => this.snapshots.send(message),
      takeSnapshot: (snapshot) => this.snapshots.takeBody(snapshot),
      installSnapshot: (snapshot) => this.snapshots.install(snapshot),
      beforeTransfer: (message) => this.lead.beforeTransfer(message),
      warn: (text) => this.logger.warn(text),
      onFatal: (error) => this.fail(error),
    });
  }

  private onSoftState({ raftState }: SoftState): void {
    const before = this.events.leadership.value;
    if (before?.leading === true && raftState !== 'StateLeader') this.proposals.leadershipLost();
    const { leadership } = this;
    if (leadership.leader !== 0n && leadership.leader !== before?.leader) this.observer.leaderChanges++;
    this.events.leadership.set(leadership);
    this.lead.check();
    this.roster.leadershipChanged();
  }

  private onMembership(): void {
    this.connections.update(this.group.members);
    this.observer.contacts.keep(this.group.members);
    this.snapshots.membershipChanged();
    this.lead.voidLease();
    this.events.membership.set(this.members());
    this.roster.membershipChanged();
  }

  /** The lowest index that a member which answers may still ask for. */
  private neededFrom(): number {
    let lowest = Number.POSITIVE_INFINITY;
    if (!this.leadership.leading) return lowest;
    this.raw.withProgress((id, _type, { match, pendingSnapshot, recentActive }) => {
      // Whoever takes over a snapshot needs what comes after it, or it needs the next snapshot too.
      if (id !== this.id && recentActive) lowest = Math.min(lowest, Math.max(match, pendingSnapshot) + 1);
    });
    return lowest;
  }

  /** This member may not go on. */
  private fail(error: unknown): void {
    this.endBecause('failed', error);
  }

  private endBecause(reason: 'removed' | 'failed', error: unknown): void {
    if (this.ending !== undefined) return;
    void this.end({ reason, error });
    this.logger.error(`member ${this.id} ends: ${describe(error)}`);
  }

  private end(ended: Ended): Promise<void> {
    this.ending ??= this.shutDown(ended);
    return this.ending;
  }

  private async shutDown(ended: Ended): Promise<void> {
    this.ticker.stop();
    this.lead.end(ended.error);
    this.driver.stop();
    this.applier.stop();
    const cause = ended.reason === 'stopped' ? replicaStopped(undefined) : ended.error;
    this.proposals.end(cause);
    this.reads.end(cause);
    this.roster.end(cause);
    this.observer.end();
    this.connections?.stop();
    const parts = [
      { what: 'transport', close: () => this.transport?.stop(), limitMs: CLOSE_MS },
      { what: 'state machine’s snapshot', close: () => this.snapshots?.stop(), limitMs: CLOSE_MS },
      { what: 'log', close: () => this.options.log.close() },
    ];
    await closeAll(parts, this.options.clock, (what, error) => {
      // What ended the member is what its owner must hear of; a log that cannot be closed has told of its reason.
      if (ended.reason !== 'failed')
        this.logger.error(`member ${this.id} stopped, but could not close its ${what}: ${describe(error)}`);
    });
    this.events.ended.set(ended);
    this.resolveEnded(ended);
  }
}

/** Is this only about how far a snapshot has come? */
function isProgress({ phase, bytes }: SnapshotEvent): boolean {
  return bytes > 0 && (phase === 'saving' || phase === 'sending' || phase === 'installing');
}

function rawConfig<Command, Result>(
  options: ResolvedOptions<Command, Result>,
  logger: Logger,
): ConstructorParameters<typeof RawNode>[0] {
  const { id, log, limits, electionTicks, heartbeatTicks, preVote, checkQuorum, stepDownOnRemoval, random } = options;
  return {
    id,
    storage: log,
    electionTick: electionTicks,
    heartbeatTick: heartbeatTicks,
    maxSizePerMsg: limits.maxMessageBytes,
    maxInflightMsgs: limits.maxInflight,
    maxInflightBytes: Math.max(limits.maxInflightBytes, limits.maxMessageBytes),
    maxUncommittedEntriesSize: limits.maxUncommittedBytes,
    maxCommittedSizePerReady: limits.maxMessageBytes,
    applied: log.snapshot().metadata.index,
    asyncStorageWrites: true,
    preVote,
    checkQuorum,
    stepDownOnRemoval,
    logger,
    ...(random === undefined ? {} : { random }),
  };
}
