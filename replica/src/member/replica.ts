import type { NodeId, Status } from '@raft-ts/raft';
import { callFault, timeoutFault } from '../base/arguments.js';
import type { CallOptions, MemberInfo, Position } from '../base/contracts.js';
import { ReadFailed } from '../base/errors.js';
import type { Listener } from '../base/events.js';
import type { SnapshotHead } from '../group/group.js';
import type { LeadingTask } from '../lead/leading.js';
import type { AddMemberOptions, AddOptions, NewMember } from '../members/membership.js';
import type { Explanation, Question } from '../observe/explanation.js';
import { Engine } from './engine.js';
import { type ReplicaOptions, resolveOptions } from './options.js';
import { Session, type SessionState } from './session.js';
import type {
  Done,
  Ended,
  FeatureState,
  Leadership,
  Outcome,
  ProposeOptions,
  ReadOptions,
  ReplicaEvents,
} from './types.js';

const noOptions: ProposeOptions = {};

/**
 * A member of a cluster that replicates a state machine: it drives raft, its log and its transport in the right order,
 * answers commands with the state machine's result, and serves reads.
 */
export class Replica<Command, Result> {
  readonly id: NodeId;
  /** Resolves when this replica has ended, for whatever reason. */
  readonly ended: Promise<Ended>;
  private readonly engine: Engine<Command, Result>;

  private constructor(engine: Engine<Command, Result>) {
    this.id = engine.id;
    this.ended = engine.ended;
    this.engine = engine;
  }

  /**
   * Starts a member: a founder of a new cluster, one that joins, or one that comes back. Resolves when it takes part.
   * @throws ERR_RAFT_REPLICA_OPTIONS; what the transport's factory and the state machine's `restore` throw
   */
  static async start<Command, Result>(options: ReplicaOptions<Command, Result>): Promise<Replica<Command, Result>> {
    const engine = new Engine(resolveOptions(options));
    try {
      await engine.begin();
    } catch (error) {
      await engine.end({ reason: 'failed', error });
      throw error;
    }
    return new Replica(engine);
  }

  /**
   * Replicates a command, and resolves with what the state machine made of it, once it was applied on this member. It
   * may be called on any member: raft forwards it to the leader.
   * @throws ProposalDropped: it is certainly not in the log; ProposalUnknown: it may still be applied; CommandFailed:
   * the state machine threw, on every member, and `applyErrors` is `result`; what the codec throws
   */
  propose(command: Command, options: ProposeOptions = noOptions): Promise<Done<Result>> {
    return this.engine.propose(command, options) as Promise<Done<Result>>;
  }

  /** Proposes, as `propose` does, but never rejects for what becomes of a command: switch over `outcome`. */
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
    const { index } = (await this.engine.submit({ kind: 'open-session' }, options)) as Position;
    return this.resumeSession({ id: index, next: 1 });
  }

  /**
   * Goes on with a session that was opened on this member or another one, as its `state` told.
   * @throws RaftError ERR_RAFT_ARGUMENT for numbers that no session can have
   */
  resumeSession(state: SessionState): Session<Command, Result> {
    const { clock, timeoutMs, tickMs, electionTicks } = this.engine.options;
    const propose = (command: Command, options: ProposeOptions): Promise<Done<Result>> =>
      this.propose(command, options);
    return new Session({ propose, clock, timeoutMs, attemptMs: 2 * tickMs * electionTicks, pauseMs: tickMs }, state);
  }

  /**
   * Runs a function over the state, between two commands, at a moment at which what it sees is as fresh as asked for.
   * @throws ReadFailed; what the function throws; ERR_RAFT_ARGUMENT for a consistency that there is not
   */
  read<T>(fn: () => T | Promise<T>, options: ReadOptions = {}): Promise<T> {
    const { consistency = 'linearizable', signal, timeoutMs = this.engine.options.timeoutMs } = options;
    const fault = typeof fn === 'function' ? timeoutFault(timeoutMs) : callFault('fn', fn, 'a function that reads');
    if (fault !== undefined) return Promise.reject(fault);
    if (this.engine.stopping !== undefined) return Promise.reject(new ReadFailed('stopped'));
    switch (consistency) {
      case 'linearizable':
        return this.engine.reads.submit(fn, signal, timeoutMs);
      case 'lease':
        return this.engine.lead.read(fn, signal, timeoutMs);
      case 'stale':
        return this.engine.reads.submitStale(fn, signal, timeoutMs);
      default:
        return Promise.reject(callFault('consistency', consistency, "'linearizable', 'lease' or 'stale'"));
    }
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
    if (typeof task !== 'function') return Promise.reject(callFault('task', task, 'a function'));
    return this.engine.lead.run(task, signal);
  }

  /** Does it take part? No more once it ends, for whatever reason; `ended` resolves when all is closed. */
  get running(): boolean {
    return this.engine.running;
  }

  /** Who leads, as far as this member knows. */
  get leadership(): Leadership {
    return this.engine.leadership;
  }

  /** Returns who is in the cluster, ascending by id, as far as this member has applied. */
  members(): readonly MemberInfo[] {
    return this.engine.roster.list();
  }

  /**
   * Adds a member: hands out an id that was never used, adds it as a learner (`onProgress` tells its id: start it then,
   * with `join: true`), and makes it a voter once it has caught up. It may be called on any member, and again: with the
   * `id` that the error or `onProgress` named it goes on where a former call gave up. Default of `timeoutMs`: 600,000.
   * @throws MembershipError; ERR_RAFT_REPLICA_OPTIONS for an address or an id that is none
   */
  addMember(member: NewMember, options: AddMemberOptions = {}): Promise<MemberInfo> {
    return this.engine.roster.membership.add(member, options);
  }

  /**
   * Removes a member, for good: its id is never used again. It may be called on any member; a leader first hands
   * leadership over. Resolves once it is removed, as this member sees it, also if it was before.
   * @throws MembershipError
   */
  removeMember(id: NodeId, options: CallOptions = {}): Promise<void> {
    return this.engine.roster.membership.remove(id, options);
  }

  /**
   * Puts a new member in the place of one that is lost, or is to go: adds it as `addMember` does, and exchanges the two
   * in one step once it has caught up, so that there is never a voter less. In the place of a learner comes a learner,
   * as soon as it is added. The new one may have the address of the old one. With the `id` of the new one it goes on
   * where a former call gave up. Default of `timeoutMs`: 600,000.
   * @throws as `addMember`
   */
  replaceMember(old: NodeId, member: NewMember, options: AddOptions = {}): Promise<MemberInfo> {
    return this.engine.roster.membership.replace(old, member, options);
  }

  /**
   * Hands leadership to this member, and resolves with its id once it leads. Without an id: to the voter with the
   * longest log that answers the leader or, called on a voter that does not lead, to that one.
   * @throws MembershipError
   */
  transferLeadership(id?: NodeId, options: CallOptions = {}): Promise<NodeId> {
    return this.engine.roster.transfers.transfer(id, options);
  }

  /** What was applied last on this member. */
  get applied(): Position {
    return this.engine.applier.applied;
  }

  /** Which features are open, and because of whom no more of them. */
  get features(): FeatureState {
    return { open: this.engine.group.features, missing: this.engine.lead.gate.missing() };
  }

  /**
   * Returns what a snapshot of this moment would hold beside the state machine's own bytes: with `Format.wrap` a copy
   * of the state is written as snapshots are. To be called within `read`, together with the state machine's `snapshot`.
   */
  snapshotHead(): SnapshotHead {
    return this.engine.group.head();
  }

  /** Returns raft's own view: for tools. */
  status(): Status {
    return this.engine.raw.status();
  }

  /** Calls the listener with the present value, if there is one, and with each new one. @returns ends it */
  watch<Kind extends keyof ReplicaEvents>(kind: Kind, listener: Listener<ReplicaEvents[Kind]>): () => void {
    const events = this.engine.events[kind];
    if (events === undefined) throw callFault('kind', kind, Object.keys(this.engine.events).join(', '));
    if (typeof listener !== 'function') throw callFault('listener', listener, 'a function');
    return events.subscribe(listener);
  }

  /** Says in a sentence, and by a code, what an operator asks: why there is no leader, or why something is slow. */
  explain(question: Question = {}): Explanation {
    return this.engine.observer.explain(question);
  }

  /**
   * Stops taking part. Takes no calls any more, hands leadership over if this member leads, and lets the calls that
   * wait come to their ends, each for an election timeout at most; settles what still waits, and closes log and
   * transport. It waits for what is being written to the log, but not for a state machine that is busy. May be called
   * again.
   */
  stop(): Promise<void> {
    return this.engine.stop();
  }

  /** Stops at once, as a crash would: without handing anything over. */
  kill(): Promise<void> {
    return this.engine.end({ reason: 'stopped' });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
