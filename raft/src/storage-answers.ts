import type { Entry, Snapshot } from '@raft-ts/proto';
import {
  badArgument,
  confStateFault,
  entriesFault,
  type Fault,
  hardStateFault,
  isPosition,
  snapshotFault,
} from '@raft-ts/proto/internal';
import { RaftPanic } from './errors.js';
import type { InitialState } from './storage.js';

// What a storage answers is looked at where the log reads it: a promise, a bigint or text among it would otherwise end
// up in messages to other members.

/** @throws RaftPanic for an answer that the interface does not allow */
function refuseAnswer(call: string, fault: Fault | undefined): void {
  if (fault === undefined) return;
  throw new RaftPanic('storage-answer', badArgument(`Storage.${call}`, fault).message);
}

function noPosition(value: unknown, path = ''): Fault {
  return { path, value, allowed: 'an integer from 0 to 2^53 - 1' };
}

/** Passes on a term or an index. `call` is composed only where it is needed. */
export function checkedPosition(value: number, call: () => string): number {
  if (!isPosition(value)) refuseAnswer(call(), noPosition(value));
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

/** Passes on a beginning of the entries of [lo, hi), of one entry at least. */
export function checkedEntries(entries: readonly Entry[], lo: number, hi: number): readonly Entry[] {
  const fault = entriesFault(entries) ?? sequenceFault(entries, lo, hi);
  if (fault !== undefined) refuseAnswer(`entries(${lo}, ${hi})`, fault);
  return entries;
}

function initialStateFault(state: InitialState): Fault | undefined {
  if (typeof state !== 'object' || state === null) return { path: '', value: state, allowed: 'an object' };
  const { hardState, confState, confStateIndex } = state;
  if (confStateIndex !== undefined && !isPosition(confStateIndex)) return noPosition(confStateIndex, '.confStateIndex');
  const inHardState = hardState === undefined ? undefined : hardStateFault(hardState);
  if (inHardState !== undefined) return { ...inHardState, path: `.hardState${inHardState.path}` };
  const inConfState = confStateFault(confState);
  return inConfState && { ...inConfState, path: `.confState${inConfState.path}` };
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
