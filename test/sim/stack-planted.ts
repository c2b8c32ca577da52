import { DurableStorage } from '@raft-ts/raftwal';
import { Replica } from '@raft-ts/replica';

/** Puts a function in the place of a method while something runs. */
async function patched<Name extends string, T>(
  owner: Record<Name, unknown>,
  name: Name,
  change: (original: (...args: unknown[]) => unknown) => unknown,
  run: () => Promise<T>,
): Promise<T> {
  const original = owner[name] as (...args: unknown[]) => unknown;
  owner[name] = change(original);
  try {
    return await run();
  } finally {
    owner[name] = original;
  }
}

const methodsOf = (prototype: object): Record<string, unknown> => prototype as Record<string, unknown>;

/** With logs that promise what they have not written yet. */
export function withHastyLogs<T>(run: () => Promise<T>): Promise<T> {
  const hasty = (save: (...args: unknown[]) => unknown) =>
    function (this: unknown, ...args: unknown[]) {
      (Reflect.apply(save, this, args) as Promise<void>).catch(() => {});
      return Promise.resolve();
    };
  return patched(methodsOf(DurableStorage.prototype), 'save', hasty, run);
}

/** A seed whose run of registers, with such logs, breaks a rule. */
export const HASTY_SEED = 3;

/** With replicas that answer reads from what they have. */
export function withStaleReads<T>(run: () => Promise<T>): Promise<T> {
  const stale = (read: (...args: unknown[]) => unknown) =>
    function (this: unknown, call: unknown, options: object) {
      return Reflect.apply(read, this, [call, { ...options, consistency: 'stale' }]);
    };
  return patched(methodsOf(Replica.prototype), 'read', stale, run);
}

/** With logs that do not let go of their files. */
export function withOpenFiles<T>(run: () => Promise<T>): Promise<T> {
  return patched(methodsOf(DurableStorage.prototype), 'close', () => () => Promise.resolve(), run);
}
