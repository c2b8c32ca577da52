import { NONE, type NodeId } from '@raft-ts/proto';
import { MAX_STRANGER_INCARNATIONS } from './limits.js';

/**
 * The first incarnation that was seen of each member. A member whose log is gone must not come back under its id, for
 * it could vote twice in one term; whoever has met the process before it can tell. What is remembered here is lost with
 * this process, so members that restarted too cannot tell.
 */
export class Incarnations {
  /** This process's own; undefined where it sends none. */
  readonly own: string | undefined;
  private readonly seen = new Map<NodeId, string>();
  private readonly isPeer: (id: NodeId) => boolean;
  private strangers = 0;

  /** @param isPeer members that are remembered without a limit */
  constructor(own: string | undefined, isPeer: (id: NodeId) => boolean) {
    this.own = own;
    this.isPeer = isPeer;
  }

  /** What was seen of this member. */
  of(id: NodeId): string | undefined {
    return this.seen.get(id);
  }

  /** Is this another process than the one that was seen under this id? Nobody knows where either says nothing. */
  isOther(id: NodeId, incarnation: string | undefined): boolean {
    const first = this.seen.get(id);
    return first !== undefined && incarnation !== undefined && first !== incarnation;
  }

  /** Does a request that is meant for this process reach another one? */
  isOwn(incarnation: string | undefined): boolean {
    return incarnation === undefined || this.own === undefined || incarnation === this.own;
  }

  /** Keep it, if it is the first of this id. */
  remember(id: NodeId, incarnation: string | undefined): void {
    if (incarnation === undefined || id === NONE || this.seen.has(id)) return;
    if (!this.isPeer(id)) {
      if (this.strangers >= MAX_STRANGER_INCARNATIONS) return;
      this.strangers++;
    }
    this.seen.set(id, incarnation);
  }
}
