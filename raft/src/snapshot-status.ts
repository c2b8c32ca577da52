import { badArgument } from '@raft-ts/proto/internal';

/** How the transfer of a snapshot ended. */
export type SnapshotStatus = 'finish' | 'failure';

/** @throws ERR_RAFT_ARGUMENT for any other value, which would count as a snapshot that arrived */
export function checkSnapshotStatus(status: SnapshotStatus): void {
  if (status === 'finish' || status === 'failure') return;
  throw badArgument('status', { path: '', value: status, allowed: "'finish' or 'failure'" });
}
