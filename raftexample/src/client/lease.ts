import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ask } from './attempts.js';
import { badArgument, StoreError } from './errors.js';
import { askGrant, askKeep, askLock, askRevoke, type Locked } from './lease-asks.js';
import { type CallOptions, checkWhole } from './options.js';

/** So much of a lease's time is not relied on, because two clocks do not run equally fast: 1 %. */
const MARGIN = 0.01;
/**
 * Parts of a lease's time: it is kept again after a third; trying it takes a sixth at most; and what failed is tried
 * again after a twentieth. So there is time for three tries.
 */
const KEPT_AFTER = 1 / 3;
const TRY_TAKES = 1 / 6;
const TRIED_AGAIN_AFTER = 1 / 20;
/** The members answer 30 s later at the latest; the client's attempts are shorter. */
const LONGEST_WAIT_MS = 30_000;

/** What leases need of their client. */
export interface LeaseHost {
  readonly closing: AbortSignal;
  /** How long one attempt of a call may take, in milliseconds; `timeoutMs` is the call's, if it has one of its own. */
  attemptMs(timeoutMs?: number): number;
  /** @throws StoreError */
  call<T>(ask: Ask<T>, options: CallOptions): Promise<T>;
}

/** Options of `lease`. */
export interface LeaseOptions extends CallOptions {
  /** How long the lease lasts without being kept, in milliseconds, from 1,000 on. Default 10,000. */
  readonly ttlMs?: number | undefined;
}

/**
 * A lease that is kept until it is closed: its keys, `put(key, value, { lease: lease.id })`, vanish when it ends. By
 * then, and before the members end it, `lost` has aborted. Keeping it does not keep a process alive.
 */
export class Lease implements AsyncDisposable {
  /** For `WriteOptions.lease`. */
  readonly id: number;
  readonly ttlMs: number;
  private readonly host: LeaseHost;
  private readonly loss = new AbortController();
  private readonly over = new AbortController();
  private readonly keeping: Promise<void>;
  private expiry: NodeJS.Timeout | undefined;

  /** @param asked when the request that was granted was sent, by `performance.now` */
  private constructor(host: LeaseHost, { id, ttlMs }: { readonly id: number; readonly ttlMs: number }, asked: number) {
    this.host = host;
    this.id = id;
    this.ttlMs = ttlMs;
    this.prolong(asked);
    const end = (): void => this.lose('the client was closed');
    // As many as there are leases.
    setMaxListeners(0, host.closing);
    host.closing.addEventListener('abort', end, { once: true });
    this.loss.signal.addEventListener('abort', () => host.closing.removeEventListener('abort', end), { once: true });
    if (host.closing.aborted) end();
    this.keeping = this.keep();
  }

  static async grant(host: LeaseHost, { ttlMs = 10_000, ...options }: LeaseOptions): Promise<Lease> {
    checkWhole('ttlMs', ttlMs);
    if (ttlMs < 1_000) throw badArgument('ttlMs', 'a lease lasts 1,000 milliseconds at least');
    const asked = performance.now();
    return new Lease(host, await host.call(askGrant(ttlMs), options), asked);
  }

  /**
   * Aborts when the lease may have ended: whatever it stands for must not be relied on any more. It aborts when the
   * lease is closed, too.
   */
  get lost(): AbortSignal {
    return this.loss.signal;
  }

  /** Ends the lease: its keys vanish, and its locks are free. */
  async close(options: CallOptions = {}): Promise<void> {
    this.over.abort();
    this.lose('the lease was closed');
    await this.keeping;
    await this.host.call(askRevoke(this.id), options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private lose(why: string): void {
    clearTimeout(this.expiry);
    this.over.abort();
    this.loss.abort(new StoreError('ERR_CLIENT_LEASE_LOST', why, { reason: 'lost', effect: 'none' }));
  }

  /** It lasts for its whole time from here on. */
  private prolong(asked: number): void {
    clearTimeout(this.expiry);
    const left = asked + this.ttlMs * (1 - MARGIN) - performance.now();
    this.expiry = setTimeout(() => this.lose('no member has kept the lease in time'), Math.max(0, left)).unref();
  }

  private async keep(): Promise<void> {
    const { signal } = this.over;
    const timeoutMs = Math.ceil(this.ttlMs * TRY_TAKES);
    for (let pause = KEPT_AFTER; !signal.aborted; ) {
      await sleep(this.ttlMs * pause, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      const asked = performance.now();
      try {
        if (await this.host.call(askKeep(this.id), { signal, timeoutMs })) this.prolong(asked);
        else this.lose('the lease has ended');
        pause = KEPT_AFTER;
      } catch {
        // It is tried again as long as there is time.
        pause = TRIED_AGAIN_AFTER;
      }
    }
  }
}

/** Options of `lock`. */
export interface LockOptions extends LeaseOptions {
  /**
   * How long to wait for the lock, in milliseconds, if somebody else holds it; 0: not at all. Default: until `signal`
   * aborts. `timeoutMs` is for each request.
   */
  readonly waitMs?: number | undefined;
}

/**
 * A lock that is held, with a lease of its own that is kept until the lock is closed. No two hold it at the same time
 * by their leases, but a process that was frozen may go on for a moment after it has lost it: so give `fence`, which
 * only grows, to whatever the lock protects, and let that refuse one that is lower than the highest it has seen.
 */
export class Lock implements AsyncDisposable {
  readonly name: string;
  readonly fence: number;
  private readonly lease: Lease;

  private constructor(name: string, fence: number, lease: Lease) {
    this.name = name;
    this.fence = fence;
    this.lease = lease;
  }

  /** `undefined` if somebody else held it for as long as `waitMs`. */
  static async acquire(
    host: LeaseHost,
    name: string,
    { waitMs = Number.POSITIVE_INFINITY, ...options }: LockOptions,
  ): Promise<Lock | undefined> {
    // Whatever is wrong with it shows before there is a lease.
    askLock(name, 0, 0);
    const lease = await Lease.grant(host, options);
    let fence: number | undefined;
    try {
      fence = await Lock.wait(host, { name, lease, waitMs }, options);
    } finally {
      // A lease that is for nothing ends by itself, should this fail.
      if (fence === undefined) await lease.close({ timeoutMs: host.attemptMs() }).catch(() => {});
    }
    return fence === undefined ? undefined : new Lock(name, fence, lease);
  }

  private static async wait(
    host: LeaseHost,
    { name, lease, waitMs }: { readonly name: string; readonly lease: Lease; readonly waitMs: number },
    { signal, timeoutMs }: CallOptions,
  ): Promise<number | undefined> {
    const deadline = performance.now() + waitMs;
    // A member that says nothing must still be told from one that waits.
    const atMost = Math.min(LONGEST_WAIT_MS, host.attemptMs(timeoutMs) / 2);
    for (;;) {
      lease.lost.throwIfAborted();
      const left = deadline - performance.now();
      const ask = askLock(name, lease.id, Math.max(0, Math.floor(Math.min(atMost, left))));
      const found: Locked = await host.call(ask, { signal, timeoutMs });
      if ('fence' in found) return found.fence;
      if (performance.now() >= deadline) return undefined;
    }
  }

  /** Aborts when the lock may be somebody else's, or is closed: stop what it protects. */
  get lost(): AbortSignal {
    return this.lease.lost;
  }

  /** Gives the lock back. */
  close(options: CallOptions = {}): Promise<void> {
    return this.lease.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
