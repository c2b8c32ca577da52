import type { AnyConfChange } from '@raft-ts/raft';
import { onAbort } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';
import { type DroppedReason, describe, ProposalDropped, ProposalUnknown, type UnknownReason } from '../base/errors.js';
import { type Waiter, Waits } from './waits.js';

/** What came of an entry that was applied: a value, or what to throw. */
export type Applied = { readonly value: unknown } | { readonly error: unknown };

type State = 'queued' | 'appended' | 'forwarded' | 'settled';

/** A proposal that waits for its answer. It is built as a literal: a class that declares as many fields is slower. */
export interface Pending extends Waiter<Pending> {
  readonly sequence: number;
  /** Dropped once the proposal was handed over: raft has it then. `undefined` is an empty entry. */
  data: Uint8Array | undefined;
  /** A membership change in place of data. */
  readonly change: AnyConfChange | undefined;
  readonly bytes: number;
  readonly deadline: number;
  readonly leaderOnly: boolean;
  state: State;
  /** Why it has not been handed over yet. */
  waitsFor: 'no-leader' | 'transferring';
  leadershipLost: boolean;
  /** The term of the leader that it was forwarded to. */
  forwardedIn: number;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  forget: (() => void) | undefined;
}

export interface WaitingProposalsHost {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** For counting: what came of a proposal, and why. */
  readonly onSettled?: ((outcome: 'applied' | 'failed' | 'dropped' | 'unknown', reason?: string) => void) | undefined;
}

/** The proposals of this member that wait for their answers, oldest first: each is settled once, and is then let go. */
export class WaitingProposals {
  private readonly host: WaitingProposalsHost;
  private readonly all = new Waits<Pending>();
  /** Those that were sent to the leader, by sequence number. */
  private readonly forwarded = new Map<number, Pending>();
  private held = 0;

  constructor(host: WaitingProposalsHost) {
    this.host = host;
  }

  /** Number of proposals that wait. */
  get count(): number {
    return this.all.length;
  }

  /** Bytes that they hold. */
  get bytes(): number {
    return this.held;
  }

  /** Begins to wait. */
  add(pending: Pending): void {
    this.all.add(pending);
    this.held += pending.bytes;
  }

  /** Settles it when the signal aborts. Apart from `add`, which would pay for the closure in each call. */
  watch(pending: Pending, signal: AbortSignal): void {
    pending.forget = onAbort(signal, () => this.abort(pending, signal));
  }

  /** Raft has appended it. */
  handedOver(pending: Pending): void {
    pending.state = 'appended';
    pending.data = undefined;
  }

  /** Raft has sent it to the leader of this term. */
  sentOn(pending: Pending, term: number): void {
    pending.state = 'forwarded';
    pending.data = undefined;
    pending.forwardedIn = term;
    this.forwarded.set(pending.sequence, pending);
  }

  /** Returns the proposal of this number, if it was forwarded and still waits. */
  find(sequence: number): Pending | undefined {
    return this.forwarded.get(sequence);
  }

  /**
   * The first entry of a new leader was applied. What was forwarded to an earlier one, and reached its log in time,
   * came before; the rest was lost with it, but for a message that is still on its way, so nothing more is known.
   */
  leaderChanged(term: number): void {
    for (const pending of this.forwarded.values()) {
      if (pending.forwardedIn < term) this.giveUp(pending, 'leadership-lost');
    }
  }

  /** Tells a proposal what came of it. */
  answer(pending: Pending, applied: Applied): void {
    if ('value' in applied) {
      this.resolve(pending, applied.value);
      return;
    }
    if (!this.settle(pending)) return;
    this.host.onSettled?.('failed');
    pending.reject(applied.error);
  }

  /** Tells a proposal what it came to. */
  resolve(pending: Pending, value: unknown): void {
    if (!this.settle(pending)) return;
    this.host.onSettled?.('applied');
    pending.resolve(value);
  }

  /** Ends the waits whose time is over. */
  expire(): void {
    const now = this.host.clock.monotonic();
    this.all.each((pending) => {
      if (pending.deadline > now) return;
      if (pending.state === 'queued') this.drop(pending, pending.waitsFor);
      else this.giveUp(pending, pending.leadershipLost ? 'leadership-lost' : 'deadline');
    });
  }

  /** Ends all waits: this member stops. */
  end(cause: unknown): void {
    for (let pending = this.all.oldest; pending !== undefined; pending = this.all.oldest) {
      if (pending.state === 'queued') this.drop(pending, 'stopped', cause, describe(cause));
      else this.giveUp(pending, 'stopped', cause, describe(cause));
    }
  }

  private abort(pending: Pending, signal: AbortSignal): void {
    if (pending.state === 'queued') this.drop(pending, 'aborted', signal.reason);
    else this.giveUp(pending, 'aborted', signal.reason);
  }

  /** It is certainly not in the log. */
  drop(pending: Pending, reason: DroppedReason, cause?: unknown, detail?: string): void {
    if (!this.settle(pending)) return;
    this.host.onSettled?.('dropped', reason);
    pending.reject(new ProposalDropped(reason, detail, cause));
  }

  /** It may be in the log, and nobody will say what came of it. */
  giveUp(pending: Pending, reason: UnknownReason, cause?: unknown, detail?: string): void {
    if (!this.settle(pending)) return;
    this.host.onSettled?.('unknown', reason);
    pending.reject(new ProposalUnknown(reason, detail, cause));
  }

  /** It waits no more. @returns false if it did not before */
  settle(pending: Pending): boolean {
    if (pending.state === 'settled') return false;
    if (pending.state === 'forwarded') this.forwarded.delete(pending.sequence);
    pending.state = 'settled';
    pending.data = undefined;
    pending.forget?.();
    this.all.remove(pending);
    this.held -= pending.bytes;
    return true;
  }
}
