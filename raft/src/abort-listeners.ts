import { badArgument } from '@raft-ts/proto/internal';

/** The calls that wait for each signal. A signal that none waits for has no entry, and no listener of ours. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `abort` once when the signal aborts, unless the returned function was called before. However many calls share a
 * signal (that of a request, or of the whole process), it has one listener: Node.js warns of a leak from the eleventh
 * on, and searches a list for each listener that is removed.
 */
export function onAbort(signal: AbortSignal, abort: () => void): () => void {
  let calls = waiting.get(signal);
  if (calls === undefined) {
    calls = new Set();
    waiting.set(signal, calls);
    signal.addEventListener('abort', aborted);
  }
  const mine = calls;
  mine.add(abort);
  return () => {
    if (mine.delete(abort) && mine.size === 0 && waiting.get(signal) === mine) forget(signal);
  };
}

/** Returns why a call with this signal must not begin: it has aborted, or is not a signal. */
export function whyAborted(signal: AbortSignal | undefined): { readonly reason: unknown } | undefined {
  if (signal === undefined) return undefined;
  if (typeof signal !== 'object' || signal === null || typeof signal.addEventListener !== 'function') {
    return { reason: badArgument('signal', { path: '', value: signal, allowed: 'an AbortSignal or undefined' }) };
  }
  return signal.aborted ? signal : undefined;
}

function aborted(this: AbortSignal): void {
  const calls = waiting.get(this);
  forget(this);
  // A call may end the wait of others, which are then no longer called.
  for (const abort of calls ?? []) {
    calls?.delete(abort);
    abort();
  }
}

function forget(signal: AbortSignal): void {
  waiting.delete(signal);
  signal.removeEventListener('abort', aborted);
}
