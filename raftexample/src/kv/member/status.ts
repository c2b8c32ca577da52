import process from 'node:process';
import type { StateType } from '@raft-ts/raft';
import type { DurableStorage } from '@raft-ts/raftwal';
import type { Replica } from '@raft-ts/replica';
import type { KvStatus } from '../face/status.js';
import type { KvCommand, KvResult } from '../machine/kv-machine.js';

const states: Readonly<Record<StateType, KvStatus['state']>> = {
  StateFollower: 'follower',
  StateCandidate: 'candidate',
  StatePreCandidate: 'precandidate',
  StateLeader: 'leader',
};

/** How a member is, for GET /status. */
export function statusOf(replica: Replica<KvCommand, KvResult>, storage: DurableStorage, clusterId: bigint): KvStatus {
  const { leader, role, term } = replica.leadership;
  const members = replica.members();
  const idsOf = (kind: 'voter' | 'learner'): bigint[] =>
    members.filter((member) => member.role === kind).map(({ id }) => id);
  return {
    id: replica.id,
    clusterId,
    leader,
    state: states[role],
    term,
    commit: replica.status().hardState.commit,
    applied: replica.applied.index,
    firstIndex: storage.firstIndex(),
    lastIndex: storage.lastIndex(),
    snapshotIndex: storage.snapshot().metadata.index,
    voters: idsOf('voter'),
    learners: idsOf('learner'),
    members: Object.fromEntries(members.map(({ id, url }) => [id.toString(), url])),
    pid: process.pid,
  };
}
