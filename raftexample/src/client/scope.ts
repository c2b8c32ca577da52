import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from './errors.js';
import type { CallOptions } from './options.js';
import { checkWhole } from './options.js';

/** Why a scope ended before its work. */
export type Ending = 'timeout' | 'aborted' | 'closed';

/**
 * A stretch of time in which something may be done: it ends when it is over, when the caller aborts it, or when what it
 * lies in ends. Own code, because `AbortSignal.any` with a signal that lives as long as the client keeps what it made.
 */
export class Scope implements Disposable {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout | undefined;
  private readonly leave: (() => void)[] = [];
  /** How long it may last in all, in milliseconds; `undefined` without an end. */
  readonly ms: number | undefined;
  private ending: Ending | undefined;

  /** @param ms how long it may last, in milliseconds. @param signals what ends it earlier, and how that is called */
  constructor(ms: number | undefined, ...signals: readonly (readonly [Ending, AbortSignal | undefined])[]) {
    this.ms = ms;
    this.timer = ms === undefined ? undefined : setTimeout(() => this.end('timeout', undefined), ms);
    for (const [ending, signal] of signals) this.listen(ending, signal);
  }

  /** For a call: `closing` aborts when the client is closed. */
  static ofCall({ signal, timeoutMs }: CallOptions, closing: AbortSignal, otherwiseMs: number): Scope {
    if (timeoutMs !== undefined) checkWhole('timeoutMs', timeoutMs);
    return new Scope(timeoutMs ?? otherwiseMs, ['closed', closing], ['aborted', signal]);
  }

  private listen(kind: Ending, signal: AbortSignal | undefined): void {
    if (signal === undefined || this.ending !== undefined) return;
    const hear = (): void => this.end(kind, signal.reason);
    if (signal.aborted) {
      hear();
    } else {
      // As many as there are calls under way, each for as long as it lasts: Node.js would take them for a leak.
      setMaxListeners(0, signal);
      signal.addEventListener('abort', hear, { once: true });
      this.leave.push(() => signal.removeEventListener('abort', hear));
    }
  }

  private end(ending: Ending, reason: unknown): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    this[Symbol.dispose]();
    this.controller.abort(reason);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Why it ended; `undefined` while it lasts. */
  get ended(): Ending | undefined {
    return this.ending;
  }

  /** A part of it that is over after `ms`, in milliseconds, or with the whole. */
  part(ms: number): Scope {
    return new Scope(ms, ['aborted', this.signal]);
  }

  /** Resolves after `ms`, or when it ends. */
  async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.signal }).catch(() => {});
  }

  /** What its end means for whoever waits. `last` is what the last attempt came to. */
  error(effect: StoreError['effect'], last: StoreError | undefined): StoreError {
    const before = last === undefined ? '' : `; before that: ${last.message}`;
    const details = { effect, status: last?.status, endpoint: last?.endpoint };
    switch (this.ending) {
      case 'closed':
        return new StoreError('ERR_CLIENT_CLOSED', `the client was closed${before}`, { ...details, reason: 'closed' });
      case 'aborted': {
        const { reason: cause } = this.signal;
        return new StoreError('ERR_CLIENT_ABORTED', `aborted by the caller${before}`, {
          ...details,
          reason: 'aborted',
          cause,
        });
      }
      default:
        return new StoreError('ERR_CLIENT_TIMEOUT', `the call ran out of time${before}`, {
          ...details,
          reason: 'call',
          cause: last,
        });
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    for (const one of this.leave.splice(0)) one();
  }
}
