import type { NodeId } from '@raft-ts/proto';
import { type AckedIndexer, MajorityConfig, sortedIds, type VoteResult } from './majority.js';

/**
 * The two halves of a membership change in progress; both must agree (section 6 of the paper). Outside a change
 * `outgoing` is empty and has no effect.
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

  /** The voters of both halves, ascending. */
  ids(): readonly NodeId[] {
    return this.isJoint ? sortedIds([...this.incoming.ids, ...this.outgoing.ids]) : this.incoming.ids;
  }

  /**
   * Returns what both halves have committed. Examples, with how far each voter's log is known to reach:
   *
   * | old voters | new voters | old commit | new commit | both commit | |
   * | --- | --- | --- | --- | --- | --- |
   * | 1:9 2:7 3:2 | 3:2 4:5 5:4 | 7 | 4 | 4 | both halves have a majority for 4; voter 3 counts in both |
   * | 1:9 2:9 3:9 | 4:0 5:0 6:0 | 9 | 0 | 0 | new voters that have nothing yet hold up everything |
   * | 1:9 2:7 | 1:9 2:7 3:0 4:0 | 7 | 0 | 0 | two of four are not a majority |
   * | | 1:9 2:7 3:2 | ∞ | 7 | 7 | no change is in progress: the empty half holds nothing back |
   */
  committedIndex(acked: AckedIndexer): number {
    const index = this.incoming.committedIndex(acked);
    return this.isJoint ? Math.min(index, this.outgoing.committedIndex(acked)) : index;
  }

  /**
   * Won if both halves are won, lost if one is lost.
   *
   * | old voters | new voters | old | new | both | |
   * | --- | --- | --- | --- | --- | --- |
   * | 1:yes 2:yes 3:? | 3:? 4:yes 5:yes | Won | Won | Won | there is no need to wait for 3 |
   * | 1:yes 2:yes 3:? | 3:? 4:yes 5:no | Won | Pending | Pending | 3 decides for the new half |
   * | 1:no 2:no 3:yes | 3:yes 4:yes 5:? | Lost | Won | Lost | either half can refuse |
   * | 1:no 2:no 3:? | 3:? 4:? 5:? | Lost | Pending | Lost | the new half cannot change that |
   * | | 1:yes 2:? 3:? | Won | Pending | Pending | no change is in progress: the empty half counts as won |
   */
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
