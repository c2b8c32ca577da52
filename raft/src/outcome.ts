import type { DropReason } from './errors.js';

/**
 * What became of a stepped message. Everything but a proposal is simply done. A proposal may be forwarded to the
 * leader, dropped, or, if it is a membership change that is not allowed now, replaced by an empty entry.
 */
export type StepOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'forwarded' }
  | { readonly kind: 'dropped'; readonly reason: DropReason }
  | { readonly kind: 'refused'; readonly reason: string };

// One object for each outcome that carries no data, so that stepping a message allocates none.
export const DONE: StepOutcome = { kind: 'done' };
export const FORWARDED: StepOutcome = { kind: 'forwarded' };

const drops = new Map<DropReason, StepOutcome>();

export function dropped(reason: DropReason): StepOutcome {
  let outcome = drops.get(reason);
  if (outcome === undefined) {
    outcome = { kind: 'dropped', reason };
    drops.set(reason, outcome);
  }
  return outcome;
}
