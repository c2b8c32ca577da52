import type { NodeId } from '@raft-ts/proto';
import { type AckedIndexer, MajorityConfig, sortedIds, type VoteResult } from './majority.js';

/**
 * The two halves of a membership change in progress; both must agree (section 6 of the paper). Outside a change
 * `outgoing` is empty, which makes it neutral.
 */
export class JointConfig {
  readonly incoming: MajorityConfig;
  readonly outgoing: MajorityConfig;

  constructor(incoming: MajorityConfig = new MajorityConfig(), outgoing: MajorityConfig = new MajorityConfig()) {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }

  get isJoint(): boolean {
    return this.outgoing.size > 0;
  }

  has(id: NodeId): boolean {
    return this.incoming.has(id) || this.outgoing.has(id);
  }

  /** Voters of either half, ascending. */
  ids(): readonly NodeId[] {
    return this.isJoint ? sortedIds([...this.incoming.ids, ...this.outgoing.ids]) : this.incoming.ids;
  }

  /** What both halves have committed. */
  committedIndex(acked: AckedIndexer): number {
    const index = this.incoming.committedIndex(acked);
    return this.isJoint ? Math.min(index, this.outgoing.committedIndex(acked)) : index;
  }

  /** Won if both halves are won, lost if one is lost. */
  voteResult(votes: ReadonlyMap<NodeId, boolean>): VoteResult {
    const a = this.incoming.voteResult(votes);
    const b = this.outgoing.voteResult(votes);
    if (a === b) return a;
    return a === 'VoteLost' || b === 'VoteLost' ? 'VoteLost' : 'VotePending';
  }

  toString(): string {
    return this.isJoint ? `${this.incoming}&&${this.outgoing}` : String(this.incoming);
  }

  describe(acked: AckedIndexer): string {
    return new MajorityConfig(this.ids()).describe(acked);
  }
}
