/** What the members of a cluster begin with, by its settings. */
import type { NodeId, Snapshot } from '@raft-ts/proto';
import { type Config, silentLogger } from '@raft-ts/raft';
import type { RunHash } from '../base/hash.js';
import { Stream } from '../base/random.js';
import { Disk } from '../member/disk.js';
import { Member } from '../member/member.js';
import { PURPOSE } from '../plan/purpose.js';
import type { Settings } from '../plan/settings.js';
import type { Rules } from '../rules/rules.js';

/** A member that is not started yet. Its id is one more than its slot. */
export function newMember(settings: Settings, slot: number, hash: RunHash): Member {
  const { storage } = settings;
  const isAsync = storage === 'asynchronous' || (storage === 'mixed' && slot % 2 === 0);
  const member = new Member(BigInt(slot + 1), new Disk(hash), isAsync);
  member.disk.writeMs = settings.writeMs ?? 0;
  member.disk.applyMs = settings.applyMs ?? 0;
  member.disk.answerMs = settings.answerMs ?? 0;
  return member;
}

/** With what the core of a member is built, from its disk, in the life that begins. */
export function configOf(seed: number, settings: Settings, member: Member): Config {
  const random = new Stream(seed, PURPOSE.member, member.slot, member.life);
  return {
    id: member.id,
    electionTick: settings.electionTick,
    heartbeatTick: settings.heartbeatTick,
    storage: member.disk.storage,
    maxSizePerMsg: settings.maxSizePerMsg,
    maxInflightMsgs: settings.maxInflightMsgs,
    maxInflightBytes: settings.maxInflightBytes,
    maxCommittedSizePerReady: settings.maxCommittedSizePerReady,
    maxUncommittedEntriesSize: settings.maxUncommittedEntriesSize,
    applied: member.applied,
    asyncStorageWrites: member.isAsync,
    checkQuorum: settings.checkQuorum,
    preVote: settings.preVote,
    readOnlyOption: settings.leaseReads ? 'ReadOnlyLeaseBased' : 'ReadOnlySafe',
    stepDownOnRemoval: settings.stepDownOnRemoval,
    disableProposalForwarding: settings.disableProposalForwarding,
    logger: silentLogger,
    random: (n) => random.int(n),
  };
}

/**
 * The snapshot that storage begins with where `bootstrap` does not found the cluster. Voters come first, then learners;
 * in a joint configuration the first voter is leaving.
 */
export function foundingSnapshot(
  history: Rules['history'],
  { members, joint }: Settings,
  ids: readonly NodeId[],
): Snapshot {
  const voters = ids.slice(0, members);
  const learners = ids.slice(members);
  if (joint !== true) return history.found(voters, { learners });
  const learnersNext = learners.length > 0 ? voters.slice(0, 1) : [];
  return history.found(voters.slice(1), { votersOutgoing: voters, learners, learnersNext });
}
