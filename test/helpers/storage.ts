import { type ConfState, type Entry, emptyConfState, type NodeId, RaftError, type Snapshot } from '@raft-ts/proto';
import { ERR_NO_SNAPSHOT, MemoryStorage } from '@raft-ts/raft';

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
    compactAnyway(storage, compacted.index);
  }
  storage.append(entries);
  return storage;
}

/**
 * Compacts as etcd's storage does, also what no snapshot covers, which `compact` refuses: etcd's tests compact a log
 * that has none. Other refusals are those of `compact`.
 */
export function compactAnyway(storage: MemoryStorage, index: number): void {
  try {
    storage.compact(index);
  } catch (error) {
    if (!(error instanceof RaftError) || error.code !== ERR_NO_SNAPSHOT) throw error;
    (storage as unknown as { drop(index: number): void }).drop(index);
  }
}
