import type { NodeId, SoftState } from '@raft-ts/raft';
import type { CallOptions, MemberInfo, Position } from '../base/contracts.js';
import type { CommandFailed, ProposalDropped, ProposalUnknown } from '../base/errors.js';
import type { SessionPlace } from '../group/sessions.js';
import type { SnapshotEvent } from '../snapshots/policy.js';

/** A command was committed and applied. */
export interface Done<Result> extends Position {
  readonly result: Result;
}

/** What came of a command, for programs that switch over it rather than catch. */
export type Outcome<Result> =
  | ({ readonly outcome: 'applied' } & Done<Result>)
  | ProposalDropped
  | ProposalUnknown
  | CommandFailed;

/** Options of `propose` and `attempt`. */
export interface ProposeOptions extends CallOptions {
  /** The command's place in a session: `Session` fills it in. */
  readonly place?: SessionPlace;
}

/**
 * How fresh what a read sees must be:
 * - `linearizable`: the read sees every command that was acknowledged, anywhere, before it began. Members of a quorum
 *   are asked once for all reads of a turn, so it takes a round trip.
 * - `lease`: it sees the same, and takes no round trip on a leader that has a lease: one that a quorum has confirmed
 *   within 0.9 of an election timeout, renewed with each heartbeat while it is used. It relies on clocks, and
 *   `linearizable` does not: the monotonic clocks of the members must run at speeds that differ by less than a tenth,
 *   and while a machine stands still its monotonic clock or its wall clock must go on, which those of a paused virtual
 *   machine may not. Where there is no lease, it is served as a linearizable one: on a follower, after a freeze or a
 *   change of the membership, while a voter has not announced that it keeps its votes back. If the lease ends while the
 *   function runs, the function is run again.
 * - `stale`: it sees what this member has applied, which may be old; no message is sent.
 */
export type Consistency = 'linearizable' | 'lease' | 'stale';

/** Options of `read`. */
export interface ReadOptions extends CallOptions {
  /** Default: `linearizable`. */
  readonly consistency?: Consistency;
}

/** The process stood still, or was too busy to tick. */
export interface Stall {
  /** By how much a tick was late, in milliseconds. */
  readonly lateMs: number;
}

/** Who leads, as this member knows it. */
export interface Leadership {
  /** 0 if none is known. */
  readonly leader: NodeId;
  readonly leading: boolean;
  readonly role: SoftState['raftState'];
  readonly term: number;
}

/** Features that not every version, or implementation, understands (`ReplicaOptions.features`). */
export interface FeatureState {
  /** The level that is open, as far as this member has applied; 0 if none is. */
  readonly open: number;
  /** Members that do not show the level of this member, as far as it sees; the leader opens it once there are none. */
  readonly missing: readonly NodeId[];
}

/**
 * What a command came to on this member differs from what it came to on another one (`ReplicaOptions.compareStates`):
 * at least one of the two has another state than the cluster.
 */
export interface Divergence {
  /** The first index that is known to differ. */
  readonly index: number;
  /** The member that it was compared with; this one itself if it differs from what this member came to earlier. */
  readonly member: NodeId;
}

/** Why a replica has ended. */
export interface Ended {
  readonly reason: 'stopped' | 'removed' | 'failed';
  /** What it failed of, or by whom it was removed. */
  readonly error?: unknown;
}

/** What can be watched. */
export interface ReplicaEvents {
  readonly leadership: Leadership;
  readonly membership: readonly MemberInfo[];
  readonly snapshot: SnapshotEvent;
  readonly stall: Stall;
  /** Told once, and again if an earlier index is found to differ. */
  readonly divergence: Divergence;
  readonly ended: Ended;
}
