import { type ConfState, type Entry, emptyConfState, type NodeId, type Snapshot } from '@raft-ts/proto';
import { MemoryStorage } from '@raft-ts/raft';

/** A membership to start from: only the fields that are not empty. */
export type Membership = Partial<ConfState>;

export function withPeers(...voters: readonly NodeId[]): Membership {
  return { voters };
}

export function withLearners(...learners: readonly NodeId[]): Membership {
  return { learners };
}

/** A snapshot without data. */
export function snapshotOf(at: number, term: number, membership: Membership): Snapshot {
  return { data: undefined, metadata: { index: at, term, confState: { ...emptyConfState(), ...membership } } };
}

/** An empty store that reports this membership although it has no snapshot. */
export function newTestMemoryStorage(...memberships: readonly Membership[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.applySnapshot(snapshotOf(0, 0, Object.assign({}, ...memberships) as Membership));
  return storage;
}

/** A store whose first element stands for the last compacted entry, as the lists of entries in the tests have it. */
export function storageFromArray([compacted, ...entries]: readonly Entry[]): MemoryStorage {
  if (compacted === undefined) throw new Error('the compacted entry is missing');
  const storage = new MemoryStorage();
  if (compacted.index > 0) {
    storage.append(Array.from({ length: compacted.index }, (_, i) => ({ ...compacted, index: i + 1 })));
    storage.compact(compacted.index);
  }
  storage.append(entries);
  return storage;
}
