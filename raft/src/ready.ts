import { type Entry, type HardState, type Message, NONE, type Snapshot } from '@raft-ts/proto';
import type { SoftState } from './raft.js';
import type { ReadState } from './read-only.js';

/**
 * What a member wants done. The duties, in order:
 *
 * 1. Write `hardState`, `entries` and `snapshot` to stable storage, and sync it if `mustSync` is true. Entries replace
 *    stored ones of the same and higher indexes; a snapshot replaces everything.
 * 2. Send `messages`, but only after that. (A leader may send its appends while it writes.)
 * 3. Apply `snapshot`, then `committedEntries`, to the state machine; for each membership change among them call
 *    `applyConfChangeEntry`.
 * 4. Call `advance()`.
 *
 * With `asyncStorageWrites` all of this is in `messages`: deliver each to its target, including the two local storage
 * threads, in order for each target, and never call `advance`. The other fields are then informative.
 */
export interface Ready {
  /** Leader and role, if they have changed. Need not be saved. */
  readonly softState: SoftState | undefined;
  /** Term, vote and commit index, if they have changed. */
  readonly hardState: HardState | undefined;
  /** Reads that may be served once entries up to their index are applied. */
  readonly readStates: readonly ReadState[];
  /** To be written before `messages` are sent. */
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  /** To be applied: a quorum has them. */
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  /** Must the write be synced? Not if only the commit index has changed: it can be learned again. */
  readonly mustSync: boolean;
}

/** Must this be synced to disk before messages leave? Yes, if entries, term or vote are new. */
export function mustSync(hs: HardState, prev: HardState | undefined, entries: number): boolean {
  return entries !== 0 || hs.vote !== (prev?.vote ?? NONE) || hs.term !== (prev?.term ?? 0);
}

/** Is there nothing to save? */
export function isEmptyHardState(hs: HardState | undefined): boolean {
  return hs === undefined || (hs.term === 0 && hs.vote === NONE && hs.commit === 0);
}

/** Is there no snapshot, or only one of index 0? A value that is not empty is narrowed to a snapshot. */
export function isEmptySnap(snapshot: Snapshot | undefined): snapshot is undefined {
  return snapshot === undefined || snapshot.metadata.index === 0;
}
