import type { Config, Logger, NodeId, Storage } from '@raft-ts/raft';

const MiB = 1 << 20;

/** The parts of a configuration that depend on the member's flags and its log. */
export interface MemberConfig {
  readonly id: NodeId;
  readonly storage: Storage;
  readonly logger: Logger;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
}

/**
 * Returns a member's configuration for raft. Every queue is bounded in bytes, so that a member whose peers are slow, or
 * cut off, refuses proposals instead of filling its memory.
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
    // Most in flight to each follower.
    maxInflightMsgs: 256,
    maxInflightBytes: 16 * MiB,
    // How much a leader without a majority appends before it drops proposals. A single longer entry is accepted.
    maxUncommittedEntriesSize: 64 * MiB,
    // Most that is applied between two calls of advance.
    maxCommittedSizePerReady: 4 * MiB,
  };
}
