import {
  type AnyConfChange,
  type BatchReceipt,
  ERR_CONF_CHANGE_REFUSED,
  ERR_PROPOSAL_DROPPED,
  type NodeId,
  type ProposalReceipt,
  type RaftError,
  type RawNode,
} from '@raft-ts/raft';
import { whyAborted } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';
import type { Position } from '../base/contracts.js';
import { describe, ProposalDropped } from '../base/errors.js';
import { counted } from '../base/text.js';
import { AppendedBatches } from './appended-batches.js';
import { type Applied, type Pending, WaitingProposals, type WaitingProposalsHost } from './waiting-proposals.js';
import { nobody } from './waits.js';

/** Most entries that travel as one proposal. */
export const MAX_BATCH = 4096;

/** What proposals are handed to. */
export type ProposalTarget = Pick<RawNode, 'proposeBatch' | 'proposeConfChange' | 'basicStatus'>;

export interface ProposalLimits {
  /** Proposals that may wait on this member for their answers. */
  readonly maxPending: number;
  /** Bytes that they may hold. */
  readonly maxPendingBytes: number;
  /** Bytes of one. */
  readonly maxCommandBytes: number;
  /** Bytes of a batch, unless one entry alone is longer. */
  readonly maxBatchBytes: number;
}

export interface ProposalsOptions extends ProposalLimits, Pick<WaitingProposalsHost, 'onSettled'> {
  readonly target: ProposalTarget;
  readonly clock: Clock;
  /** For proposals that name no time of their own. */
  readonly timeoutMs: number;
  /** There is something to flush. */
  readonly wake: () => void;
  /** Does this member know where to reach that one? A member that has just joined learns it from the log. */
  readonly knows: (leader: NodeId) => boolean;
  /** May this member, if it leads, append more entries now? */
  readonly hasRoom: () => boolean;
  /**
   * Holds what this member, if it leads, would append now: says whether it waits. This member is told to flush again
   * when that is over.
   */
  readonly hold: () => boolean;
}

/** How a proposal is to be handled. */
export interface ProposalOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from now. Default: that of all proposals. */
  readonly timeoutMs?: number | undefined;
  /** Only if this member leads: it is not forwarded. */
  readonly leaderOnly?: boolean;
}

/**
 * The proposals of this member, from the call until it is known what came of them.
 *
 * What is proposed in one turn of the event loop leaves as one batch. At the leader the entries of a batch have an
 * index and a term, so whatever is committed at that index decides about them. A batch that was forwarded has neither:
 * its entries are known by their request ids, and an answer that stays out means that nothing is known.
 */
export class Proposals {
  private readonly options: ProposalsOptions;
  private readonly all: WaitingProposals;
  /** When the first of those was proposed that the next flush hands over: what comes in one turn comes at one time. */
  private turn: number | undefined = undefined;
  /** The term of the last entry that was applied. */
  private appliedTerm = 0;
  private nextSequence = 1;
  /** Those that were not handed over yet, oldest first. */
  private queue: Pending[] = [];
  /** Those that stand in the log. */
  private readonly appended = new AppendedBatches<Pending>({
    onReplaced: (pending, detail) => this.all.drop(pending, 'replaced', undefined, detail),
    onSkipped: (pending) => this.all.giveUp(pending, 'snapshot-skipped'),
  });
  private ended: unknown = undefined;

  constructor(options: ProposalsOptions) {
    this.options = options;
    this.all = new WaitingProposals(options);
  }

  /** Proposals that wait for their answers. */
  get waiting(): number {
    return this.all.count;
  }

  /** Bytes that they hold. */
  get waitingBytes(): number {
    return this.all.bytes;
  }

  /**
   * Proposes one entry, and resolves with what applying it gave.
   * @param encode gives the entry's bytes, with this number in its request id; `undefined` for an empty entry. It is
   * not called for what is refused
   */
  submit<Content>(
    content: Content,
    encode: (content: Content, sequence: number) => Uint8Array | undefined,
    options: ProposalOptions,
  ): Promise<unknown> {
    const refused = this.refusal(options.signal);
    if (refused !== undefined) return Promise.reject(refused);
    const sequence = this.nextSequence++;
    let data: Uint8Array | undefined;
    try {
      data = encode(content, sequence);
    } catch (error) {
      return Promise.reject(error);
    }
    const tooMuch = this.tooMuch(data?.length ?? 0);
    if (tooMuch !== undefined) return Promise.reject(tooMuch);
    return answerOf(this.enqueue(sequence, data, undefined, options));
  }

  /**
   * Hands over a membership change. It travels alone, after all that was submitted before it and ahead of all that is
   * submitted later. Resolves once raft has taken it: what becomes of it shows in the membership.
   * @throws ProposalDropped; ERR_RAFT_CONF_CHANGE_REFUSED and others with which a leader refuses it
   */
  submitChange(change: AnyConfChange, options: ProposalOptions): Promise<ProposalReceipt> {
    const refused = this.refusal(options.signal);
    if (refused !== undefined) return Promise.reject(refused);
    const sequence = this.nextSequence++;
    return answerOf(this.enqueue(sequence, undefined, change, options)) as Promise<ProposalReceipt>;
  }

  private refusal(signal: AbortSignal | undefined): ProposalDropped | undefined {
    if (this.ended !== undefined) return new ProposalDropped('stopped', describe(this.ended), this.ended);
    const aborted = whyAborted(signal);
    if (aborted !== undefined) return new ProposalDropped('aborted', undefined, aborted.reason);
    if (this.waiting < this.options.maxPending) return undefined;
    return new ProposalDropped('busy', `${counted(this.waiting, 'command')} wait on this member`);
  }

  private tooMuch(bytes: number): ProposalDropped | undefined {
    const { maxPendingBytes, maxCommandBytes } = this.options;
    if (bytes > maxCommandBytes) {
      return new ProposalDropped(
        'too-large',
        `it takes ${counted(bytes, 'byte')}; limits.maxCommandBytes is ${maxCommandBytes}`,
      );
    }
    if (this.waiting === 0 || this.waitingBytes + bytes <= maxPendingBytes) return undefined;
    return new ProposalDropped('busy', `commands of ${counted(this.waitingBytes, 'byte')} wait on this member`);
  }

  /** The caller gives it `resolve` and `reject` at once. */
  private enqueue(
    sequence: number,
    data: Uint8Array | undefined,
    change: AnyConfChange | undefined,
    { signal, timeoutMs = this.options.timeoutMs, leaderOnly = false }: ProposalOptions,
  ): Pending {
    this.turn ??= this.options.clock.monotonic();
    const pending: Pending = {
      before: undefined,
      after: undefined,
      sequence,
      data,
      change,
      bytes: data?.length ?? 0,
      // A fraction would be an object of its own. Deadlines are looked at once a tick.
      deadline: Math.ceil(this.turn + timeoutMs),
      leaderOnly,
      state: 'queued',
      waitsFor: 'no-leader',
      leadershipLost: false,
      forwardedIn: 0,
      resolve: nobody,
      reject: nobody,
      forget: undefined,
    };
    this.all.add(pending);
    if (signal !== undefined) this.all.watch(pending, signal);
    this.queue.push(pending);
    this.options.wake();
    return pending;
  }

  /** Hands over what waits, in batches, if there is a leader. */
  flush(): void {
    this.turn = undefined;
    if (this.queue.length === 0) return;
    const { softState } = this.options.target.basicStatus();
    if (softState.lead === 0n) return;
    const leads = softState.raftState === 'StateLeader';
    // If none is under way, nobody else is about to propose, and there is nothing to wait for.
    if (leads && this.queue.length < this.waiting && this.options.hold()) return;
    // What is sent to nowhere is lost in silence, and nobody would know what became of it.
    const reachable = leads || this.options.knows(softState.lead);
    const hasRoom = !leads || this.options.hasRoom();
    const queue = this.queue;
    this.queue = [];
    let batch: Pending[] = [];
    let bytes = 0;
    for (const pending of queue) {
      if (pending.state !== 'queued') continue;
      if (pending.leaderOnly && !leads) {
        this.all.drop(pending, 'not-leading');
        continue;
      }
      if (!reachable) {
        this.queue.push(pending);
        continue;
      }
      if (!hasRoom) {
        this.all.drop(pending, 'quota', undefined, 'too many entries wait to be applied');
        continue;
      }
      if (pending.change !== undefined) {
        if (batch.length > 0) this.propose(batch);
        batch = [];
        bytes = 0;
        this.proposeChange(pending, pending.change);
        continue;
      }
      if (batch.length >= MAX_BATCH || (batch.length > 0 && bytes + pending.bytes > this.options.maxBatchBytes)) {
        this.propose(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(pending);
      bytes += pending.bytes;
    }
    if (batch.length > 0) this.propose(batch);
  }

  private propose(batch: Pending[]): void {
    let receipt: BatchReceipt;
    try {
      receipt = this.options.target.proposeBatch(batch.map(({ data }) => data));
    } catch (error) {
      this.refused(batch, error);
      return;
    }
    const { forwarded, index, term } = receipt;
    const forwardedIn = forwarded ? this.options.target.basicStatus().hardState.term : 0;
    for (const pending of batch) {
      if (forwarded) this.all.sentOn(pending, forwardedIn);
      else this.all.handedOver(pending);
    }
    if (!forwarded) this.appended.insert({ index, term, pending: batch });
  }

  private proposeChange(pending: Pending, change: AnyConfChange): void {
    try {
      const receipt = this.options.target.proposeConfChange(change);
      if (this.all.settle(pending)) pending.resolve(receipt);
    } catch (error) {
      const { code } = error as Partial<RaftError>;
      if (code === ERR_PROPOSAL_DROPPED) this.refused([pending], error);
      else if (code === undefined) throw error;
      else if (this.all.settle(pending)) pending.reject(error);
    }
  }

  private refused(batch: Pending[], error: unknown): void {
    const reason = reasonOf(error);
    switch (reason) {
      case 'no-leader':
      case 'transferring':
        // It may be taken later, until its deadline; order is kept.
        for (const pending of batch) {
          pending.waitsFor = reason;
          this.queue.push(pending);
        }
        return;
      case 'quota':
        if (batch.length > 1) {
          // A small one must not fail for a large neighbour.
          const half = batch.length >>> 1;
          this.propose(batch.slice(0, half));
          this.propose(batch.slice(half));
          return;
        }
        for (const pending of batch) this.all.drop(pending, 'quota', error);
        return;
      case 'removed':
        for (const pending of batch) this.all.drop(pending, 'removed', error);
        return;
      default:
        throw error;
    }
  }

  /** The entry at `index` was applied. @returns whose it is, if this member appended it as the leader */
  appliedAt(index: number, term: number): Pending | undefined {
    if (term > this.appliedTerm) {
      this.appliedTerm = term;
      this.all.leaderChanged(term);
    }
    return this.appended.appliedAt(index, term);
  }

  /** Returns the proposal of this number, if it was forwarded and still waits. */
  find(sequence: number): Pending | undefined {
    return this.all.find(sequence);
  }

  /** Tells a proposal what came of it. */
  answer(pending: Pending, applied: Applied): void {
    this.all.answer(pending, applied);
  }

  /** Tells a proposal what it came to, as `answer` does with a value: for commands, without an object in between. */
  resolve(pending: Pending, value: unknown): void {
    this.all.resolve(pending, value);
  }

  /** A snapshot took the place of the entries up to there: what came of them cannot be seen. */
  skippedTo(at: Position): void {
    this.appended.skippedTo(at);
  }

  /** This member does not lead any more. */
  leadershipLost(): void {
    for (const pending of this.appended.all()) pending.leadershipLost = true;
  }

  /** Ends the waits whose time is over. */
  expire(): void {
    this.all.expire();
    // Without a leader nothing else would let go of those that gave up.
    if (this.queue.length > 0) this.queue = this.queue.filter(({ state }) => state === 'queued');
  }

  /** Ends all waits: this member stops. */
  end(cause: unknown): void {
    this.ended = cause;
    this.queue = [];
    this.appended.clear();
    this.all.end(cause);
  }
}

/** Resolves with what the proposal is told. */
function answerOf(pending: Pending): Promise<unknown> {
  return new Promise((resolve, reject) => {
    pending.resolve = resolve;
    pending.reject = reject;
  });
}

/** Returns why raft did not take a proposal; `undefined` for an error of another kind. */
export function reasonOf(error: unknown): string | undefined {
  const { code, reason } = error as Partial<RaftError>;
  return code === ERR_PROPOSAL_DROPPED || code === ERR_CONF_CHANGE_REFUSED ? reason : undefined;
}
