import { RaftError } from './errors.js';

/** The position has been compacted: only a snapshot covers it. */
export const ERR_COMPACTED = 'ERR_RAFT_COMPACTED';
/** The position has not been written yet. */
export const ERR_UNAVAILABLE = 'ERR_RAFT_UNAVAILABLE';
/** The snapshot is older than the one that storage has. */
export const ERR_SNAP_OUT_OF_DATE = 'ERR_RAFT_SNAP_OUT_OF_DATE';
/** The snapshot is being made. */
export const ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE = 'ERR_RAFT_SNAPSHOT_TEMPORARILY_UNAVAILABLE';

export type StorageErrorCode =
  | typeof ERR_COMPACTED
  | typeof ERR_UNAVAILABLE
  | typeof ERR_SNAP_OUT_OF_DATE
  | typeof ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE;

const texts: Record<StorageErrorCode, string> = {
  [ERR_COMPACTED]: 'requested index is unavailable due to compaction',
  [ERR_UNAVAILABLE]: 'requested entry at index is unavailable',
  [ERR_SNAP_OUT_OF_DATE]: 'requested index is older than the existing snapshot',
  [ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE]: 'snapshot is temporarily unavailable',
};

/** Returns etcd's text for a storage error. */
export function storageErrorText(code: StorageErrorCode): string {
  return texts[code];
}

/** Returns the error that a `Storage` throws with this code, with etcd's text. */
export function storageError(code: StorageErrorCode): RaftError {
  return new RaftError(code, storageErrorText(code));
}
