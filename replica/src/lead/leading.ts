import { RaftError } from '@raft-ts/raft';
import { onAbort } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';
import type { Position } from '../base/contracts.js';
import { ERR_LEADERSHIP_LOST, replicaStopped } from '../base/errors.js';
import type { Lease } from './lease.js';

/** What a task is told that runs while this member leads. */
export interface LeadingRun {
  /**
   * Grows with every run, on whichever member: the index of an entry that was committed for this run. Whatever the task
   * changes outside must be given it, and must refuse one that is lower than the highest it has seen.
   */
  readonly fence: number;
  /** Aborts when this member may not go on: the lease was lost, leadership is handed over, or the member stops. */
  readonly signal: AbortSignal;
}

/** What `whileLeading` runs; its result is that of the call. */
export type LeadingTask<T> = (run: LeadingRun) => T | Promise<T>;

export interface LeadingHost {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>;
  readonly lease: Pick<Lease, 'obstacle' | 'remainingMs' | 'hold' | 'withoutPromise'>;
  /** The term of this member. */
  readonly term: () => number;
  /** Has an empty entry committed and applied here, if this member leads. */
  readonly commitEmpty: (signal: AbortSignal) => Promise<Position>;
  /** Voters may take so long to announce that they keep their votes back, before that is worth a warning. */
  readonly patienceMs: number;
  /** A failed attempt is repeated after so long. */
  readonly retryMs: number;
  readonly warn: (text: string) => void;
}

/** A task that runs now. */
interface Active {
  readonly term: number;
  readonly abort: AbortController;
}

/**
 * Runs tasks while this member has the lease of a leader.
 *
 * No two members run a task at the same time, while their event loops turn. A run begins after an entry was committed
 * for it and while the lease holds in the entry's term; it is told to end when the lease ends, 0.9 of an election
 * timeout after the round that renewed it last began, or before, whenever the lease is void. Another member's run needs
 * an election, and whoever can decide one stays out of it for a whole election timeout after that round began (see
 * `Lease`), or has a MsgTimeoutNow, which leaves only after the lease is void. What lies between, a tenth of an
 * election timeout, is how late this event loop's timer may be. A process that stands still for longer goes on with its
 * task until its first turn: nothing in the process can prevent that, and it is what `fence` is for.
 */
export class Leading {
  private readonly host: LeadingHost;
  private readonly active = new Set<Active>();
  /** Those that wait for a lease. */
  private readonly waiting = new Set<() => void>();
  private readonly endings = new Set<AbortController>();
  private onSettled: () => void = () => {};
  private cancelTimer: (() => void) | undefined;
  private ended: { readonly error: unknown } | undefined;
  private warned = false;
  /** Since when this leader has waited for voters that promise. */
  private waitingSince: number | undefined;

  constructor(host: LeadingHost) {
    this.host = host;
  }

  /** The lease may have come, or gone. */
  check(): void {
    const obstacle = this.host.lease.obstacle();
    const term = this.host.term();
    for (const run of [...this.active]) {
      if (obstacle !== undefined || run.term !== term) this.abort(run, lost(obstacle ?? 'not-leading'));
    }
    if (obstacle === undefined) for (const wake of [...this.waiting]) wake();
    if (obstacle === 'not-promised' && this.waiting.size > 0) this.warnOnce();
    else this.waitingSince = undefined;
    this.watch();
  }

  /** The lease ends at a moment at which nothing else may happen. */
  private watch(): void {
    if (this.active.size === 0) {
      this.cancelTimer?.();
      this.cancelTimer = undefined;
      return;
    }
    this.cancelTimer ??= this.host.clock.after(Math.max(1, this.host.lease.remainingMs), () => {
      this.cancelTimer = undefined;
      this.check();
    });
  }

  private warnOnce(): void {
    const { clock, lease, patienceMs, warn } = this.host;
    this.waitingSince ??= clock.monotonic();
    if (this.warned || clock.monotonic() - this.waitingSince < patienceMs) return;
    this.warned = true;
    const members = lease.withoutPromise().join(', ');
    warn(
      `whileLeading runs nothing on this leader, because another could run it too: these voters have not announced that they keep their votes back: ${members}. One that runs this package does so as soon as it is up; one of another implementation has to leave, or to become a learner`,
    );
  }

  /** Runs a task whenever this member leads, until the task ends by itself, or it is told to stop. */
  async run<T>(task: LeadingTask<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
    if (this.ended !== undefined) throw replicaStopped(this.ended.error);
    if (signal?.aborted === true) return undefined;
    const ending = new AbortController();
    const forget = signal === undefined ? undefined : onAbort(signal, () => ending.abort(signal.reason));
    const release = this.host.lease.hold();
    this.endings.add(ending);
    try {
      return await this.runUntil(task, ending.signal);
    } finally {
      this.endings.delete(ending);
      if (this.endings.size === 0) this.onSettled();
      release();
      forget?.();
    }
  }

  private async runUntil<T>(task: LeadingTask<T>, ending: AbortSignal): Promise<T | undefined> {
    while (!ending.aborted) {
      await this.lease(ending);
      const entry = ending.aborted ? undefined : await this.fence(ending);
      // The term's lease, not any: another leader may have begun a run in between.
      if (entry === undefined || this.host.lease.obstacle() !== undefined || this.host.term() !== entry.term) continue;
      const finished = await this.runOnce(task, entry, ending);
      if (finished !== undefined) return finished.value;
    }
    if (this.ended?.error !== undefined) throw replicaStopped(this.ended.error);
    return undefined;
  }

  /** Resolves once there is a lease, or it is told to end. */
  private lease(ending: AbortSignal): Promise<void> {
    if (ending.aborted || this.host.lease.obstacle() === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        forget();
        resolve();
      };
      const forget = onAbort(ending, wake);
      this.waiting.add(wake);
    });
  }

  private async fence(ending: AbortSignal): Promise<Position | undefined> {
    try {
      return await this.host.commitEmpty(ending);
    } catch {
      // It was not committed in time, or this member does not lead any more.
      await this.pause(ending);
      return undefined;
    }
  }

  private pause(ending: AbortSignal): Promise<void> {
    if (ending.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.host.clock.after(this.host.retryMs, () => {
        forget();
        resolve();
      });
      const forget = onAbort(ending, () => {
        cancel();
        resolve();
      });
    });
  }

  /** @returns what the task came to, unless it was told to end */
  private async runOnce<T>(
    task: LeadingTask<T>,
    { index, term }: Position,
    ending: AbortSignal,
  ): Promise<{ readonly value: T } | undefined> {
    const run: Active = { term, abort: new AbortController() };
    const { signal } = run.abort;
    const forget = onAbort(ending, () => this.abort(run, ending.reason));
    this.active.add(run);
    this.watch();
    try {
      const value = await task({ fence: index, signal });
      return signal.aborted ? undefined : { value };
    } catch (error) {
      if (!signal.aborted) throw error;
      return undefined;
    } finally {
      forget();
      this.active.delete(run);
      this.watch();
    }
  }

  private abort(run: Active, reason: unknown): void {
    // It is not looked at again: what the abort calls may lead back here.
    this.active.delete(run);
    run.abort.abort(reason);
  }

  /** This member stops: `error` is why, if it failed. */
  end(error: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = { error };
    for (const ending of [...this.endings]) ending.abort(replicaStopped(error));
    this.cancelTimer?.();
  }

  /** Resolves when all tasks have ended, or this time has passed. */
  settled(limitMs: number): Promise<void> {
    if (this.endings.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.host.clock.after(limitMs, resolve);
      this.onSettled = () => {
        cancel();
        resolve();
      };
    });
  }
}

function lost(why: string): RaftError {
  return new RaftError(ERR_LEADERSHIP_LOST, `this member may not go on as the leader (${why})`, { reason: why });
}
