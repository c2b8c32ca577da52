import type { NodeId, RawNode } from '@raft-ts/raft';
import { refuseOption } from '../base/arguments.js';
import type { OpenFeatures } from '../format/format.js';
import { OwnEntry } from './own-entry.js';

/**
 * Nothing may be applied any more by a member that does not understand the features that are open, as one may be that
 * was set back to an earlier version: nobody would notice that its state differs.
 * @param own the level that this member understands
 * @throws ERR_RAFT_REPLICA_OPTIONS
 */
export function checkFeatures(open: number, own: number): void {
  if (open <= own) return;
  refuseOption(
    'features',
    `the cluster has opened level ${open}, for good, and this member was started with ${own}: it would pass over what the others apply. Start it again with a version that understands level ${open}, and passes it`,
  );
}

export interface FeatureGateHost {
  readonly id: NodeId;
  readonly raft: RawNode['raft'];
  readonly group: { readonly members: ReadonlyMap<NodeId, string>; readonly features: number };
  /** The level that this member understands; 0: it wants none to be opened. */
  readonly level: number;
  /** The level that another member shows now. */
  readonly shownBy: (id: NodeId) => number;
  /** Proposes the entry, if this member leads. Rejects with what the format throws if it cannot write it. */
  readonly propose: (content: OpenFeatures) => Promise<unknown>;
  /** After an attempt that failed, the next one is made so much later. */
  readonly restTicks: number;
  readonly info: (text: string) => void;
}

/**
 * Opens features that older versions, and other implementations, would pass over: whoever does not know what an entry
 * means ignores it, and has another state from then on without noticing. So such entries must not be written before
 * every member of the cluster understands them, and a member that cannot be seen counts as one that does not.
 *
 * The leader proposes an entry that opens them once every member, whether it votes or not, shows the level on a
 * connection that is open now, and has answered an append in this term. The entry names those members and the term, and
 * says nothing if somebody else has become a member before it is applied, or it stands in another term: a member may be
 * replaced by another program on the same log while nobody looks. From then on the transport refuses who does not show
 * the level, so that nobody is let in later either.
 */
export class FeatureGate {
  private readonly host: FeatureGateHost;
  private readonly entry: OwnEntry;

  constructor(host: FeatureGateHost) {
    this.host = host;
    const { restTicks, info } = host;
    this.entry = new OwnEntry(restTicks, (why) =>
      info(`this member's format does not write entries of the kind features, so none can open: ${why}`),
    );
  }

  /** Members because of which the features cannot be opened, as far as this member sees. */
  missing(): readonly NodeId[] {
    const { group, level, id } = this.host;
    if (group.features >= level) return [];
    return [...group.members.keys()].filter((member) => member !== id && !this.hasShown(member));
  }

  private hasShown(member: NodeId): boolean {
    const { raft, level, shownBy } = this.host;
    if (shownBy(member) < level) return false;
    // A leader forgets, when it is elected, up to where the others have confirmed its log.
    return raft.state !== 'StateLeader' || (raft.trk.progress.get(member)?.match ?? 0) > 0;
  }

  /** Proposes the entry if that is still to be done, and nothing speaks against it now. */
  tick(): void {
    const { id, raft, group, level, propose } = this.host;
    if (!this.entry.tick() || group.features >= level) return;
    if (raft.state !== 'StateLeader' || !group.members.has(id) || this.missing().length > 0) return;
    const content = { kind: 'features', level, members: [...group.members.keys()], term: raft.term } as const;
    this.entry.propose(() => propose(content));
  }
}
