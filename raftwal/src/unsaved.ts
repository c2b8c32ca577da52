import type { Entry, HardState, Snapshot, SnapshotMetadata } from '@raft-ts/proto';
import { ERR_SNAP_OUT_OF_DATE, entriesFault, hardStateFault, refuseFault, storageError } from '@raft-ts/proto/internal';
import { ERR_WAL_INVALID, WalError } from './base/errors.js';
import type { LogView } from './log-view.js';

/** What a Ready asks the storage to save. */
export interface Unsaved {
  readonly hardState?: HardState | undefined;
  readonly entries?: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
}

/** What was saved before. */
export interface Saved {
  readonly hardState: HardState | undefined;
  readonly view: LogView;
  readonly snapshot: SnapshotMetadata;
}

/**
 * Refuses data that would leave a log which no start accepts.
 * @throws WalError `ERR_RAFT_WAL_INVALID`; RaftError `ERR_RAFT_SNAP_OUT_OF_DATE`, `ERR_RAFT_ARGUMENT`
 */
export function refuseUnsaved({ hardState, entries = [], snapshot }: Unsaved, saved: Saved): void {
  if (hardState !== undefined) refuseFault('hardState', hardStateFault(hardState));
  refuseFault('entries', entriesFault(entries));
  const last = lastIndexAfter(entries, snapshot, saved);
  const committed = (hardState ?? saved.hardState)?.commit ?? 0;
  if (committed > last) throw invalid(`the log would end at ${last}, below its commit ${committed}`);
  if (hardState !== undefined && saved.hardState !== undefined) refuseStepBack(hardState, saved.hardState);
}

/** Returns the index at which the log would end. @throws if it would have a gap */
function lastIndexAfter(
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
  { view, snapshot: newest }: Saved,
): number {
  const first = entries[0];
  let last = view.lastIndex;
  if (snapshot !== undefined) {
    const { index } = snapshot.metadata;
    if (index <= newest.index) throw storageError(ERR_SNAP_OUT_OF_DATE);
    if (first !== undefined && first.index !== index + 1)
      throw invalid(`entry ${first.index} does not follow snapshot ${index}`);
    last = index;
  } else if (!view.joins(entries)) {
    throw invalid(`entry ${first?.index} does not follow the log, which ends at ${view.lastIndex}`);
  }
  for (let i = 1; i < entries.length; i++) {
    const [one, next] = [entries[i - 1] as Entry, entries[i] as Entry];
    if (next.index !== one.index + 1) throw invalid(`entry ${next.index} does not follow entry ${one.index}`);
  }
  return entries.at(-1)?.index ?? last;
}

function refuseStepBack(after: HardState, before: HardState): void {
  const { term, vote, commit } = after;
  const voted = term === before.term && before.vote !== 0n && vote !== before.vote;
  if (term >= before.term && !voted && commit >= before.commit) return;
  const text = (state: HardState): string => `term ${state.term}, vote ${state.vote}, commit ${state.commit}`;
  throw invalid(`a hard state never goes back: ${text(after)} after ${text(before)}`);
}

function invalid(text: string): WalError {
  return new WalError(ERR_WAL_INVALID, text);
}
