/** What clients can be sure of about leases and locks, by their own monotonic clock, and whether all of it can be. */

/** A lock that a client held for certain: from the answer that gave it until it may have lost it. */
export interface Hold {
  readonly lock: string;
  readonly lease: number;
  readonly fence: number;
  /** When the lock was asked for, and when the answer came. In milliseconds, as the rest. */
  readonly asked: number;
  readonly from: number;
  /** When it was given back, or the lease may have ended: its time, counted from when it was last asked to be kept. */
  readonly until: number;
}

/** Finds two holders at the same time, one fence for two leases, and fences that do not grow. */
export function judgeHolds(holds: readonly Hold[]): readonly string[] {
  const findings: string[] = [];
  const byLock = new Map<string, Hold[]>();
  for (const hold of holds) byLock.set(hold.lock, [...(byLock.get(hold.lock) ?? []), hold]);
  for (const [lock, all] of byLock) {
    const sorted = all.toSorted((a, b) => a.fence - b.fence || a.from - b.from);
    const leases = new Map<number, number>();
    let heldUntil = { fence: 0, until: Number.NEGATIVE_INFINITY };
    let answered = { fence: 0, asked: Number.NEGATIVE_INFINITY };
    for (const { lease, fence, asked, from, until } of sorted) {
      if ((leases.get(fence) ?? lease) !== lease) findings.push(`${lock}: two leases have the fence ${fence}`);
      leases.set(fence, lease);
      if (fence > heldUntil.fence && from < heldUntil.until) {
        findings.push(`${lock}: held under fences ${heldUntil.fence} and ${fence} at ${Math.round(from)} ms`);
      }
      if (until > heldUntil.until) heldUntil = { fence, until };
      // Whoever asked after a higher fence had been told must have been given one that is higher still.
      if (fence > answered.fence && from < answered.asked)
        findings.push(`${lock}: fence ${fence} was told before ${answered.fence} was asked for`);
      if (asked > answered.asked) answered = { fence, asked };
    }
  }
  return findings;
}
