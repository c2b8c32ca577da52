import type { RawNode } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import { isPromise } from '../drive/applied-state.js';
import type { Reads } from '../drive/reads.js';
import type { Lease } from './lease.js';

export interface LeaseReadsHost {
  readonly raft: RawNode['raft'];
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly reads: Pick<Reads, 'submit' | 'submitAt'>;
  readonly lease: Pick<Lease, 'obstacle' | 'use'>;
}

type Settled<T> = { readonly value: T } | { readonly error: unknown };

/**
 * Reads that a leader answers alone while it has a lease: all that is committed is in its log then, so what it has
 * applied up to there is up to date. The lease is asked for again after the function has run, and only if it held
 * throughout is the result given out; otherwise a quorum is asked, as for every linearizable read.
 */
export async function readByLease<T>(
  { raft, clock, reads, lease }: LeaseReadsHost,
  fn: () => T | Promise<T>,
  signal: AbortSignal | undefined,
  timeoutMs: number,
): Promise<T> {
  const deadline = clock.monotonic() + timeoutMs;
  lease.use();
  if (lease.obstacle() === undefined) {
    const settle = (): Settled<T> | Promise<Settled<T>> => settled(fn);
    const result = await reads.submitAt(settle, raft.raftLog.committed, signal, timeoutMs);
    if (lease.obstacle() === undefined) return unwrap(result);
  }
  return reads.submit(fn, signal, Math.max(1, deadline - clock.monotonic()));
}

/** What a function came to: a read is served, whatever the function does. */
function settled<T>(fn: () => T | Promise<T>): Settled<T> | Promise<Settled<T>> {
  try {
    const value = fn();
    return isPromise(value) ? settledLater(value) : { value };
  } catch (error) {
    return { error };
  }
}

async function settledLater<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}

function unwrap<T>(result: Settled<T>): T {
  if ('error' in result) throw result.error;
  return result.value;
}
