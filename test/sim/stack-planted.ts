import { DurableStorage } from '@raft-ts/raftwal';
import { Replica } from '@raft-ts/replica';
import { breakable } from './breakable.js';

type Method = (...args: unknown[]) => unknown;

const saving = breakable<Method>(DurableStorage.prototype, 'save');
const closing = breakable<Method>(DurableStorage.prototype, 'close');
const reading = breakable<Method>(Replica.prototype, 'read');

/** With logs that promise what they have not written yet. */
export function withHastyLogs<T>(run: () => Promise<T>): Promise<T> {
  const hasty = (save: Method): Method =>
    function (this: unknown, ...args: unknown[]) {
      (Reflect.apply(save, this, args) as Promise<void>).catch(() => {});
      return Promise.resolve();
    };
  return saving(hasty, run);
}

/** A seed whose run of registers, with such logs, breaks a rule. */
export const HASTY_SEED = 3;

/** Milliseconds with faults, short enough that a run takes a moment. */
export const SHORT_MS = 3000;

/** A seed whose run, of this length and with such logs, breaks a rule. */
export const SHORT_HASTY_SEED = 28;

/** With replicas that answer reads from what they have. */
export function withStaleReads<T>(run: () => Promise<T>): Promise<T> {
  const stale = (read: Method): Method =>
    function (this: unknown, call: unknown, options: unknown) {
      return Reflect.apply(read, this, [call, { ...(options as object), consistency: 'stale' }]);
    };
  return reading(stale, run);
}

/** With logs that do not let go of their files. */
export function withOpenFiles<T>(run: () => Promise<T>): Promise<T> {
  return closing(() => () => Promise.resolve(), run);
}
