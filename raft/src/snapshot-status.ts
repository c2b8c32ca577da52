import { badArgument } from '@raft-ts/proto/internal';

/** How a snapshot's journey ended. */
export type SnapshotStatus = 'finish' | 'failure';

/** @throws ERR_RAFT_ARGUMENT for anything else: it would count as a snapshot that arrived */
export function checkSnapshotStatus(status: SnapshotStatus): void {
  if (status === 'finish' || status === 'failure') return;
  throw badArgument('status', { path: '', value: status, allowed: "'finish' or 'failure'" });
}
