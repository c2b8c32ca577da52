/** Which membership changes etcd carries out: a voter beside it must decide the same, or its configuration diverges. */
import { type ConfChange, ConfChangeType, type ConfState, NONE, type NodeId } from '@raft-ts/proto';

interface Known {
  /** Not known if the member comes from a snapshot's ConfState. */
  readonly urls: readonly string[];
  readonly isLearner: boolean;
}

/** The member that the context of a change describes. */
interface Described {
  readonly urls: readonly string[];
  readonly isPromotion: boolean;
}

function describe(context: Uint8Array | undefined): Described {
  const text = new TextDecoder().decode(context);
  if (text === '') return { urls: [], isPromotion: false };
  // The id, a number of 64 bits, is the change's own.
  const { peerURLs, isPromote } = JSON.parse(text) as { peerURLs?: string[]; isPromote?: boolean };
  return { urls: peerURLs ?? [], isPromotion: isPromote ?? false };
}

export class EtcdMembership {
  private readonly members = new Map<NodeId, Known>();
  private readonly removed = new Set<NodeId>();
  /** How many learners etcd allows: its default. */
  private static readonly maxLearners = 1;

  isRemoved(id: NodeId): boolean {
    return this.removed.has(id);
  }

  urlsOf(id: NodeId): readonly string[] {
    return this.members.get(id)?.urls ?? [];
  }

  /** Replaces what is known by what a snapshot says, which has no addresses. */
  restore({ voters, learners }: ConfState): void {
    const before = new Map(this.members);
    this.members.clear();
    for (const id of voters) this.members.set(id, { urls: before.get(id)?.urls ?? [], isLearner: false });
    for (const id of learners) this.members.set(id, { urls: before.get(id)?.urls ?? [], isLearner: true });
  }

  /** Remembers what this change does, and returns it as raft is to apply it: one that etcd refuses names nobody. */
  decide(change: ConfChange): ConfChange {
    const described = describe(change.context);
    if (!this.allows(change, described)) return { ...change, nodeId: NONE };
    const { nodeId, type } = change;
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
      case ConfChangeType.ConfChangeAddLearnerNode: {
        // A promotion tells no new address.
        const urls = described.isPromotion ? this.urlsOf(nodeId) : described.urls;
        this.members.set(nodeId, { urls, isLearner: type === ConfChangeType.ConfChangeAddLearnerNode });
        break;
      }
      case ConfChangeType.ConfChangeUpdateNode:
        this.members.set(nodeId, { ...(this.members.get(nodeId) as Known), urls: described.urls });
        break;
      case ConfChangeType.ConfChangeRemoveNode:
        this.members.delete(nodeId);
        this.removed.add(nodeId);
        break;
      default:
    }
    return change;
  }

  private allows({ type, nodeId }: ConfChange, { urls, isPromotion }: Described): boolean {
    if (this.removed.has(nodeId)) return false;
    const known = this.members.get(nodeId);
    const others = [...this.members].filter(([id]) => id !== nodeId);
    const urlInUse = others.some(([, member]) => member.urls.some((url) => urls.includes(url)));
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
        return isPromotion ? known?.isLearner === true : known === undefined && !urlInUse;
      case ConfChangeType.ConfChangeAddLearnerNode: {
        const learners = others.filter(([, member]) => member.isLearner).length;
        return known === undefined && !urlInUse && learners < EtcdMembership.maxLearners;
      }
      case ConfChangeType.ConfChangeUpdateNode:
        return known !== undefined && !urlInUse;
      case ConfChangeType.ConfChangeRemoveNode:
        return known !== undefined;
      default:
        return false;
    }
  }
}
