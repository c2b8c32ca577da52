import type { NodeId } from '@raft-ts/proto';
import { formatFounders, formatId } from '../base/headers.js';
import { STATEMENT_MS } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';

/** Why the other members refuse this one for good, so that it must stop. */
export interface Removal {
  /**
   * `removed`: the member was removed from the cluster. `incarnation`: this member began with an empty log, but a
   * different log was met under its id: it could vote again in terms that it has forgotten. `twin`: another process
   * with this log is alive at this member's address, and this one is elsewhere: one of the two runs with a copy.
   * `founders`: the peers' cluster was founded by other members, so it is a different cluster.
   */
  readonly reason: 'removed' | 'incarnation' | 'twin' | 'founders';
  /** The peers that say so; `newLog` tells how many it takes. */
  readonly by: readonly NodeId[];
  /** For `founders`: those of the peer's cluster, if it named them. */
  readonly founders?: readonly NodeId[];
}

export interface StandingOptions {
  /** This member began with an empty log: it has made no promise that ending it could break. */
  readonly newLog: boolean;
  /** The other members, as the application configured them. */
  readonly peers: () => Iterable<NodeId>;
  readonly logger: TransportLogger;
  readonly onRemoved: (removal: Removal) => void;
  /**
   * Tells the receiver that a peer belongs to a cluster with other founders. @returns false if it does not want to know
   */
  readonly reportFounders: (id: NodeId, founders: readonly NodeId[]) => boolean;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
}

/** A peer's latest refusal of this member. */
interface Statement {
  readonly reason: Removal['reason'];
  readonly atMs: number;
}

/** What each refusal means and what to do, logged by a member that goes on. */
const advice: Record<Removal['reason'], string> = {
  removed:
    'a peer says that this member was removed from the cluster: if that is so, stop it; ' +
    'it stops by itself once a majority of the other members say so',
  incarnation:
    "a peer refuses this member: a different log answered at this member's address before. Keep the folder, and check that " +
    'it is the one that this member last ran with, and that no other process used its address; ' +
    'if both hold, restart that peer, which then forgets the other log',
  twin:
    "a peer finds another process with this member's log at this member's address: this one runs with a copy of the " +
    'folder, or at an address that the peers do not know; stop the one that is not meant to run',
  founders:
    'a peer refuses this member, because its cluster was founded by other members: these are two clusters; ' +
    'check which members each was started with, and whether each has the folder that it last ran with',
};

/**
 * What the peers say about this member, and whether it has to stop. A single answer may be wrong or forged, so a member
 * whose log holds promises believes only a majority of the other members. One that began with an empty log believes the
 * first peer that has never let it in: nothing is lost if it stops, and a member that has lost its log must not have
 * time to vote. Twins and other founders always take a majority.
 */
export class Standing {
  private readonly options: StandingOptions;
  private readonly statements = new Map<NodeId, Statement>();
  /** Members that have accepted a request of this one. */
  private readonly met = new Set<NodeId>();
  private readonly told = new Set<Removal['reason']>();

  constructor(options: StandingOptions) {
    this.options = options;
  }

  /**
   * A member refuses this one, in an answer with the cluster's id from the configured address.
   *
   * @param founders those of the peer's cluster, for the reason `founders`
   */
  refused(by: NodeId, reason: Removal['reason'], founders?: readonly NodeId[]): void {
    if (reason === 'founders' && founders !== undefined && this.options.reportFounders(by, founders)) return;
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

  /** A member has accepted a request of this one. */
  accepted(by: NodeId): void {
    this.statements.delete(by);
    this.met.add(by);
  }

  /** A member has left the cluster: what it said no longer counts. */
  forget(id: NodeId): void {
    this.statements.delete(id);
    this.met.delete(id);
  }

  /** Is one member's word enough for this one, which began with an empty log? */
  private believesOne(reason: Removal['reason'], id: NodeId): boolean {
    switch (reason) {
      case 'twin':
        // A copy of a log never begins empty.
        return false;
      case 'founders':
        // Of two that were given different lists either may be wrong, and the first to answer may be the only one.
        return false;
      default:
        // A member that has let it in before had not met a different log of it.
        return !this.met.has(id);
    }
  }

  /** Returns the members that say this, if they are enough for this member to stop. */
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
