import type { RawNode, ReadState } from '@raft-ts/raft';
import { onAbort, whyAborted } from '@raft-ts/raft/internal';
import type { Clock } from '../base/clock.js';
import { describe, ReadFailed, type ReadFailure } from '../base/errors.js';
import { counted } from '../base/text.js';
import { nobody, type Waiter, Waits } from './waits.js';

/**
 * How many rounds may wait for their confirmation at a time; what is asked for meanwhile shares the next one. A round
 * costs a message to each member and an answer, whoever it is for; one alone would hold up all reads if it is lost.
 */
const MAX_ROUNDS = 2;

export interface ReadsOptions {
  readonly target: Pick<RawNode, 'readIndex' | 'basicStatus'>;
  readonly clock: Clock;
  /** Tells the contexts of this member's rounds from those of every other start of any member. */
  readonly boot: number;
  /** Reads that may wait. */
  readonly maxWaiting: number;
  /** After so long without an answer a round is asked for again. */
  readonly retryMs: number;
  /** There is something to flush. */
  readonly wake: () => void;
  /** Runs this once everything up to `index` is applied, between two commands. */
  readonly whenApplied: (index: number, run: () => void) => void;
  /** A round begins. What is returned is called if a quorum confirms the leader for it. */
  readonly onRound: () => () => void;
  /**
   * For counting and explaining: so many reads were served together, and where the time of the slowest one went; or why
   * one was not.
   */
  readonly onServed?: (count: number, slowest: ReadTiming) => void;
  readonly onFailed?: (reason: ReadFailure) => void;
}

/** Where the time of a read went, in milliseconds. */
export interface ReadTiming {
  /** Until a round began: a leader was not known, or rounds were under way. */
  readonly queuedMs: number;
  /** Until a quorum had confirmed the leader. */
  readonly confirmingMs: number;
  /** Until this member had applied what was confirmed. */
  readonly applyingMs: number;
}

/** A read that waits. */
interface Waiting extends Waiter<Waiting> {
  readonly fn: () => unknown;
  readonly submitted: number;
  readonly deadline: number;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
  forget: (() => void) | undefined;
  settled: boolean;
  /** The index is known, and not applied yet. */
  confirmed: boolean;
}

/** Reads that are confirmed together: they were all asked for before the round began. */
interface Round {
  readonly reads: readonly Waiting[];
  readonly began: number;
  readonly onConfirmed: () => void;
  /** When it was last asked for, and how often. */
  askedAt: number;
  readonly contexts: number[];
}

/**
 * Linearizable reads: a quorum confirms that the leader still leads (ReadIndex, section 6.4 of the dissertation), and
 * the read runs once this member has applied everything that was committed by then.
 *
 * The reads of one turn share a round. A round may be lost like any message; it is asked for again under a fresh
 * context, because an answer to a former request must not confirm a later one.
 */
export class Reads {
  private readonly options: ReadsOptions;
  private queue: Waiting[] = [];
  /** Rounds under way, by each context that they were asked for under. */
  private readonly rounds = new Map<number, Round>();
  private readonly all = new Waits<Waiting>();
  /** When the first of those was asked for that the next flush takes: what comes in one turn comes at one time. */
  private turn: number | undefined = undefined;
  private nextContext = 1;
  private active = 0;
  private ended: unknown = undefined;

  constructor(options: ReadsOptions) {
    this.options = options;
  }

  get waiting(): number {
    return this.all.length;
  }

  /** Runs `fn` at a moment at which what it sees is linearizable. */
  submit<T>(fn: () => T | Promise<T>, signal: AbortSignal | undefined, timeoutMs: number): Promise<T> {
    const refused = this.refusal(signal);
    if (refused !== undefined) return Promise.reject(refused);
    this.turn ??= this.options.clock.monotonic();
    const waiting = this.admit(fn, this.turn, signal, timeoutMs);
    const answer = promiseOf<T>(waiting);
    this.queue.push(waiting);
    this.options.wake();
    return answer;
  }

  /**
   * Runs `fn` once everything up to `index` is applied, which is known to be all that it has to see: no round is
   * needed.
   */
  submitAt<T>(fn: () => T | Promise<T>, index: number, signal: AbortSignal | undefined, timeoutMs: number): Promise<T> {
    const refused = this.refusal(signal);
    if (refused !== undefined) return Promise.reject(refused);
    const now = this.options.clock.monotonic();
    const waiting = this.admit(fn, now, signal, timeoutMs);
    const answer = promiseOf<T>(waiting);
    this.serveAt(index, [waiting], now);
    return answer;
  }

  /** Runs `fn` between two commands, as soon as that can be: what it sees may be old. */
  submitStale<T>(fn: () => T | Promise<T>, signal: AbortSignal | undefined, timeoutMs: number): Promise<T> {
    const refused = this.refusal(signal);
    if (refused !== undefined) return Promise.reject(refused);
    const waiting = this.admit(fn, this.options.clock.monotonic(), signal, timeoutMs);
    waiting.confirmed = true;
    const answer = promiseOf<T>(waiting);
    this.options.whenApplied(0, () => {
      if (this.settle(waiting)) answerRead(waiting);
    });
    return answer;
  }

  private refusal(signal: AbortSignal | undefined): ReadFailed | undefined {
    if (this.ended !== undefined) return new ReadFailed('stopped', describe(this.ended), this.ended);
    const aborted = whyAborted(signal);
    if (aborted !== undefined) return new ReadFailed('aborted', undefined, aborted.reason);
    if (this.waiting < this.options.maxWaiting) return undefined;
    return new ReadFailed('busy', `${counted(this.waiting, 'read')} wait on this member`);
  }

  private admit(fn: () => unknown, now: number, signal: AbortSignal | undefined, timeoutMs: number): Waiting {
    const waiting: Waiting = {
      before: undefined,
      after: undefined,
      fn,
      submitted: now,
      deadline: now + timeoutMs,
      resolve: nobody,
      reject: nobody,
      forget: undefined,
      settled: false,
      confirmed: false,
    };
    if (signal !== undefined) waiting.forget = onAbort(signal, () => this.fail(waiting, 'aborted', signal.reason));
    this.all.add(waiting);
    return waiting;
  }

  /** Begins a round for what waits. */
  flush(): void {
    this.turn = undefined;
    if (this.queue.length === 0 || this.active >= MAX_ROUNDS || !this.hasLeader()) return;
    const reads = this.queue.filter(({ settled }) => !settled);
    this.queue = [];
    if (reads.length === 0) return;
    this.begin(reads);
  }

  /** Begins a round that no read waits for, to renew a lease, and leaves room for those of reads. */
  probe(): void {
    if (this.active < MAX_ROUNDS / 2 && this.hasLeader()) this.begin([]);
  }

  private begin(reads: readonly Waiting[]): void {
    const now = this.options.clock.monotonic();
    this.active++;
    this.ask({ reads, began: now, onConfirmed: this.options.onRound(), askedAt: now, contexts: [] });
  }

  private hasLeader(): boolean {
    return this.options.target.basicStatus().softState.lead !== 0n;
  }

  private ask(round: Round): void {
    const number = this.nextContext++;
    round.contexts.push(number);
    this.rounds.set(number, round);
    const context = new Uint8Array(16);
    const view = new DataView(context.buffer);
    view.setFloat64(0, this.options.boot, true);
    view.setFloat64(8, number, true);
    this.options.target.readIndex(context);
  }

  /** A quorum has confirmed this round. */
  confirmed({ index, requestCtx }: ReadState): void {
    if (requestCtx?.length !== 16) return;
    const view = new DataView(requestCtx.buffer, requestCtx.byteOffset, 16);
    const round = this.rounds.get(view.getFloat64(8, true));
    if (round === undefined || view.getFloat64(0, true) !== this.options.boot) return;
    this.close(round);
    round.onConfirmed();
    if (round.reads.length > 0) this.serveAt(index, round.reads, round.began);
    if (this.queue.length > 0) this.options.wake();
  }

  /** Serves these reads once everything up to `index` is applied; the round that confirmed them began at `began`. */
  private serveAt(index: number, reads: readonly Waiting[], began: number): void {
    const { clock, whenApplied, onServed } = this.options;
    const confirmed = clock.monotonic();
    for (const read of reads) read.confirmed = true;
    whenApplied(index, () => {
      let count = 0;
      let first: Waiting | undefined;
      for (const read of reads) {
        if (!this.settle(read)) continue;
        count++;
        first ??= read;
        answerRead(read);
      }
      if (first === undefined) return;
      onServed?.(count, {
        queuedMs: began - first.submitted,
        confirmingMs: confirmed - began,
        applyingMs: clock.monotonic() - confirmed,
      });
    });
  }

  private close(round: Round): void {
    for (const context of round.contexts) this.rounds.delete(context);
    this.active--;
  }

  /** Ends the waits whose time is over, and asks again for what seems lost. */
  expire(): void {
    const now = this.options.clock.monotonic();
    this.all.each((read) => {
      if (read.deadline > now) return;
      if (read.confirmed) this.fail(read, 'not-applied');
      else this.fail(read, this.hasLeader() ? 'unconfirmed' : 'no-leader');
    });
    for (const round of new Set(this.rounds.values())) {
      if (round.reads.every(({ settled }) => settled) && now - round.began >= this.options.retryMs) {
        this.close(round);
      } else if (now - round.askedAt >= this.options.retryMs && this.hasLeader()) {
        round.askedAt = now;
        this.ask(round);
      }
    }
    if (this.queue.length > 0) this.options.wake();
  }

  /** Ends all waits: this member stops. */
  end(cause: unknown): void {
    this.ended = cause;
    this.queue = [];
    this.rounds.clear();
    for (let read = this.all.oldest; read !== undefined; read = this.all.oldest)
      this.fail(read, 'stopped', cause, describe(cause));
  }

  private fail(read: Waiting, reason: ReadFailure, cause?: unknown, detail?: string): void {
    if (!this.settle(read)) return;
    this.options.onFailed?.(reason);
    read.reject(new ReadFailed(reason, detail, cause));
  }

  private settle(read: Waiting): boolean {
    if (read.settled) return false;
    read.settled = true;
    read.forget?.();
    this.all.remove(read);
    return true;
  }
}

/** The promise of a read. */
function promiseOf<T>(waiting: Waiting): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    waiting.resolve = resolve;
    waiting.reject = reject;
  });
}

/** Settles a read as its function does, which may throw, or return another promise. */
function answerRead({ fn, resolve, reject }: Waiting): void {
  try {
    resolve(fn() as never);
  } catch (error) {
    reject(error);
  }
}
