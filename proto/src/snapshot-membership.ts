import { RaftError } from './errors.js';
import { type ConfState, type Entry, EntryType, type SnapshotMetadata } from './records.js';

/**
 * A snapshot was to be made without the membership that belongs to it. `reason`: `unknown` where none is given and none
 * is known; `outdated` where none is given and the previous snapshot's does not hold any more; `no-voters` for one
 * without voters. Whoever started from such a snapshot would count another majority than the others, or none.
 */
export const ERR_SNAPSHOT_MEMBERSHIP = 'ERR_RAFT_SNAPSHOT_MEMBERSHIP';

function refuse(index: number, reason: string, why: string): RaftError {
  const text = `snapshot ${index}: ${why}; pass the ConfState that applyConfChange() returned last`;
  return new RaftError(ERR_SNAPSHOT_MEMBERSHIP, text, { reason });
}

/**
 * The membership that goes into a snapshot at `index`: the given one, else the previous snapshot's, where that still
 * holds.
 *
 * @param entryAt the entry at an index above the previous snapshot's; `undefined` where it is not to be had
 * @throws RaftError `ERR_RAFT_SNAPSHOT_MEMBERSHIP`
 */
export function snapshotMembership(
  index: number,
  given: ConfState | undefined,
  previous: SnapshotMetadata,
  entryAt: (index: number) => Entry | undefined,
): ConfState {
  if (given !== undefined) {
    if (given.voters.length === 0) throw refuse(index, 'no-voters', 'its membership has no voters');
    return given;
  }
  if (previous.confState.voters.length === 0)
    throw refuse(index, 'unknown', 'no membership is given, and none is known');
  for (let at = previous.index + 1; at <= index; at++) {
    const type = entryAt(at)?.type;
    if (type !== EntryType.EntryConfChange && type !== EntryType.EntryConfChangeV2) continue;
    throw refuse(
      index,
      'outdated',
      `no membership is given, and entry ${at} changed that of snapshot ${previous.index}`,
    );
  }
  return previous.confState;
}
