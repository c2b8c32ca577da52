import { RaftError } from './errors.js';
import { type ConfState, type Entry, EntryType, type SnapshotMetadata } from './records.js';

/**
 * A snapshot cannot be made without its membership. `reason`: `unknown` if none is given and none is known; `outdated`
 * if none is given and the previous snapshot's no longer holds; `no-voters` if it has no voters. A member that started
 * from such a snapshot would count a different majority from the others, or none.
 */
export const ERR_SNAPSHOT_MEMBERSHIP = 'ERR_RAFT_SNAPSHOT_MEMBERSHIP';

function refuse(index: number, reason: string, why: string): RaftError {
  const text = `snapshot ${index}: ${why}; pass the ConfState that applyConfChange() returned last`;
  return new RaftError(ERR_SNAPSHOT_MEMBERSHIP, text, { reason });
}

/**
 * Returns the membership for a snapshot at `index`: the given one, else the previous snapshot's if that still holds.
 *
 * @param entryAt the entry at an index above the previous snapshot's; `undefined` if it cannot be read
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
