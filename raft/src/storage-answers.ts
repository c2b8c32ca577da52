import type { Entry, Snapshot } from '@raft-ts/proto';
import {
  badArgument,
  confStateFault,
  entriesFault,
  type Fault,
  hardStateFault,
  isPosition,
  positionFault,
  recordFault,
  snapshotFault,
  within,
} from '@raft-ts/proto/internal';
import { RaftPanic } from './errors.js';
import type { InitialState } from './storage.js';

// The log checks what a storage answers as it reads it: a promise, a bigint or a string in it would otherwise end up in
// messages to other members.

/** @throws RaftPanic for an answer that the interface does not allow */
function refuseAnswer(call: string, fault: Fault | undefined): void {
  if (fault === undefined) return;
  throw new RaftPanic('storage-answer', badArgument(`Storage.${call}`, fault).message);
}

/** Passes on a term or an index: what the storage's `method` returned, for `index` if it takes one. */
export function checkedPosition(value: number, method: string, index?: number): number {
  if (!isPosition(value)) refuseAnswer(`${method}(${index ?? ''})`, positionFault('', value));
  return value;
}

export function checkedInitialState(state: InitialState): InitialState {
  refuseAnswer('initialState()', initialStateFault(state));
  return state;
}

export function checkedSnapshot(snapshot: Snapshot): Snapshot {
  refuseAnswer('snapshot()', snapshotFault(snapshot));
  return snapshot;
}

/** Passes on a prefix of the entries of [lo, hi), of at least one entry. */
export function checkedEntries(entries: readonly Entry[], lo: number, hi: number): readonly Entry[] {
  const fault = entriesFault(entries) ?? sequenceFault(entries, lo, hi);
  if (fault !== undefined) refuseAnswer(`entries(${lo}, ${hi})`, fault);
  return entries;
}

function initialStateFault(state: InitialState): Fault | undefined {
  const fault = recordFault(state);
  if (fault !== undefined) return fault;
  const { hardState, confState, confStateIndex } = state;
  const inIndex = confStateIndex === undefined ? undefined : positionFault('.confStateIndex', confStateIndex);
  if (inIndex !== undefined) return inIndex;
  const inHardState = hardState === undefined ? undefined : hardStateFault(hardState);
  if (inHardState !== undefined) return within('.hardState', inHardState);
  const inConfState = confStateFault(confState);
  return inConfState && within('.confState', inConfState);
}

function sequenceFault(entries: readonly Entry[], lo: number, hi: number): Fault | undefined {
  if (entries.length === 0 || entries.length > hi - lo) {
    return { path: '.length', value: entries.length, allowed: `1 to ${hi - lo}` };
  }
  for (let i = 0; i < entries.length; i++) {
    const { index } = entries[i] as Entry;
    if (index !== lo + i) return { path: `[${i}].index`, value: index, allowed: `${lo + i}` };
  }
  return undefined;
}
