import type { RaftError } from './errors.js';

// Codes tell errors apart, not classes: in a test runner with a realm of its own, or beside a second copy of a package,
// an error is no `instanceof` of the class that is known here.

/** Returns the code of an error, ours or the system's; undefined for whatever has none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Does this error carry this code? */
export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

/** Is this a coded error of raft or a sibling package, or of another copy of one? */
export function isCoded(error: unknown): error is RaftError {
  return codeOf(error)?.startsWith('ERR_RAFT_') === true;
}
