import type { RaftError } from '@raft-ts/proto';
import { onAbort, whyAborted } from './abort-listeners.js';
import { tooManyWaiters } from './errors.js';

/** How many proposals may wait for a leader; more are refused with ERR_RAFT_TOO_MANY_WAITERS. */
export const MAX_WAITING_PROPOSALS = 4096;

/**
 * How many bytes the proposals that wait for a leader may hold, payloads and 160 bytes for each entry; more are refused
 * with ERR_RAFT_TOO_MANY_WAITERS.
 */
export const MAX_WAITING_BYTES: number = 64 * 2 ** 20;

/** A proposal that no leader is known for. */
export interface WaitingProposal<T> {
  /** Bytes that it holds while it waits. */
  readonly size: number;
  /** Withdraws it. */
  readonly signal: AbortSignal | undefined;
  /** Makes the proposal, and tells what came of it. */
  readonly run: (resolve: (result: T) => void, reject: (error: unknown) => void) => void;
}

/** The node that the waiting room belongs to. */
export interface WaitingRoomHost {
  /** Are proposals taken now? */
  isOpen(): boolean;
  /** So many wait now, one more than before. */
  waits(count: number): void;
  /** One gave up, or was withdrawn. */
  waitedInVain(): void;
}

interface Waiter {
  readonly attempt: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Where proposals wait while no leader is known, oldest first. Each leaves in one of three ways: it is tried once a
 * leader is known, its signal withdraws it, or the node ends.
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
   * Waits until the proposal was tried; settles as `run` says.
   * @throws ERR_RAFT_TOO_MANY_WAITERS; the signal's reason
   */
  wait<T>({ size, signal, run }: WaitingProposal<T>): Promise<T> {
    const aborted = whyAborted(signal);
    if (aborted !== undefined) return Promise.reject(aborted.reason);
    const full = this.whyFull(size);
    if (full !== undefined) return Promise.reject(full);
    return new Promise((resolve, reject) => {
      // First: it may warn, and so throw.
      this.host.waits(this.waiters.size + 1);
      const leave = (): void => {
        this.waiters.delete(waiter);
        this.bytes -= size;
        stopListening?.();
      };
      const waiter: Waiter = {
        attempt: () => {
          // It may have left since it was called up, or the leader be lost again.
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

  /** Returns a function for each proposal that waits, oldest first, which tries it unless it has left by then. */
  attempts(): (() => void)[] {
    return [...this.waiters].map(({ attempt }) => attempt);
  }

  /** Rejects everything that waits. */
  rejectAll(reason: unknown): void {
    for (const waiter of this.waiters) waiter.reject(reason);
  }

  /** Why a proposal that holds `size` bytes may not wait. */
  private whyFull(size: number): RaftError | undefined {
    if (this.waiters.size >= MAX_WAITING_PROPOSALS) {
      return tooManyWaiters(`${MAX_WAITING_PROPOSALS} proposals wait for a leader`, 'count');
    }
    if (this.bytes + size <= MAX_WAITING_BYTES) return undefined;
    const held = `${this.waiters.size} proposals that wait for a leader hold ${this.bytes} bytes`;
    return tooManyWaiters(`${held}, and ${size} more would exceed ${MAX_WAITING_BYTES}`, 'bytes');
  }
}
