/// <reference lib="esnext.disposable" preserve="true" />
import { type ConfState, type Entry, type Message, MessageType, NONE, type NodeId, RaftError } from '@raft-ts/proto';
import {
  badArgument,
  checkBytes,
  checkId,
  checkOptionalBytes,
  confChangeFault,
  hasCode,
  isCoded,
  messageFault,
  refuseFault,
} from '@raft-ts/proto/internal';
import { type AnyConfChange, marshalConfChange } from './confchange/conf-change.js';
import type { Config } from './config.js';
import {
  ERR_CONF_CHANGE_LIMIT,
  ERR_MESSAGE_INVALID,
  ERR_READ_DROPPED,
  ERR_READY_CONSUMER,
  ERR_STOPPED,
  RaftPanic,
  tooManyWaiters,
} from './errors.js';
import { turnOfEventLoop } from './event-loop.js';
import { InputQueue } from './input-queue.js';
import { LeaderWatch } from './leader-watch.js';
import { LimitedLogger } from './limited-logger.js';
import type { Logger } from './logger.js';
import { Neglect } from './neglect.js';
import type { RawNode } from './raw-node.js';
import { readsAreFull } from './read-only.js';
import type { Ready } from './ready.js';
import { ReadyConsumer } from './ready-consumer.js';
import { ReadyPacing } from './ready-pacing.js';
import type { ProposalReceipt } from './receipt.js';
import { ENTRY_OVERHEAD, heldSize } from './sizes.js';
import { checkSnapshotStatus, type SnapshotStatus } from './snapshot-status.js';
import type { Status } from './status.js';
import { WaitingRoom } from './waiting-room.js';

/** Options of calls that may wait. */
export interface WaitOptions {
  /** Ends the wait; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** After this many proposals in a row the event loop gets a turn. */
const PROPOSALS_PER_TURN = 256;

/** The error that the loop of Readys ends with; undefined if the node was stopped. */
function failureOf(reason: Error): Error | undefined {
  return hasCode(reason, ERR_STOPPED) ? undefined : reason;
}

async function answerNextTurn<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } finally {
    await turnOfEventLoop();
  }
}

/**
 * A member for asynchronous programs: `RawNode` with a loop of `Ready`s and calls that wait.
 *
 * Every input runs to completion before the next one begins (`input-queue.ts`). Proposals wait while no leader is known
 * (`waiting-room.ts`). A Ready is built once the inputs of a turn are in (`ready-pacing.ts`). A `RaftPanic` ends the
 * node: the call that ran into it throws it, and so do the `ready()` loop and every later call.
 */
export class Node {
  private readonly rawNode: RawNode;
  private readonly logger: Logger;
  private readonly neglect: Neglect;
  private readonly asyncStorageWrites: boolean;

  private readonly inputs: InputQueue;
  /** Proposals that wait while no leader is known. */
  private readonly room: WaitingRoom;
  private readonly leader = new LeaderWatch();
  private proposalsInTurn = 0;

  private readonly pacing: ReadyPacing;
  private consumer: ReadyConsumer | undefined;
  private awaitsAdvance = false;

  /** Use `startNode`, `restartNode` or `joinNode`. */
  constructor(rawNode: RawNode, config: Config) {
    this.rawNode = rawNode;
    const { id, logger } = rawNode.raft;
    this.logger = logger;
    this.neglect = new Neglect(id, config.electionTick, logger);
    this.asyncStorageWrites = config.asyncStorageWrites ?? false;
    this.inputs = new InputQueue({
      before: () => this.beforeInputs(),
      after: () => this.afterInput(),
      failed: (error) => this.end(error),
    });
    this.room = new WaitingRoom({
      isOpen: () => this.leader.takesProposals,
      waits: (count) => this.neglect.waits(count),
      waitedInVain: () => this.neglect.waitedInVain(),
    });
    this.pacing = new ReadyPacing(() => this.deliver());
  }

  // Around every input

  private beforeInputs(): void {
    this.pacing.input();
    this.neglect.input();
  }

  private afterInput(): void {
    if (this.leader.finds(this.rawNode.raft)) this.inputs.append(this.room.attempts());
    if (this.consumer?.isWaiting === true) this.planDelivery();
  }

  private end(reason: Error): void {
    if (this.inputs.ended !== undefined) return;
    this.inputs.end(reason);
    this.consumer?.end(failureOf(reason));
    this.room.rejectAll(reason);
  }

  // Inputs

  /** Advances time by one tick. Call it at a steady pace. Does nothing once the node has stopped. */
  tick(): void {
    this.inputs.report(() => {
      this.rawNode.tick();
      if (this.logger instanceof LimitedLogger) this.logger.tick();
      const { awaitsAdvance } = this;
      const isWaiting = this.consumer?.isWaiting === true;
      const { trk, term } = this.rawNode.raft;
      if (trk.progress.size === 0) this.neglect.knowsNobody(term > 0);
      this.neglect.tick({ awaitsAdvance, isWaiting, hasWork: !isWaiting && this.rawNode.hasReady() });
    });
  }

  /** Starts an election if this member may. Rejects only if the node has stopped or the signal aborts. */
  campaign(options: WaitOptions = {}): Promise<void> {
    return this.inputs.call(() => this.rawNode.campaign(), options.signal);
  }

  /**
   * Proposes this payload, waiting until a leader is known. Resolves when this member has appended or forwarded the
   * proposal, **which does not mean that it is committed**: watch `committedEntries` for that, and propose again if it
   * does not appear. The bytes must not be changed afterwards.
   *
   * A loop that awaits this call lets timers and sockets run.
   * @throws ERR_RAFT_PROPOSAL_DROPPED with a `DropReason`; ERR_RAFT_TOO_MANY_WAITERS; ERR_RAFT_STOPPED; the signal's
   * reason; ERR_RAFT_ARGUMENT if the data is not bytes
   */
  propose(data: Uint8Array | undefined, options: WaitOptions = {}): Promise<ProposalReceipt> {
    try {
      checkOptionalBytes('data', data);
    } catch (error) {
      return Promise.reject(error);
    }
    const size = ENTRY_OVERHEAD + (data?.length ?? 0);
    return this.whenLed(() => this.rawNode.propose(data), size, options.signal);
  }

  /**
   * Proposes a membership change, as `propose` does.
   * @returns with `forwarded: true` it will not be known whether the leader accepts the change, so a warning is logged:
   * watch `committedEntries`, or propose membership changes at the leader
   * @throws as `propose`; ERR_RAFT_CONF_CHANGE_REFUSED if this member leads and the change is not allowed now
   */
  proposeConfChange(cc: AnyConfChange, options: WaitOptions = {}): Promise<ProposalReceipt> {
    let data: Uint8Array;
    try {
      // A malformed change is refused at once, not when a leader is found.
      refuseFault('cc', confChangeFault(cc));
      ({ data } = marshalConfChange(cc));
    } catch (error) {
      return Promise.reject(error);
    }
    const propose = (): ProposalReceipt => {
      const receipt = this.rawNode.proposeConfChange(cc);
      if (receipt.forwarded) this.tellOfForwardedChange();
      return receipt;
    };
    return this.whenLed(propose, ENTRY_OVERHEAD + data.length, options.signal);
  }

  /** The leader may replace the change by an empty entry, and does not answer. */
  private tellOfForwardedChange(): void {
    const { id, lead } = this.rawNode.raft;
    this.logger.warn(
      `raft.node: ${id.toString(16)} forwarded a membership change to leader ${lead.toString(16)}, which does not say whether it accepts it: watch committedEntries, and if it does not appear propose it again, preferably at the leader`,
    );
  }

  /** Runs a proposal at once if a leader is known, else as soon as one is. */
  private whenLed<T>(propose: () => T, size: number, signal: AbortSignal | undefined): Promise<T> {
    const leads = this.leader.takesProposals || this.inputs.ended !== undefined;
    const done = leads
      ? this.inputs.call(propose, signal)
      : this.room.wait<T>({ size, signal, run: (resolve, reject) => this.inputs.settle(propose, resolve, reject) });
    if (++this.proposalsInTurn < PROPOSALS_PER_TURN) return done;
    this.proposalsInTurn = 0;
    // Delays the answer, not the proposal: proposals keep the order of their calls.
    return answerNextTurn(done);
  }

  /**
   * Steps a message from another member, or from a storage thread. A forwarded proposal waits for a leader as `propose`
   * does; its outcome is not reported.
   * @throws ERR_RAFT_MESSAGE_INVALID for what no correct member sends, ERR_RAFT_ARGUMENT for what is not a message,
   * ERR_RAFT_TOO_MANY_WAITERS for a proposal that cannot wait, ERR_RAFT_STOPPED, the signal's reason (a waiting
   * proposal is then withdrawn). Responses from members outside the configuration, and local messages from other
   * members, are ignored.
   */
  step(m: Message, options: WaitOptions = {}): Promise<void> {
    const step = (): void => {
      try {
        this.rawNode.stepChecked(m);
      } catch (error) {
        if (!isCoded(error) || error.code === ERR_MESSAGE_INVALID) throw error;
      }
    };
    // Checked once, before a proposal waits.
    const fault = messageFault(m);
    if (fault !== undefined) return Promise.reject(badArgument('message', fault));
    if (m.type !== MessageType.MsgProp) return this.inputs.call(step, options.signal);
    // Wherever it came from, this member is the one that forwards it.
    m.from = this.rawNode.raft.id;
    return this.whenLed(step, heldSize(m.entries), options.signal);
  }

  /**
   * Carries out the membership change of an entry from `committedEntries`, before `advance()`. A change that no member
   * can carry out is skipped, with a warning.
   * @throws as `RawNode.applyConfChangeEntry`, which then ends the node; ERR_RAFT_STOPPED
   */
  applyConfChangeEntry(entry: Entry): ConfState {
    try {
      return this.change(() => this.rawNode.applyConfChangeEntry(entry));
    } catch (error) {
      // A member that went on without the change might count a different majority from the others.
      if (isCoded(error) && error.code === ERR_CONF_CHANGE_LIMIT) this.end(error);
      throw error;
    }
  }

  /**
   * Carries out a committed membership change, for applications that decode it themselves.
   * @throws as `RawNode.applyConfChange`; ERR_RAFT_STOPPED
   */
  applyConfChange(cc: AnyConfChange): ConfState {
    return this.change(() => this.rawNode.applyConfChange(cc));
  }

  private change(apply: () => ConfState): ConfState {
    const { ended, isRunning } = this.inputs;
    if (ended !== undefined) throw ended;
    if (isRunning) throw new RaftPanic('invariant', 'applyConfChange was called from within raft');
    return this.inputs.execute(() => {
      const { raft } = this.rawNode;
      const wasMember = raft.trk.progress.has(raft.id);
      const confState = apply();
      if (wasMember && !raft.trk.progress.has(raft.id)) this.leader.refuseProposals();
      return confState;
    });
  }

  /**
   * Checks, without applying it, that a membership change can be carried out now.
   * @throws as `RawNode.checkConfChange`
   */
  checkConfChange(cc: AnyConfChange): void {
    this.rawNode.checkConfChange(cc);
  }

  /** Transfers leadership to `transferee`. This may fail; watch `Ready.softState`. */
  transferLeadership(transferee: NodeId, options: WaitOptions = {}): Promise<void> {
    return this.inputs.call(() => this.rawNode.transferLeadership(transferee), options.signal);
  }

  /** Acts as if no leader were known, so that this member may grant votes and pre-votes. */
  forgetLeader(options: WaitOptions = {}): Promise<void> {
    return this.inputs.call(() => this.rawNode.forgetLeader(), options.signal);
  }

  /**
   * Asks for an index at which a read is linearizable; see `RawNode.readIndex`. The answer comes in a Ready.
   * @throws ERR_RAFT_READ_DROPPED with reason `no-leader` if nobody could answer: ask again when a leader is known;
   * ERR_RAFT_TOO_MANY_WAITERS on a leader with 65,536 reads, or 16 MiB of their contexts, that no quorum has confirmed
   */
  readIndex(context: Uint8Array, options: WaitOptions = {}): Promise<void> {
    return this.inputs.call(() => {
      checkBytes('context', context);
      if (this.rawNode.raft.lead === NONE) {
        throw new RaftError(ERR_READ_DROPPED, 'raft read dropped: no leader is known', { reason: 'no-leader' });
      }
      const full = readsAreFull(this.rawNode.raft, context.length);
      if (full !== undefined) throw tooManyWaiters('too many reads wait for a quorum to confirm the leader', full);
      this.rawNode.readIndex(context);
    }, options.signal);
  }

  /** Reports that the transport could not deliver to this member. */
  reportUnreachable(id: NodeId): void {
    checkId('id', id);
    this.inputs.report(() => this.rawNode.reportUnreachable(id));
  }

  /** Reports what became of a snapshot to this member. */
  reportSnapshot(id: NodeId, status: SnapshotStatus): void {
    checkId('id', id);
    checkSnapshotStatus(status);
    this.inputs.report(() => this.rawNode.reportSnapshot(id, status));
  }

  /** Returns a copy of the current state, available even after the node has stopped. */
  status(): Status {
    return this.rawNode.status();
  }

  // Outputs

  /**
   * Returns the loop of Readys, for one consumer. Each is built when it is requested and all pending inputs have run.
   * Without `asyncStorageWrites` the next one comes only after `advance()`. Leaving the loop detaches the consumer but
   * leaves the node running; `stop()` ends the loop.
   * @throws ERR_RAFT_READY_CONSUMER, from the iteration, while another consumer is attached; the RaftPanic that ended
   * the node
   */
  ready(): AsyncIterable<Ready> {
    return { [Symbol.asyncIterator]: () => this.attach() };
  }

  private attach(): AsyncIterator<Ready, undefined> {
    if (this.consumer !== undefined) {
      throw new RaftError(ERR_READY_CONSUMER, 'raft: ready() already has a consumer');
    }
    const consumer = new ReadyConsumer({
      wanted: () => this.planDelivery(),
      detached: () => {
        if (this.consumer === consumer) this.consumer = undefined;
      },
    });
    this.consumer = consumer;
    const { ended } = this.inputs;
    if (ended !== undefined) consumer.end(failureOf(ended));
    return consumer;
  }

  private planDelivery(): void {
    if (!this.awaitsAdvance) this.pacing.plan();
  }

  private deliver(): void {
    const { consumer, rawNode } = this;
    if (this.inputs.ended !== undefined || this.awaitsAdvance || consumer?.isWaiting !== true || !rawNode.hasReady())
      return;
    try {
      this.inputs.execute(() => {
        const rd = rawNode.ready();
        this.awaitsAdvance = !this.asyncStorageWrites;
        this.neglect.moved();
        consumer.give(rd);
      });
    } catch {
      // There is no caller to throw to: the consumer has been told why the node ended.
    }
  }

  /** Reports that the work of the last Ready is done. Harmless if nothing was outstanding. */
  advance(): void {
    if (!this.awaitsAdvance && !this.asyncStorageWrites) return;
    this.inputs.report(() => {
      this.rawNode.advance();
      this.awaitsAdvance = false;
      this.neglect.moved();
    });
  }

  /**
   * Ends the node: the loop of Readys ends, and every waiting call rejects with ERR_RAFT_STOPPED. May be called again.
   */
  stop(): Promise<void> {
    this.end(new RaftError(ERR_STOPPED, 'raft: stopped'));
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
