import { Stream } from '../base/random.js';
import { PURPOSE } from './purpose.js';

/** How replicas of a run are built. Plain data: it is written to a file together with the schedule. */
export interface StackSettings {
  /** Number of founders, all of which vote. */
  readonly members: number;
  readonly electionTicks: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /** Clients keep their commands in sessions, and send them again; the network may repeat proposals. */
  readonly sessions: boolean;
  /** Some reads are served by lease, and clocks run almost alike. */
  readonly leases: boolean;
  /** Snapshots travel beside their message if they have more bytes than this. */
  readonly inlineBytes: number;
  readonly everyEntries: number;
  readonly keepEntries: number;
  readonly segmentSize: number;
  readonly maxPending: number;
  readonly maxInflight: number;
  readonly maxMessageBytes: number;
  readonly maxUncommittedBytes: number;
  /** Members compare what so many commands came to, where the format is that of replicas; 0: they do not. */
  readonly comparesEvery: number;
}

/** @param members number of founders; drawn if undefined */
export function drawStackSettings(seed: number, members?: number): StackSettings {
  const random = new Stream(seed, PURPOSE.stack);
  const drawn = random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5]);
  const isTight = random.chance(0.4);
  const preVote = random.chance(0.8);
  return {
    members: members ?? drawn,
    electionTicks: random.pick([5, 10, 10, 10, 20]),
    preVote,
    // With neither of the two, a member that missed changes of the membership may never come back.
    checkQuorum: !preVote || random.chance(0.8),
    sessions: random.chance(0.4),
    leases: random.chance(0.5),
    inlineBytes: random.pick([1, 100, 2 ** 20]),
    everyEntries: random.pick([1, 3, 10, 50, 200, 10_000]),
    keepEntries: random.pick([1, 1, 5, 50]),
    segmentSize: random.pick([4096, 8192, 1 << 16]),
    maxPending: isTight ? random.between(1, 20) : 16_384,
    maxInflight: isTight ? random.between(1, 4) : 256,
    maxMessageBytes: isTight ? random.pick([1, 100, 2000]) : 2 ** 20,
    maxUncommittedBytes: isTight ? random.pick([500, 20_000]) : 64 * 2 ** 20,
    comparesEvery: random.pick([0, 0, 1, 5, 50]),
  };
}
