import { type Entry, EntryType } from './records.js';

/** The term of the entries that found a cluster. The first leader has a later one. */
export const FOUNDING_TERM = 1;

/** Is this one of the entries with which each founder of a cluster begins its log? */
export function isFoundingEntry({ type, term }: Entry): boolean {
  return type === EntryType.EntryConfChange && term === FOUNDING_TERM;
}
