import type { NodeId } from '@raft-ts/raft';
import { refuseOption } from '../base/arguments.js';
import type { MemberAddress, Position, ReplicaLog, StateMachine } from '../base/contracts.js';
import { checkPeers } from '../base/peers.js';
import { chunksOf } from '../format/chunks.js';
import type { Format } from '../format/format.js';
import type { SnapshotHead } from '../group/group.js';
import { keepState } from './keep.js';

/** A cluster that begins with a state, rather than with nothing. */
export interface FoundingState {
  /** The founders: the same on each of them, as is everything else here. */
  readonly peers: readonly MemberAddress[];
  /** Where the log begins: entries go on after it. Not below an index that the state knows of. */
  readonly at: Position;
  /** Holds the state. */
  readonly stateMachine: Pick<StateMachine<unknown, unknown>, 'snapshot'>;
  readonly format: Pick<Format<unknown>, 'wrap'>;
  /** What a snapshot of another cluster said beside the state, if the state is from there. */
  readonly former?: SnapshotHead;
  /** As of the replica's `snapshots`. Default 1 MiB. */
  readonly inlineBytes?: number;
}

/**
 * Founds a cluster on a state: writes it into a new log, as a snapshot. Then close the log, open it again, and start
 * the member as one that comes back.
 *
 * The cluster is another one than that from which the state may be: its members are the founders, and any id may be
 * used that is none of theirs. The state's sessions go on in it, features that are open stay so, and ids that are given
 * out stay above all that ever were. Members of the former cluster must not reach it: give the transport another
 * cluster id.
 * @throws RaftError ERR_RAFT_REPLICA_OPTIONS if the log is not new, `at` is no position, or `peers` is no list of
 * founders
 */
export async function foundFromState(log: ReplicaLog, founding: FoundingState): Promise<void> {
  const { peers, at, stateMachine, format, former, inlineBytes = 2 ** 20 } = founding;
  const { index, term } = at;
  if (!log.isNew) refuseOption('log', 'it is not new: a state would take the place of what is there');
  if (!Array.isArray(peers) || peers.length === 0)
    refuseOption('peers', 'it must be a list of one founder at least: [{ id: 1n, url: … }, …]');
  checkPeers('peers', peers);
  for (const [name, value] of Object.entries({ index, term })) {
    if (!Number.isSafeInteger(value) || value < 1) refuseOption('at', `its ${name} must be a whole number above 0`);
  }
  const head = headOf(peers, former);
  const voters = head.members.map(([id]) => id);
  // Before anything is saved: a log belongs to the cluster of its founders.
  await log.keepFounders?.(voters);
  const state = chunksOf(stateMachine.snapshot());
  const chunks = passing(format.wrap(head, state));
  const { data } = await keepState(chunks, { streams: log.snapshots, inlineBytes, index });
  const confState = { voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  await log.save({
    hardState: { term, vote: 0n, commit: index },
    snapshot: { data, metadata: { confState, index, term } },
  });
}

function headOf(peers: readonly MemberAddress[], former: SnapshotHead | undefined): SnapshotHead {
  const members = peers.map(({ id, url }): readonly [NodeId, string] => [id, url]).sort(([a], [b]) => (a < b ? -1 : 1));
  let lastId = former?.lastId ?? 0n;
  for (const id of [...peers.map((peer) => peer.id), ...(former?.removed ?? [])]) if (id > lastId) lastId = id;
  for (const [id] of former?.members ?? []) if (id > lastId) lastId = id;
  const { features = 0, sessions = [] } = former ?? {};
  return { members, removed: [], lastId, promising: [], features, sessions };
}

async function* passing(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}
