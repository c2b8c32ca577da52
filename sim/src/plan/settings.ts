import { Stream } from '../base/random.js';
import { PURPOSE } from './purpose.js';

/** One tick of a clock that runs right, in milliseconds of virtual time. */
export const TICK_MS = 100;

/** How the members of a run are built. Plain data: it is written to a file together with the schedule. */
export interface Settings {
  /** Number of voters at the start. */
  readonly members: number;
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /**
   * Not drawn: a leader that steps down at once, with entries that nobody else has, and without a vote of its own, can
   * leave members behind that need its vote and do not get it, with no fault at all.
   */
  readonly stepDownOnRemoval: boolean;
  /**
   * Leaders answer reads by their lease, which their clocks decide. Not drawn: a frozen leader answers wrongly. Needs
   * `checkQuorum`.
   */
  readonly leaseReads: boolean;
  readonly disableProposalForwarding: boolean;
  /** Which members use asynchronous storage writes. */
  readonly storage: 'synchronous' | 'asynchronous' | 'mixed';
  /** A leader sends its appends while it writes them itself (section 10.2.1 of the dissertation). */
  readonly sendsWhileWriting: boolean;
  /** A member's writes take up to this long, in milliseconds; 0 by default. */
  readonly writeMs?: number;
  /** With asynchronous storage, applying takes up to this long, in milliseconds; 0 by default. */
  readonly applyMs?: number;
  /** With asynchronous storage, a member hears up to so many milliseconds later that either is done; 0 by default. */
  readonly answerMs?: number;
  /** A member makes a snapshot after so many entries that it has applied; never if 0, which is the default. */
  readonly snapshotEvery?: number;
  /** Of its log it then keeps the last so many entries; 0 by default. */
  readonly snapshotKeeps?: number;
  /** The state machine keeps what it has applied on disk; otherwise it begins at the snapshot after a restart. */
  readonly durableState: boolean;
  /** The founders begin with `bootstrap`; otherwise their storage names the membership. */
  readonly bootstraps: boolean;
  /** Without `bootstrap` there may be so many learners at the start, beside the voters; 0 by default. */
  readonly learners?: number;
  /**
   * Without `bootstrap` the cluster may begin in a joint configuration, which the first of its voters is leaving: to
   * become a learner if there are others, or for good.
   */
  readonly joint?: boolean;
  readonly maxSizePerMsg: number;
  readonly maxInflightMsgs: number;
  readonly maxInflightBytes: number;
  readonly maxCommittedSizePerReady: number;
  readonly maxUncommittedEntriesSize: number;
}

/** Limits of this kind are drawn hostile in a third of the runs: they are met where generous ones hardly ever are. */
function limits(random: Stream): Pick<Settings, (typeof limitNames)[number]> {
  if (!random.chance(0.35)) {
    return {
      maxSizePerMsg: 4096,
      maxInflightMsgs: 16,
      maxInflightBytes: 0,
      maxCommittedSizePerReady: 0,
      maxUncommittedEntriesSize: 0,
    };
  }
  const maxSizePerMsg = random.pick([0, 1, 64, 300, 4096]);
  return {
    maxSizePerMsg,
    maxInflightMsgs: random.pick([1, 2, 3, 256]),
    maxInflightBytes: random.pick([0, maxSizePerMsg + 1, 5000]),
    maxCommittedSizePerReady: random.pick([0, 1, 100, 1000]),
    maxUncommittedEntriesSize: random.pick([0, 50, 500, 10_000]),
  };
}

const limitNames = [
  'maxSizePerMsg',
  'maxInflightMsgs',
  'maxInflightBytes',
  'maxCommittedSizePerReady',
  'maxUncommittedEntriesSize',
] as const;

/**
 * Draws how the members of a run are built.
 * @param members number of voters at the start; drawn if undefined
 */
export function drawSettings(seed: number, members?: number): Settings {
  const random = new Stream(seed, PURPOSE.settings);
  const drawn = random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 5]);
  const electionTick = random.pick([3, 5, 10, 10, 10, 20]);
  const slowHeartbeat = random.chance(0.25);
  return {
    members: members ?? drawn,
    electionTick,
    // Three ticks can be hardly longer than two, so a timeout of three would end between two such heartbeats.
    heartbeatTick: slowHeartbeat && electionTick > 3 ? 2 : 1,
    preVote: random.chance(0.5),
    checkQuorum: random.chance(0.5),
    stepDownOnRemoval: false,
    leaseReads: false,
    disableProposalForwarding: random.chance(0.2),
    storage: random.pick(['synchronous', 'asynchronous', 'mixed']),
    sendsWhileWriting: random.chance(0.5),
    durableState: random.chance(0.3),
    bootstraps: random.chance(0.3),
    ...limits(random),
    writeMs: random.pick([0, 3, 20, 20, 100, 100, 400]),
    applyMs: random.pick([0, 0, 20, 100, 400]),
    answerMs: random.pick([0, 0, 0, 20, 300]),
    ...snapshots(random),
  };
}

/**
 * Draws with whom a cluster begins: a third have learners, and a quarter a joint configuration, for as long as nobody
 * changes that. What happens only then would be rare if each run had to get there first.
 */
export function drawFounders(seed: number, { bootstraps, members }: Settings): Pick<Settings, 'learners' | 'joint'> {
  const random = new Stream(seed, PURPOSE.founders);
  const learners = random.pick([0, 0, 0, 0, 1, 2]);
  const joint = random.chance(0.25) && members > 1;
  return bootstraps ? {} : { learners, joint };
}

/** Half of the applications make snapshots by themselves, some of them all the time, and keep little of their logs. */
function snapshots(random: Stream): Pick<Settings, 'snapshotEvery' | 'snapshotKeeps'> {
  return { snapshotEvery: random.pick([0, 0, 0, 1, 4, 20]), snapshotKeeps: random.pick([0, 0, 1, 5]) };
}
