import { NONE, type NodeId } from '@raft-ts/proto';
import { MAX_FORMER_INCARNATIONS } from '../base/limits.js';

/**
 * The first incarnation that proved itself for each member. A member whose log is gone must not come back under its id,
 * for it could vote twice in one term; whoever has met the log before it can tell. What is remembered here is lost with
 * this process, so members that restarted too cannot tell.
 *
 * Whoever calls `remember` answers for the proof: an answer from the address that is configured for the member, or a
 * certificate. What a request merely claims is never remembered, or a stranger could name a member before it does.
 */
export class Incarnations {
  /** This process's own; undefined if it sends none. */
  readonly own: string | undefined;
  private readonly seen = new Map<NodeId, string>();
  private readonly isPeer: (id: NodeId) => boolean;

  /** @param isPeer members that are never forgotten */
  constructor(own: string | undefined, isPeer: (id: NodeId) => boolean) {
    this.own = own;
    this.isPeer = isPeer;
  }

  /** What was seen of this member. */
  of(id: NodeId): string | undefined {
    return this.seen.get(id);
  }

  /**
   * Is this another log than the one that was seen under this id? If either side sends no incarnation, nobody knows.
   */
  isOther(id: NodeId, incarnation: string | undefined): boolean {
    const first = this.seen.get(id);
    return first !== undefined && incarnation !== undefined && first !== incarnation;
  }

  /** Is a request with this header meant for this process? */
  isOwn(incarnation: string | undefined): boolean {
    return incarnation === undefined || this.own === undefined || incarnation === this.own;
  }

  /**
   * Keeps it if it is the first of this id. Of members that are no peers, the earliest is forgotten when they are many.
   */
  remember(id: NodeId, incarnation: string | undefined): void {
    if (incarnation === undefined || id === NONE || this.seen.has(id)) return;
    this.seen.set(id, incarnation);
    const others = [...this.seen.keys()].filter((known) => !this.isPeer(known));
    if (others.length > MAX_FORMER_INCARNATIONS) this.seen.delete(others[0] as NodeId);
  }
}
