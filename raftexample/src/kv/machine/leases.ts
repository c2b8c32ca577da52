import type { Position } from '@raft-ts/replica';
import type { LeaseCommand, LeasePut } from './lease-commands.js';
import { type Holder, Locks } from './locks.js';
import { ReplicatedClock } from './replicated-clock.js';

/** How many there may be, on every member alike: these limits are part of what entries mean. */
export const MAX_LEASES = 10_000;
export const MAX_LEASE_KEYS = 1000;
export const MAX_LOCKS = 10_000;
/** Of all leases together. */
const MAX_KEYS = 100_000;
/** One entry deletes about so many keys at most: leases that are due beyond that end with the next one. */
const MAX_ENDED_KEYS = 10_000;

/** The shortest and the longest time of a lease, in milliseconds. */
export const SHORTEST_MS = 1000;
export const LONGEST_MS = 86_400_000;

/** The clock is read ten times in the time of the shortest lease, within these bounds. */
const READINGS = 10;
const MIN_READING_MS = 100;
const MAX_READING_MS = 10_000;

/** Readings of the clock after which a lease's time begins: see `Leases`. */
const READINGS_BEFORE = 2;

/** Why a command came to nothing. */
export type LeaseRefusal = 'no-lease' | 'too-many' | 'too-many-keys' | 'held';

/** What became of a command; the keys that it took with it are to be deleted. */
export interface LeaseResult {
  readonly done: boolean;
  readonly why?: LeaseRefusal;
  /** Of a lease that was granted, or kept. */
  readonly ttl?: number;
  /** Of a lock: who holds it. */
  readonly holder?: Holder;
  readonly ended?: readonly string[];
}

/** A lease, for whoever asks. */
export interface LeaseView {
  readonly id: number;
  readonly ttlMs: number;
  /** At least so long it lasts from the last reading of the clock on, unless it is kept. */
  readonly remainingMs: number;
  readonly keys: readonly string[];
  readonly locks: readonly string[];
}

interface Lease {
  readonly ttl: number;
  /** So many readings are still to come before its time begins. */
  readings: number;
  /** By the replicated clock, once its time has begun. */
  endsAt: number;
  readonly keys: Set<string>;
  readonly locks: Set<string>;
}

/** A lease as snapshots hold it: its locks follow from those. */
export type LeaseRecord = readonly [ttl: number, readings: number, endsAt: number, keys: readonly string[]];

/**
 * Leases, the keys that vanish with them, and the locks that they hold. Their time is that of the replicated clock, so
 * every member ends a lease at the same index.
 *
 * **A lease never ends early**: not before its time has passed by the clock of its holder, counted from the moment at
 * which the holder sent what granted or kept it. Its time begins with the second reading after that entry. The leader
 * takes a reading only after it has the one before in its log; so the second was taken when the entry was in the log
 * too, and from there to the reading that ends the lease the replicated clock counts no more than what really passed.
 * (The first one may have been taken before the holder sent anything, and have been written late.) This needs clocks
 * that run equally fast, and no clock that shows the right time.
 */
export class Leases {
  readonly clock: ReplicatedClock = new ReplicatedClock();
  readonly locks: Locks = new Locks();
  /**
   * Hears after how many milliseconds the leader's clock should be read for a lease that is new; no part of the state.
   */
  onGrant: (readingMs: number) => void = () => {};
  private readonly leases = new Map<number, Lease>();
  /** Keys that will vanish, and the lease of each. */
  private readonly leaseOf = new Map<string, number>();

  get size(): number {
    return this.leases.size;
  }

  get(id: number): LeaseView | undefined {
    const lease = this.leases.get(id);
    if (lease === undefined) return undefined;
    const { ttl, readings, endsAt, keys, locks } = lease;
    const remainingMs = readings > 0 ? ttl : Math.max(0, endsAt - this.clock.now);
    return { id, ttlMs: ttl, remainingMs, keys: [...keys], locks: [...locks] };
  }

  /** After so many milliseconds the leader should read its clock again. */
  get readingMs(): number {
    let shortest = LONGEST_MS;
    for (const { ttl } of this.leases.values()) shortest = Math.min(shortest, ttl);
    return readingMsOf(shortest);
  }

  /** Carries out a command other than a put. */
  apply(command: Exclude<LeaseCommand, LeasePut>, { index, term }: Position): LeaseResult {
    switch (command.op) {
      case 'clock':
        return this.clock.read(command, term) ? { done: true, ended: this.endDue() } : { done: false };
      case 'lease':
        return this.grant(index, command.ttl);
      case 'keep':
        return this.keep(command.lease);
      case 'revoke':
        return this.leases.has(command.lease)
          ? { done: true, ended: this.end(command.lease) }
          : { done: false, why: 'no-lease' };
      case 'lock':
        return this.lock(command.name, { lease: command.lease, fence: index });
      case 'unlock':
        return this.unlock(command.name, command.fence);
    }
  }

  private grant(id: number, ttl: number): LeaseResult {
    if (ttl < SHORTEST_MS || ttl > LONGEST_MS) return { done: false };
    if (this.leases.size >= MAX_LEASES) return { done: false, why: 'too-many' };
    this.leases.set(id, { ttl, readings: READINGS_BEFORE, endsAt: 0, keys: new Set(), locks: new Set() });
    this.onGrant(readingMsOf(ttl));
    return { done: true, ttl };
  }

  private keep(id: number): LeaseResult {
    const lease = this.leases.get(id);
    if (lease === undefined) return { done: false, why: 'no-lease' };
    lease.readings = READINGS_BEFORE;
    return { done: true, ttl: lease.ttl };
  }

  private lock(name: string, asked: Holder): LeaseResult {
    const lease = this.leases.get(asked.lease);
    if (lease === undefined) return { done: false, why: 'no-lease' };
    const holder = this.locks.get(name);
    // Asked twice: the first answer may have been lost.
    if (holder !== undefined)
      return holder.lease === asked.lease ? { done: true, holder } : { done: false, why: 'held', holder };
    if (this.locks.size >= MAX_LOCKS) return { done: false, why: 'too-many' };
    this.locks.take(name, asked);
    lease.locks.add(name);
    return { done: true, holder: asked };
  }

  private unlock(name: string, fence: number): LeaseResult {
    const holder = this.locks.get(name);
    if (holder?.fence !== fence) return holder === undefined ? { done: false } : { done: false, holder };
    this.leases.get(holder.lease)?.locks.delete(name);
    this.locks.release(name);
    return { done: true };
  }

  /** May a key be attached to this lease? */
  refusalOf(id: number, key: string): LeaseRefusal | undefined {
    const lease = this.leases.get(id);
    if (lease === undefined) return 'no-lease';
    if (lease.keys.has(key)) return undefined;
    return lease.keys.size >= MAX_LEASE_KEYS || this.leaseOf.size >= MAX_KEYS ? 'too-many-keys' : undefined;
  }

  /** The key vanishes with this lease, which takes it. */
  attach(id: number, key: string): void {
    this.leases.get(id)?.keys.add(key);
    this.leaseOf.set(key, id);
  }

  /** The key was written or deleted, and stays until it is again. */
  detach(key: string): void {
    if (this.leaseOf.size === 0) return;
    const id = this.leaseOf.get(key);
    if (id === undefined) return;
    this.leaseOf.delete(key);
    this.leases.get(id)?.keys.delete(key);
  }

  /** A reading has counted: time begins for some leases, and is over for others. @returns their keys */
  private endDue(): readonly string[] {
    const { now } = this.clock;
    const due: [id: number, endsAt: number][] = [];
    for (const [id, lease] of this.leases) {
      if (lease.readings === 0) {
        if (lease.endsAt <= now) due.push([id, lease.endsAt]);
      } else if (--lease.readings === 0) lease.endsAt = now + lease.ttl;
    }
    const keys: string[] = [];
    for (const [id] of due.sort(([a, x], [b, y]) => x - y || a - b)) {
      if (keys.length >= MAX_ENDED_KEYS) break;
      keys.push(...this.end(id));
    }
    return keys;
  }

  private end(id: number): readonly string[] {
    const lease = this.leases.get(id) as Lease;
    this.leases.delete(id);
    for (const key of lease.keys) this.leaseOf.delete(key);
    for (const name of lease.locks) this.locks.release(name);
    return [...lease.keys];
  }

  records(): Iterable<[id: number, LeaseRecord]> {
    return [...this.leases].map(([id, { ttl, readings, endsAt, keys }]) => [id, [ttl, readings, endsAt, [...keys]]]);
  }

  /** Everything goes, before a snapshot is taken over. */
  clear(): void {
    this.leases.clear();
    this.leaseOf.clear();
    this.locks.clear();
    this.clock.restore({ now: 0, ms: 0, term: 0 });
  }

  restoreLease(id: number, [ttl, readings, endsAt, keys]: LeaseRecord): void {
    this.leases.set(id, { ttl, readings, endsAt, keys: new Set(keys), locks: new Set() });
    for (const key of keys) this.leaseOf.set(key, id);
    this.onGrant(readingMsOf(ttl));
  }

  /** Ties locks that were restored to their leases, once both are there. */
  link(): void {
    for (const [name, { lease }] of [...this.locks.entries()]) {
      const holder = this.leases.get(lease);
      if (holder === undefined) this.locks.release(name);
      else holder.locks.add(name);
    }
  }
}

function readingMsOf(ttl: number): number {
  return Math.min(MAX_READING_MS, Math.max(MIN_READING_MS, Math.floor(ttl / READINGS)));
}
