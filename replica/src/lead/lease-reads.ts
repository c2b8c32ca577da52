import type { RawNode } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
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
    let settled: Settled<T> | undefined;
    const run = async (): Promise<void> => {
      try {
        settled = { value: await fn() };
      } catch (error) {
        settled = { error };
      }
    };
    await reads.submitAt(run, raft.raftLog.committed, signal, timeoutMs);
    if (settled !== undefined && lease.obstacle() === undefined) return unwrap(settled);
  }
  return reads.submit(fn, signal, Math.max(1, deadline - clock.monotonic()));
}

function unwrap<T>(settled: Settled<T>): T {
  if ('error' in settled) throw settled.error;
  return settled.value;
}
