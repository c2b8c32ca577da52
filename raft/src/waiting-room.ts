import type { RaftError } from '@raft-ts/proto';
import { onAbort, whyAborted } from './abort-listeners.js';
import { tooManyWaiters } from './errors.js';

/** Most proposals that may wait for a leader; more are refused with ERR_RAFT_TOO_MANY_WAITERS. */
export const MAX_WAITING_PROPOSALS = 4096;

/**
 * Most bytes held by proposals that wait for a leader: payloads, and 160 bytes for each entry. More are refused with
 * ERR_RAFT_TOO_MANY_WAITERS.
 */
export const MAX_WAITING_BYTES: number = 64 * 2 ** 20;

/** A proposal without a known leader. */
export interface WaitingProposal<T> {
  /** Bytes that it holds while it waits. */
  readonly size: number;
  /** Withdraws the proposal when it aborts. */
  readonly signal: AbortSignal | undefined;
  /** Makes the proposal and settles the caller's promise. */
  readonly run: (resolve: (result: T) => void, reject: (error: unknown) => void) => void;
}

/** The node that the waiting room belongs to. */
export interface WaitingRoomHost {
  /** Are proposals accepted now? */
  isOpen(): boolean;
  /** Called with the number of waiting proposals when one is added. */
  waits(count: number): void;
  /** Called when a proposal is withdrawn or rejected. */
  waitedInVain(): void;
}

interface Waiter {
  readonly attempt: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Holds proposals while no leader is known, oldest first. Each leaves in one of three ways: it is tried once a leader
 * is known, its signal withdraws it, or the node ends.
 */
export class WaitingRoom {
  private readonly host: WaitingRoomHost;
  private readonly waiters = new Set<Waiter>();
  /** Bytes that they hold. */
  private bytes = 0;

  constructor(host: WaitingRoomHost) {
    this.host = host;
  }

  /**
   * Waits until the proposal is tried; settles as `run` says.
   * @throws ERR_RAFT_TOO_MANY_WAITERS; the signal's reason
   */
  wait<T>({ size, signal, run }: WaitingProposal<T>): Promise<T> {
    const aborted = whyAborted(signal);
    if (aborted !== undefined) return Promise.reject(aborted.reason);
    const full = this.whyFull(size);
    if (full !== undefined) return Promise.reject(full);
    return new Promise((resolve, reject) => {
      // This comes first because the logger that it warns through may throw.
      this.host.waits(this.waiters.size + 1);
      const leave = (): void => {
        this.waiters.delete(waiter);
        this.bytes -= size;
        stopListening?.();
      };
      const waiter: Waiter = {
        attempt: () => {
          // It may have left in the meantime, or the leader may have been lost again.
          if (!this.waiters.has(waiter) || !this.host.isOpen()) return;
          leave();
          run(resolve, reject);
        },
        reject: (error) => {
          leave();
          reject(error);
          this.host.waitedInVain();
        },
      };
      const stopListening = signal && onAbort(signal, () => waiter.reject(signal.reason));
      this.waiters.add(waiter);
      this.bytes += size;
    });
  }

  /** Returns, for each waiting proposal, oldest first, a function that tries it unless it has left by then. */
  attempts(): (() => void)[] {
    return [...this.waiters].map(({ attempt }) => attempt);
  }

  /** Rejects all waiting proposals. */
  rejectAll(reason: unknown): void {
    for (const waiter of this.waiters) waiter.reject(reason);
  }

  /** Returns why a proposal that holds `size` bytes may not wait; undefined if it may. */
  private whyFull(size: number): RaftError | undefined {
    if (this.waiters.size >= MAX_WAITING_PROPOSALS) {
      return tooManyWaiters(`${MAX_WAITING_PROPOSALS} proposals are waiting for a leader; try again later`, 'count');
    }
    if (this.bytes + size <= MAX_WAITING_BYTES) return undefined;
    const held = `${this.waiters.size} proposals that are waiting for a leader hold ${this.bytes} bytes`;
    return tooManyWaiters(`${held}, and ${size} more would exceed ${MAX_WAITING_BYTES}; try again later`, 'bytes');
  }
}
