import { NONE, type NodeId } from '@raft-ts/proto';
import { MAX_FORMER_INCARNATIONS } from '../base/limits.js';

/**
 * The first incarnation that was proven for each member. A member that has lost its log must not come back under its
 * id, because it could vote twice in a term; members that have met the former log can tell. This memory is lost with
 * the process, so members that have restarted too cannot tell.
 *
 * Callers of `remember` must have proof: an answer from the address configured for the member, or a certificate. What a
 * request merely claims is never remembered, or a stranger could claim an id before its member does.
 */
export class Incarnations {
  /** This process's own; undefined if it sends none. */
  readonly own: string | undefined;
  private readonly seen = new Map<NodeId, string>();
  private readonly isPeer: (id: NodeId) => boolean;

  /** @param isPeer tells which members are never forgotten */
  constructor(own: string | undefined, isPeer: (id: NodeId) => boolean) {
    this.own = own;
    this.isPeer = isPeer;
  }

  /** The incarnation that was seen under this id. */
  of(id: NodeId): string | undefined {
    return this.seen.get(id);
  }

  /** Is this a different log from the one seen under this id? Without an incarnation on either side: no. */
  isOther(id: NodeId, incarnation: string | undefined): boolean {
    const first = this.seen.get(id);
    return first !== undefined && incarnation !== undefined && first !== incarnation;
  }

  /** Is a request with this header meant for this process? */
  isOwn(incarnation: string | undefined): boolean {
    return incarnation === undefined || this.own === undefined || incarnation === this.own;
  }

  /**
   * Remembers an incarnation if it is the first of this id. If there are too many ids other than peers, the earliest is
   * forgotten.
   */
  remember(id: NodeId, incarnation: string | undefined): void {
    if (incarnation === undefined || id === NONE || this.seen.has(id)) return;
    this.seen.set(id, incarnation);
    const others = [...this.seen.keys()].filter((known) => !this.isPeer(known));
    if (others.length > MAX_FORMER_INCARNATIONS) this.seen.delete(others[0] as NodeId);
  }
}
