import type { ConfState, NodeId } from '@raft-ts/proto';
import { JointConfig } from '../quorum/joint.js';
import { describeIds, type MajorityConfig, majorityIndex, type VoteResult } from '../quorum/majority.js';
import { Inflights } from './inflights.js';
import { Progress } from './progress.js';

/** The members of the cluster. Immutable; `confchange/` computes the next configuration. */
export class TrackerConfig {
  readonly voters: JointConfig;
  /** Leave the joint configuration as soon as the change that entered it is applied. */
  readonly autoLeave: boolean;
  /** Members that receive the log and do not vote. Ascending. */
  readonly learners: readonly NodeId[];
  /** Voters of the outgoing half that become learners when the joint configuration is left. Ascending. */
  readonly learnersNext: readonly NodeId[];

  constructor(
    init: {
      voters?: JointConfig;
      autoLeave?: boolean;
      learners?: readonly NodeId[];
      learnersNext?: readonly NodeId[];
    } = {},
  ) {
    this.voters = init.voters ?? new JointConfig();
    this.autoLeave = init.autoLeave ?? false;
    this.learners = init.learners ?? [];
    this.learnersNext = init.learnersNext ?? [];
  }

  /** Returns what etcd prints: `voters=(3)&&(1) learners=(2) learners_next=(1) autoleave`. */
  toString(): string {
    let text = `voters=${this.voters}`;
    if (this.learners.length > 0) text += ` learners=${describeIds(this.learners)}`;
    if (this.learnersNext.length > 0) text += ` learners_next=${describeIds(this.learnersNext)}`;
    if (this.autoLeave) text += ' autoleave';
    return text;
  }

  /** Returns the configuration in the form in which it is saved. */
  confState(): ConfState {
    return {
      voters: this.voters.incoming.ids,
      learners: this.learners,
      votersOutgoing: this.voters.outgoing.ids,
      learnersNext: this.learnersNext,
      autoLeave: this.autoLeave,
    };
  }
}

/** The counts of an election. */
export interface Tally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

/** The members, what the leader knows about each one's log, and the votes of a candidate. */
export class ProgressTracker {
  config: TrackerConfig = new TrackerConfig();
  progress: ReadonlyMap<NodeId, Progress> = new Map();
  /** The values of `progress` in ascending order of ids: every observable loop uses this order. */
  ordered: readonly Progress[] = [];
  /** The last one that `find` returned. Not part of the state: a refused message changes nothing that can be seen. */
  #found: Progress | undefined = undefined;
  // The progress of the voters by halves, and one array for their indexes: `committed` runs for every acknowledgement.
  private incoming: readonly (Progress | undefined)[] = [];
  private outgoing: readonly (Progress | undefined)[] = [];
  private readonly matches: number[] = [];
  readonly votes: Map<NodeId, boolean> = new Map();
  readonly maxInflight: number;
  readonly maxInflightBytes: number;

  constructor(maxInflight: number, maxInflightBytes: number) {
    this.maxInflight = maxInflight;
    this.maxInflightBytes = maxInflightBytes;
  }

  /** Installs this configuration. */
  install(config: TrackerConfig, progress: ReadonlyMap<NodeId, Progress>): void {
    this.config = config;
    this.progress = progress;
    this.#found = undefined;
    this.ordered = [...progress.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    this.incoming = this.progressOf(config.voters.incoming);
    this.outgoing = this.progressOf(config.voters.outgoing);
  }

  /**
   * Returns the progress of this member. Whoever lets an answer in and whoever handles it look up the same member, and
   * to hash a bigint takes longer than to compare it.
   */
  find(id: NodeId): Progress | undefined {
    if (this.#found?.id !== id) this.#found = this.progress.get(id);
    return this.#found;
  }

  /** Forgets what is known about every log: a new term has begun. */
  resetProgress(self: NodeId, lastIndex: number): void {
    const progress = new Map<NodeId, Progress>();
    for (const { id, isLearner } of this.ordered) {
      progress.set(
        id,
        new Progress({
          id,
          match: id === self ? lastIndex : 0,
          next: lastIndex + 1,
          inflights: new Inflights(this.maxInflight, this.maxInflightBytes),
          isLearner,
          recentActive: false,
        }),
      );
    }
    this.install(this.config, progress);
  }

  /** Is there a single voter, which decides alone? */
  isSingleton(): boolean {
    return this.config.voters.incoming.size === 1 && !this.config.voters.isJoint;
  }

  /** The highest index that a quorum has. */
  committed(): number {
    return Math.min(this.matchedBy(this.incoming), this.matchedBy(this.outgoing));
  }

  /** Does a quorum have entries beyond `index`? Cheaper than `committed`, and mostly false. */
  quorumBeyond(index: number): boolean {
    return majorityBeyond(this.incoming, index) && majorityBeyond(this.outgoing, index);
  }

  private progressOf(half: MajorityConfig): (Progress | undefined)[] {
    return half.ids.map((id) => this.progress.get(id));
  }

  private matchedBy(half: readonly (Progress | undefined)[]): number {
    for (let i = 0; i < half.length; i++) this.matches[i] = half[i]?.match ?? 0;
    return majorityIndex(this.matches, half.length);
  }

  /** Has a quorum of voters been heard from since the last check? */
  quorumActive(): boolean {
    const active = new Map<NodeId, boolean>();
    for (const pr of this.ordered) {
      if (!pr.isLearner) active.set(pr.id, pr.recentActive);
    }
    return this.config.voters.voteResult(active) === 'VoteWon';
  }

  /** Voters of both halves, ascending. */
  voterNodes(): readonly NodeId[] {
    return this.config.voters.ids();
  }

  learnerNodes(): readonly NodeId[] {
    return this.config.learners;
  }

  resetVotes(): void {
    this.votes.clear();
  }

  /** Only the first vote of a member counts. */
  recordVote(id: NodeId, granted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, granted);
  }

  tallyVotes(): Tally {
    let granted = 0;
    let rejected = 0;
    for (const pr of this.ordered) {
      // A vote from a member that has since become a learner does not count.
      const vote = pr.isLearner ? undefined : this.votes.get(pr.id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    return { granted, rejected, result: this.config.voters.voteResult(this.votes) };
  }
}

function majorityBeyond(half: readonly (Progress | undefined)[], index: number): boolean {
  let missing = half.length === 0 ? 0 : Math.floor(half.length / 2) + 1;
  for (let i = 0; missing > 0 && i < half.length; i++) {
    if ((half[i]?.match ?? 0) > index) missing--;
  }
  return missing === 0;
}
