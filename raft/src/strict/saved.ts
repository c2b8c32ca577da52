import type { Entry, HardState, Snapshot } from '@raft-ts/proto';
import { isEmptyHardState } from '../ready.js';
import { ERR_COMPACTED, isStorageError, type Storage } from '../storage.js';
import { StrictError, type StrictRule } from './rules.js';

/** What a Ready, or a message to the append thread, asks to be written. */
export interface Write {
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
}

/** What the storage has at an index: a term, nothing, or a snapshot that covers it. */
function termAt(storage: Storage, index: number): number | 'none' | 'covered' {
  if (index < storage.firstIndex() - 1) return 'covered';
  if (index > storage.lastIndex()) return 'none';
  try {
    return storage.term(index);
  } catch (error) {
    return isStorageError(error, ERR_COMPACTED) ? 'covered' : 'none';
  }
}

function checkHardState(storage: Storage, { term, vote, commit }: HardState, rule: StrictRule, when: string): void {
  const stored = storage.initialState().hardState ?? { term: 0, vote: 0n, commit: 0 };
  // A later write may have stored more.
  const isThere = stored.term > term || (stored.term === term && stored.vote === vote && stored.commit >= commit);
  if (isThere) return;
  const [want, have] = [
    `term ${term}, vote ${vote}, commit ${commit}`,
    `${stored.term}, ${stored.vote}, ${stored.commit}`,
  ];
  throw new StrictError(rule, `${when} before the hard state was saved (${want}; storage has ${have})`);
}

function checkSnapshot(storage: Storage, { metadata }: Snapshot, rule: StrictRule, when: string): void {
  if (metadata.index === 0 || storage.firstIndex() > metadata.index) return;
  throw new StrictError(rule, `${when} before the snapshot of index ${metadata.index} was saved`);
}

function checkEntries(storage: Storage, entries: readonly Entry[], rule: StrictRule, when: string): void {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return;
  const top = termAt(storage, last.index);
  if (top !== last.term && top !== 'covered') {
    const have = `storage ends with ${storage.lastIndex()}`;
    throw new StrictError(rule, `${when} before entries ${first.index} to ${last.index} were saved (${have})`);
  }
  for (const { index, term } of entries) {
    const stored = termAt(storage, index);
    if (stored === term || stored === 'covered') continue;
    throw new StrictError('no-gap', `Storage holds entry ${last.index}, but not entry ${index} of term ${term}`);
  }
  if (termAt(storage, first.index - 1) === 'none') {
    throw new StrictError('no-gap', `Storage holds entry ${first.index}, but none at ${first.index - 1}`);
  }
}

/**
 * Checks that a write is in storage.
 * @param later what was handed out after it, which may have replaced some of it
 * @throws StrictError with this rule if it is not, or with `no-gap` or `suffix-replaced`
 */
export function checkSaved(
  storage: Storage,
  { hardState, entries, snapshot }: Write,
  { rule, when, later }: { readonly rule: StrictRule; readonly when: string; readonly later: readonly Write[] },
): void {
  if (hardState !== undefined && !isEmptyHardState(hardState)) checkHardState(storage, hardState, rule, when);
  if (snapshot !== undefined) checkSnapshot(storage, snapshot, rule, when);
  let kept = entries;
  for (const write of later) {
    const from = write.entries[0]?.index;
    if (from !== undefined) kept = kept.filter(({ index }) => index < from);
  }
  checkEntries(storage, kept, rule, when);
  const last = entries.at(-1);
  if (last === undefined || later.some((write) => write.entries.length > 0) || storage.lastIndex() <= last.index)
    return;
  throw new StrictError(
    'suffix-replaced',
    `Entry ${last.index} is the last one since it was saved, but storage goes on to ${storage.lastIndex()}`,
  );
}
