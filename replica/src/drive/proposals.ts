import { SlidingList } from '@raft-ts/proto/internal';
import {
  type BatchReceipt,
  ERR_CONF_CHANGE_REFUSED,
  ERR_PROPOSAL_DROPPED,
  type RaftError,
  type RawNode,
} from '@raft-ts/raft';
import { onAbort, whyAborted } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';
import type { Position } from '../base/contracts.js';
import { type DroppedReason, ProposalDropped, ProposalUnknown, type UnknownReason } from '../base/errors.js';

/** Most entries that travel as one proposal. */
export const MAX_BATCH = 4096;

/** What a batch of proposals is handed to. */
export type ProposalTarget = Pick<RawNode, 'proposeBatch' | 'basicStatus'>;

export interface ProposalLimits {
  /** Proposals that may wait on this member for their answers. */
  readonly maxPending: number;
  /** Bytes that they may hold. */
  readonly maxPendingBytes: number;
  /** Bytes of a batch, unless one entry alone is longer. */
  readonly maxBatchBytes: number;
}

export interface ProposalsOptions extends ProposalLimits {
  readonly target: ProposalTarget;
  readonly clock: Clock;
  /** There is something to flush. */
  readonly wake: () => void;
  /** For counting: what came of a proposal, and why. */
  readonly onSettled?: (outcome: 'applied' | 'failed' | 'dropped' | 'unknown', reason?: string) => void;
}

/** What came of an entry that was applied: a value, or what to throw. */
export type Applied = { readonly value: unknown } | { readonly error: unknown };

/** How a proposal is to be handled. */
export interface ProposalOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds from now. */
  readonly timeoutMs: number;
  /** Only if this member leads: it is not forwarded. */
  readonly leaderOnly?: boolean;
}

type State = 'queued' | 'appended' | 'forwarded' | 'settled';

interface Pending {
  readonly sequence: number;
  /** Dropped once the proposal was handed over: raft has it then. `undefined` is an empty entry. */
  data: Uint8Array | undefined;
  readonly bytes: number;
  readonly deadline: number;
  readonly leaderOnly: boolean;
  state: State;
  /** Why it has not been handed over yet. */
  waitsFor: 'no-leader' | 'transferring';
  leadershipLost: boolean;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly forget: (() => void) | undefined;
}

/** Proposals whose entries stand one after the other in this member's log. */
interface Batch {
  readonly index: number;
  readonly term: number;
  readonly pending: readonly Pending[];
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
  /** All that wait, by sequence number: the first one has the number `firstSequence`. */
  private readonly pending = new SlidingList<Pending>();
  private firstSequence = 1;
  /** Those that were not handed over yet, oldest first. */
  private queue: Pending[] = [];
  /** What stands in the log, oldest first. */
  private readonly batches = new SlidingList<Batch>();
  private count = 0;
  private bytes = 0;
  private ended: unknown = undefined;

  constructor(options: ProposalsOptions) {
    this.options = options;
  }

  /** Proposals that wait for their answers. */
  get waiting(): number {
    return this.count;
  }

  /** Bytes that they hold. */
  get waitingBytes(): number {
    return this.bytes;
  }

  /** The number that the next proposal gets. */
  get nextSequence(): number {
    return this.firstSequence + this.pending.length;
  }

  /**
   * Proposes one entry, and resolves with what applying it gave.
   * @param data whose request id has the number `nextSequence`; `undefined` for an empty entry
   */
  submit(data: Uint8Array | undefined, { signal, timeoutMs, leaderOnly = false }: ProposalOptions): Promise<unknown> {
    const { maxPending, maxPendingBytes, clock } = this.options;
    if (this.ended !== undefined) return Promise.reject(new ProposalDropped('stopped', undefined, this.ended));
    const aborted = whyAborted(signal);
    if (aborted !== undefined) return Promise.reject(new ProposalDropped('aborted', undefined, aborted.reason));
    const bytes = data?.length ?? 0;
    if (this.count >= maxPending) {
      return Promise.reject(new ProposalDropped('busy', `${this.count} commands wait on this member`));
    }
    if (this.count > 0 && this.bytes + bytes > maxPendingBytes) {
      return Promise.reject(new ProposalDropped('busy', `commands of ${this.bytes} bytes wait on this member`));
    }
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        sequence: this.nextSequence,
        data,
        bytes,
        deadline: clock.monotonic() + timeoutMs,
        leaderOnly,
        state: 'queued',
        waitsFor: 'no-leader',
        leadershipLost: false,
        resolve,
        reject,
        forget: signal === undefined ? undefined : onAbort(signal, () => this.abort(pending, signal)),
      };
      this.pending.push(pending);
      this.queue.push(pending);
      this.count++;
      this.bytes += bytes;
      this.options.wake();
    });
  }

  /** Hands over what waits, in batches, if there is a leader. */
  flush(): void {
    if (this.queue.length === 0) return;
    const { softState } = this.options.target.basicStatus();
    if (softState.lead === 0n) return;
    const leads = softState.raftState === 'StateLeader';
    const queue = this.queue;
    this.queue = [];
    let batch: Pending[] = [];
    let bytes = 0;
    for (const pending of queue) {
      if (pending.state !== 'queued') continue;
      if (pending.leaderOnly && !leads) {
        this.drop(pending, 'not-leading');
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

  private propose(batch: readonly Pending[]): void {
    let receipt: BatchReceipt;
    try {
      receipt = this.options.target.proposeBatch(batch.map(({ data }) => data));
    } catch (error) {
      this.refused(batch, error);
      return;
    }
    const { forwarded, index, term } = receipt;
    for (const pending of batch) {
      pending.state = forwarded ? 'forwarded' : 'appended';
      pending.data = undefined;
    }
    if (!forwarded) this.batches.push({ index, term, pending: batch });
  }

  private refused(batch: readonly Pending[], error: unknown): void {
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
        for (const pending of batch) this.drop(pending, 'quota', error);
        return;
      case 'removed':
        for (const pending of batch) this.drop(pending, 'removed', error);
        return;
      default:
        throw error;
    }
  }

  /** The entry at `index` was applied. @returns whose it is, if it is one of this member's */
  appliedAt(index: number, term: number): Pending | undefined {
    for (let batch = this.batches.at(0); batch !== undefined && batch.index <= index; batch = this.batches.at(0)) {
      const offset = index - batch.index;
      const last = offset === batch.pending.length - 1;
      if (offset >= batch.pending.length) {
        this.batches.dropFront(1);
        continue;
      }
      if (batch.term === term) {
        if (last) this.batches.dropFront(1);
        return batch.pending[offset];
      }
      // Another leader's entry stands here for good, so nothing of this batch from here on can be committed.
      this.batches.dropFront(1);
      for (const pending of batch.pending.slice(offset)) {
        this.drop(pending, 'replaced', undefined, `index ${index} holds an entry of term ${term}, not ${batch.term}`);
      }
    }
    return undefined;
  }

  /** The proposal of this number, if it still waits. */
  find(sequence: number): Pending | undefined {
    const pending = this.pending.at(sequence - this.firstSequence);
    return pending === undefined || pending.state === 'settled' ? undefined : pending;
  }

  /** Tells a proposal what came of it. */
  answer(pending: Pending, applied: Applied): void {
    if (!this.settle(pending)) return;
    const succeeded = 'value' in applied;
    this.options.onSettled?.(succeeded ? 'applied' : 'failed');
    if (succeeded) pending.resolve(applied.value);
    else pending.reject(applied.error);
  }

  /** A snapshot at `index` took the place of the entries up to there: what came of them cannot be seen. */
  skippedTo({ index }: Position): void {
    for (let batch = this.batches.at(0); batch !== undefined && batch.index <= index; batch = this.batches.at(0)) {
      const { pending, index: first, term } = batch;
      const skipped = index - first + 1;
      this.batches.dropFront(1);
      for (const one of pending.slice(0, skipped)) this.giveUp(one, 'snapshot-skipped');
      if (skipped >= pending.length) continue;
      // The rest may still come; it stays in front.
      const rest = [{ index: index + 1, term, pending: pending.slice(skipped) }, ...this.batches.slice()];
      this.batches.clear();
      for (const one of rest) this.batches.push(one);
    }
  }

  /** This member does not lead any more. */
  leadershipLost(): void {
    for (const { pending } of this.batches.slice()) {
      for (const one of pending) one.leadershipLost = true;
    }
  }

  /** Ends the waits whose time is over. */
  expire(): void {
    const now = this.options.clock.monotonic();
    for (let i = 0; i < this.pending.length; i++) {
      const pending = this.pending.at(i);
      if (pending === undefined || pending.state === 'settled' || pending.deadline > now) continue;
      if (pending.state === 'queued') this.drop(pending, pending.waitsFor);
      else this.giveUp(pending, pending.leadershipLost ? 'leadership-lost' : 'deadline');
    }
    this.release();
  }

  /** Ends all waits: this member stops. */
  end(cause: unknown): void {
    this.ended = cause;
    this.queue = [];
    this.batches.clear();
    for (const pending of this.pending.slice()) {
      if (pending.state === 'queued') this.drop(pending, 'stopped', cause);
      else this.giveUp(pending, 'stopped', cause);
    }
    this.release();
  }

  private abort(pending: Pending, signal: AbortSignal): void {
    if (pending.state === 'queued') this.drop(pending, 'aborted', signal.reason);
    else this.giveUp(pending, 'aborted', signal.reason);
  }

  private drop(pending: Pending, reason: DroppedReason, cause?: unknown, detail?: string): void {
    if (!this.settle(pending)) return;
    this.options.onSettled?.('dropped', reason);
    pending.reject(new ProposalDropped(reason, detail, cause));
  }

  private giveUp(pending: Pending, reason: UnknownReason, cause?: unknown): void {
    if (!this.settle(pending)) return;
    this.options.onSettled?.('unknown', reason);
    pending.reject(new ProposalUnknown(reason, undefined, cause));
  }

  private settle(pending: Pending): boolean {
    if (pending.state === 'settled') return false;
    pending.state = 'settled';
    pending.data = undefined;
    pending.forget?.();
    this.count--;
    this.bytes -= pending.bytes;
    if (pending.sequence === this.firstSequence) this.release();
    return true;
  }

  /** Drops what is settled from the front of the list. */
  private release(): void {
    let settled = 0;
    while (this.pending.at(settled)?.state === 'settled') settled++;
    if (settled === 0) return;
    this.pending.dropFront(settled);
    this.firstSequence += settled;
  }
}

export type { Pending };

/** Why raft did not take a proposal; `undefined` for an error of another kind. */
export function reasonOf(error: unknown): string | undefined {
  const { code, reason } = error as Partial<RaftError>;
  return code === ERR_PROPOSAL_DROPPED || code === ERR_CONF_CHANGE_REFUSED ? reason : undefined;
}
