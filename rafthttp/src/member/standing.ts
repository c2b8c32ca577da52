import type { NodeId } from '@raft-ts/proto';
import { formatFounders, formatId } from '../base/headers.js';
import { STATEMENT_MS } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';

/** The other members refuse this one for good: it must stop. */
export interface Removal {
  /**
   * `removed`: the member was removed from the cluster. `incarnation`: this member began with an empty log, but another
   * log was met under its id: it could vote a second time in terms that it has forgotten. `twin`: another process with
   * this log is alive at this member's address, and this one is elsewhere: one of the two runs with a copy. `founders`:
   * the peers' cluster was founded by other members, so it is another one.
   */
  readonly reason: 'removed' | 'incarnation' | 'twin' | 'founders';
  /** The peers that say so: see `newLog`. */
  readonly by: readonly NodeId[];
  /** Of `founders`: those of the peer's cluster, if it told them. */
  readonly founders?: readonly NodeId[];
}

export interface StandingOptions {
  /** This member began with an empty log: it has promised nothing yet that its end could break. */
  readonly newLog: boolean;
  /** The other members, as the application configured them. */
  readonly peers: () => Iterable<NodeId>;
  readonly logger: TransportLogger;
  readonly onRemoved: (removal: Removal) => void;
  /** A clock that never goes back, in milliseconds. */
  readonly now: () => number;
}

/** What one peer says against this member. */
interface Statement {
  readonly reason: Removal['reason'];
  readonly atMs: number;
}

/** What each refusal means, and what to do, for a member that goes on. */
const advice: Record<Removal['reason'], string> = {
  removed:
    'a peer says that this member was removed from the cluster: if that is so, stop it; ' +
    'it stops by itself once a majority of the other members say so',
  incarnation:
    "a peer refuses this member: another log answered at this member's address before. Keep the folder, and check that " +
    'it is the one that this member ran with last, and that no other process used its address; ' +
    'if both are so, restart that peer, which then forgets what it met',
  twin:
    "a peer finds another process with this member's log at this member's address: this one runs with a copy of the " +
    'folder, or at another address than the peers know; stop the one that is not meant to run',
  founders:
    'a peer refuses this member, because its cluster was founded by other members: they are two clusters; ' +
    'check which members each was started with, and whether each has the folder that it ran with last',
};

/**
 * What the peers say of this member, and whether it has to stop. A single answer may be wrong or forged, so a member
 * whose log holds promises believes a majority of the other members only. One that began with an empty log believes the
 * first that has never let it in: nothing is lost with it, and a member that lost its log must not have time to vote.
 */
export class Standing {
  private readonly options: StandingOptions;
  private readonly statements = new Map<NodeId, Statement>();
  /** Members that have let this one in. */
  private readonly met = new Set<NodeId>();
  private readonly told = new Set<Removal['reason']>();

  constructor(options: StandingOptions) {
    this.options = options;
  }

  /**
   * A member refuses this one, in an answer that carries the cluster's id and came from the address that is configured.
   *
   * @param founders those of the peer's cluster, if they are the reason
   */
  refused(by: NodeId, reason: Removal['reason'], founders?: readonly NodeId[]): void {
    const before = this.statements.get(by)?.reason;
    this.statements.set(by, { reason, atMs: this.options.now() });
    const speakers = this.speakers(reason, by);
    if (speakers === undefined) {
      if (before === reason) return;
      const theirs = founders === undefined ? {} : { 'remote-founders': formatFounders(founders) };
      this.options.logger.warn(advice[reason], { 'remote-peer-id': formatId(by), ...theirs });
      return;
    }
    if (this.told.has(reason)) return;
    this.told.add(reason);
    this.options.onRemoved({ reason, by: speakers, ...(founders === undefined ? {} : { founders }) });
  }

  /** A member has taken a request of this one. */
  accepted(by: NodeId): void {
    this.statements.delete(by);
    this.met.add(by);
  }

  /** A member is none of the cluster any more: what it said does not count. */
  forget(id: NodeId): void {
    this.statements.delete(id);
    this.met.delete(id);
  }

  /** Is this member's word enough for one that began with an empty log? */
  private believesOne(reason: Removal['reason'], id: NodeId): boolean {
    switch (reason) {
      case 'twin':
        // A copy of a log never begins empty.
        return false;
      case 'founders':
        // Once any member has let it in, it belongs to a cluster, and whoever says otherwise is the stranger.
        return this.met.size === 0;
      default:
        // Who has let it in before had met no other log of it then.
        return !this.met.has(id);
    }
  }

  /** The members that say this, if they are enough for this member to stop. */
  private speakers(reason: Removal['reason'], latest: NodeId): readonly NodeId[] | undefined {
    if (this.options.newLog && this.believesOne(reason, latest)) return [latest];
    if (reason === 'incarnation') return undefined;
    const peers = [...this.options.peers()];
    const since = this.options.now() - STATEMENT_MS;
    const speakers = peers.filter((id) => {
      const statement = this.statements.get(id);
      return statement?.reason === reason && statement.atMs >= since;
    });
    return speakers.length > peers.length / 2 ? speakers : undefined;
  }
}
