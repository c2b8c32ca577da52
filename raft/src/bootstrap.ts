import { type ConfChange, ConfChangeType, type Entry, NONE, type NodeId, RaftError } from '@raft-ts/proto';
import {
  checkId,
  checkList,
  checkOptionalBytes,
  checkRecord,
  FOUNDING_TERM,
  isFoundingEntry,
} from '@raft-ts/proto/internal';
import { marshalConfChange } from './confchange/conf-change.js';
import { ERR_BOOTSTRAP } from './errors.js';
import { applyConfChange } from './membership.js';
import type { Raft } from './raft.js';
import { isEmptyHardState } from './ready.js';
import type { Storage } from './storage.js';

/** A member of a new cluster. */
export interface Peer {
  readonly id: NodeId;
  /** For the application, for example an address: it comes back in the entry that adds the member. */
  readonly context?: Uint8Array;
}

/**
 * Tells whether a member with this storage belongs to no cluster yet, so that it may found or join one: nothing was
 * saved, or a crash cut the first save short, after entries of the founding and before the hard state. Nobody was
 * promised anything then, and nobody could continue from there: nothing is known to be committed, so there is no
 * membership. The member begins anew, and what it saves replaces those entries.
 */
export function isNewLog(storage: Pick<Storage, 'initialState' | 'firstIndex' | 'lastIndex' | 'entries'>): boolean {
  const { hardState } = storage.initialState();
  if (hardState !== undefined && !isEmptyHardState(hardState)) return false;
  const lastIndex = storage.lastIndex();
  if (lastIndex === 0) return true;
  if (storage.firstIndex() !== 1) return false;
  return storage.entries(1, lastIndex + 1, Number.POSITIVE_INFINITY).every(isFoundingEntry);
}

/**
 * Writes the first entries of a new cluster: one membership change for each member, committed at term 1. Every member
 * writes them for itself, so all must be given the same peers in the same order.
 * @throws ERR_RAFT_BOOTSTRAP if there are no peers, or the log is not new; ERR_RAFT_ARGUMENT
 */
export function bootstrap(r: Raft, peers: readonly Peer[]): void {
  checkPeers(peers);
  if (peers.length === 0) throw new RaftError(ERR_BOOTSTRAP, 'must provide at least one peer to Bootstrap');
  const { storage } = r.raftLog;
  if (storage.lastIndex() !== 0 && !isNewLog(storage))
    throw new RaftError(ERR_BOOTSTRAP, "can't bootstrap a nonempty Storage");
  r.becomeFollower(FOUNDING_TERM, NONE);
  const changes = peers.map(
    ({ id, context }): ConfChange => ({ id: 0n, type: ConfChangeType.ConfChangeAddNode, nodeId: id, context }),
  );
  const entries = changes.map((cc, i): Entry => {
    const { type, data } = marshalConfChange(cc);
    return { type, term: FOUNDING_TERM, index: i + 1, data };
  });
  r.raftLog.append(entries);
  // They are committed by decree: nobody could agree on anything before they are. The application gets them too, and
  // applies them a second time, which changes nothing.
  r.raftLog.committed = peers.length;
  for (const cc of changes) applyConfChange(r, cc);
}

/** @throws ERR_RAFT_ARGUMENT naming the first malformed peer */
export function checkPeers(peers: readonly Peer[]): void {
  checkList('peers', peers);
  for (const [i, peer] of peers.entries()) {
    const name = `peers[${i}]`;
    checkRecord(name, peer);
    checkId(`${name}.id`, peer.id);
    checkOptionalBytes(`${name}.context`, peer.context);
  }
}
