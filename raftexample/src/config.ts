import type { Config, Logger, NodeId, Storage } from '@raft-ts/raft';

const MiB = 1 << 20;

/** What a member's flags and its log decide about its configuration. */
export interface MemberConfig {
  readonly id: NodeId;
  readonly storage: Storage;
  readonly logger: Logger;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
}

/**
 * The configuration that a member gives to raft. Every queue is bounded in bytes, so that a member whose peers are
 * slow, or cut off, refuses proposals instead of filling its memory.
 */
export function raftConfig({ id, storage, logger, preVote, checkQuorum }: MemberConfig): Config {
  return {
    id,
    electionTick: 10,
    heartbeatTick: 1,
    storage,
    logger,
    // A returning member first asks whether it could win, and the others refuse while they hear a leader.
    preVote,
    // A leader that cannot reach a majority steps down, so that its clients stop waiting.
    checkQuorum,
    // Large enough that a follower catches up at the speed of the network, small enough that heartbeats pass in
    // between.
    maxSizePerMsg: MiB,
    // To each follower, at most.
    maxInflightMsgs: 256,
    maxInflightBytes: 16 * MiB,
    // What a leader without a majority appends before it drops proposals. A longer entry passes if nothing else waits.
    maxUncommittedEntriesSize: 64 * MiB,
    // What is applied between two calls of advance.
    maxCommittedSizePerReady: 4 * MiB,
  };
}
