import { assertInvariants, type Raft } from '@raft-ts/raft/internal';

const exempt = new WeakMap<Raft, string>();

/**
 * Lets this member break invariants from now on: for tests that write into its fields what no sequence of calls leads
 * to. The reason is there for the reader.
 */
export function skipInvariants(r: Raft, reason: string): void {
  exempt.set(r, reason);
}

/** Checks a member after a step, unless its test has said why not. */
export function checkMember(r: Raft): void {
  if (!exempt.has(r)) assertInvariants(r);
}
