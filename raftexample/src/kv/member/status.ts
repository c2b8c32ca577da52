import process from 'node:process';
import type { NodeId, Progress, StateType } from '@raft-ts/raft';
import type { DurableStorage } from '@raft-ts/raftwal';
import type { Replica } from '@raft-ts/replica';
import type { KvStatus } from '../face/status.js';
import type { KvCommand, KvResult } from '../machine/kv-machine.js';
import type { Watches } from '../watch/watches.js';
import type { SnapshotAge } from './snapshot-age.js';

const states: Readonly<Record<StateType, KvStatus['state']>> = {
  StateFollower: 'follower',
  StateCandidate: 'candidate',
  StatePreCandidate: 'precandidate',
  StateLeader: 'leader',
};

/** A larger difference between two clocks is told, in milliseconds; that of the transport's warnings. */
const CLOCK_DOUBT_MS = 1000;

/** What a status tells beside what the replica and its log know. */
export interface StatusParts {
  readonly clusterId: bigint;
  readonly watches: Pick<Watches, 'room' | 'warnings'>;
  readonly snapshotAge: Pick<SnapshotAge, 'ms'>;
  /** By how many milliseconds this member's clock is ahead of another's; `undefined` if that is not known. */
  readonly clockDifferenceTo: (id: NodeId) => number | undefined;
}

/** How a member is, for GET /status. */
export function statusOf(
  replica: Replica<KvCommand, KvResult>,
  storage: DurableStorage,
  { clusterId, watches, snapshotAge, clockDifferenceTo }: StatusParts,
): KvStatus {
  const { leader, role, term } = replica.leadership;
  const { hardState, progress } = replica.status();
  const members = replica.members();
  const idsOf = (kind: 'voter' | 'learner'): bigint[] =>
    members.filter((member) => member.role === kind).map(({ id }) => id);
  return {
    id: replica.id,
    clusterId,
    leader,
    state: states[role],
    term,
    commit: hardState.commit,
    applied: replica.applied.index,
    firstIndex: storage.firstIndex(),
    lastIndex: storage.lastIndex(),
    snapshotIndex: storage.snapshot().metadata.index,
    snapshotAgeMs: snapshotAge.ms,
    voters: idsOf('voter'),
    learners: idsOf('learner'),
    members: Object.fromEntries(members.map(({ id, url }) => [id.toString(), url])),
    followers: role === 'StateLeader' ? followersOf(replica.id, progress) : undefined,
    pid: process.pid,
    disk: watches.room,
    clocks: clocksOf(
      members.map(({ id }) => id),
      clockDifferenceTo,
    ),
    warnings: watches.warnings,
  };
}

function followersOf(self: NodeId, progress: ReadonlyMap<NodeId, Progress>): NonNullable<KvStatus['followers']> {
  const others = [...progress].filter(([id]) => id !== self);
  return Object.fromEntries(others.map(([id, { match }]) => [id.toString(), match]));
}

/** The differences that are in doubt, by id. */
export function clocksOf(
  ids: readonly NodeId[],
  differenceTo: StatusParts['clockDifferenceTo'],
): Readonly<Record<string, number>> {
  const known = ids.map((id) => [id.toString(), Math.round(differenceTo(id) ?? 0)] as const);
  return Object.fromEntries(known.filter(([, ms]) => Math.abs(ms) > CLOCK_DOUBT_MS));
}

/** Where members answer clients, by id: this one, and those that have told it. */
export function clientsOf(
  replica: Replica<KvCommand, KvResult>,
  own: string | undefined,
  announcementOf: (id: NodeId) => string | undefined,
): Readonly<Record<string, string>> {
  const told = replica.members().map(({ id }) => [id, id === replica.id ? own : announcementOf(id)] as const);
  // A member of another version may announce what is no URL.
  const known = told.filter(([, url]) => url !== undefined && /^https?:\/\/[^/]+$/u.test(url) && URL.canParse(url));
  return Object.fromEntries(known.map(([id, url]) => [id.toString(), url as string]));
}
