import type { Entry, Snapshot } from '@raft-ts/proto';
import { describeError, storageErrorText } from '@raft-ts/proto/internal';
import { RaftPanic } from './errors.js';
import {
  ERR_COMPACTED,
  ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  ERR_UNAVAILABLE,
  type InitialState,
  isStorageError,
  type Storage,
} from './storage.js';
import { checkedEntries, checkedInitialState, checkedPosition, checkedSnapshot } from './storage-answers.js';

// The part of the log that storage has. Its answers are checked as they are read, and what it throws is either one of
// the errors that the interface allows, which become values here, or ends the member.

/** Why a position of the log cannot be read: only a snapshot covers it, or nothing has been written there. */
export type Missing = 'compacted' | 'unavailable';

/** Returns the storage error's text for a position that cannot be read. */
export function missingText(why: Missing): string {
  return storageErrorText(why === 'compacted' ? ERR_COMPACTED : ERR_UNAVAILABLE);
}

/** What storage had when the member started. */
export function storedInitialState(storage: Storage): InitialState {
  let state: InitialState;
  try {
    state = storage.initialState();
  } catch (error) {
    throw storagePanic(error);
  }
  return checkedInitialState(state);
}

export function storedFirstIndex(storage: Storage): number {
  return storedIndex('firstIndex', () => storage.firstIndex());
}

export function storedLastIndex(storage: Storage): number {
  return storedIndex('lastIndex', () => storage.lastIndex());
}

/** Takes a function: looking the method up by its name made each commit a tenth slower. */
function storedIndex(name: string, call: () => number): number {
  let index: number;
  try {
    index = call();
  } catch (error) {
    throw storagePanic(error);
  }
  return checkedPosition(index, name);
}

export function storedTerm(storage: Storage, index: number): number | Missing {
  let term: number;
  try {
    term = storage.term(index);
  } catch (error) {
    return missing(error);
  }
  return checkedPosition(term, 'term', index);
}

/** The first entries of [lo, hi), of at most `maxSize` encoded bytes, but at least one. */
export function storedEntries(
  storage: Storage,
  lo: number,
  hi: number,
  maxSize: number,
): readonly Entry[] | 'compacted' {
  let entries: readonly Entry[];
  try {
    entries = storage.entries(lo, hi, maxSize);
  } catch (error) {
    if (missing(error) === 'compacted') return 'compacted';
    throw new RaftPanic('storage-lost-entries', `entries[${lo}:${hi}) is unavailable from storage`, error);
  }
  return checkedEntries(entries, lo, hi);
}

/** The newest snapshot; `undefined` while storage is still making it. */
export function storedSnapshot(storage: Storage): Snapshot | undefined {
  let snapshot: Snapshot;
  try {
    snapshot = storage.snapshot();
  } catch (error) {
    if (isStorageError(error, ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE)) return undefined;
    throw storagePanic(error);
  }
  return checkedSnapshot(snapshot);
}

function missing(error: unknown): Missing {
  if (isStorageError(error, ERR_COMPACTED)) return 'compacted';
  if (isStorageError(error, ERR_UNAVAILABLE)) return 'unavailable';
  throw storagePanic(error);
}

function storagePanic(error: unknown): RaftPanic {
  return new RaftPanic('storage-failed', describeError(error), error);
}
