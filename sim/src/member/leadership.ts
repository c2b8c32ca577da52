import { type Entry, NONE, type NodeId } from '@raft-ts/proto';
import type { Raft } from '@raft-ts/raft/internal';

/** What the rules remember of a member's time as leader of a term. Counted in its own ticks. */
export class Leadership {
  ticks = 0;
  /** When it last heard each member in its term, by slot. */
  readonly heard: number[] = [];
  /** Its quorum check began anew then: a transfer began, or the membership changed. */
  renewed = 0;
  transferee: NodeId = NONE;
  transferBegan = 0;
  /** Where its log ended when the rules looked at all that it believes of others. */
  seenLast = 0;
  /** So long it has been in a joint configuration that is left by itself, with nothing else to do. */
  idleInJoint = 0;
  /** The payload of its own entries, added up: of those up to `base + i` at place i. */
  readonly payloads: number[] = [0];
  /** Last index of its log before it was elected. */
  readonly base: number;
  /**
   * The payload of the earlier entries that it had not applied then, and what was being applied: a snapshot may cover
   * entries whose application still ends, and counts, later.
   */
  readonly earlier: number;

  constructor({ raftLog }: Pick<Raft, 'raftLog'>) {
    // It has appended the entry that begins its term.
    this.base = raftLog.lastIndex() - 1;
    const unapplied = raftLog.slice(raftLog.applied + 1, this.base + 1, Number.POSITIVE_INFINITY);
    this.earlier = payload(unapplied) + raftLog.applyingEntsSize;
  }
}

function payload(entries: readonly Entry[] | string): number {
  let sum = 0;
  if (typeof entries !== 'string') for (const { data } of entries) sum += data?.length ?? 0;
  return sum;
}
