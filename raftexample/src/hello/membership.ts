import type { ConfState, NodeId } from '@raft-ts/raft';
import type { HttpTransport } from '@raft-ts/rafthttp';
import { type Peer, peerUrl, type Scheme } from '../common/peers.js';

export interface MembershipOptions {
  /** This member. */
  readonly self: NodeId;
  /** The addresses of members, according to the flags. */
  readonly peers: readonly Peer[];
  /** Where to dial a member, if not at its address. */
  readonly dial: ReadonlyMap<NodeId, string>;
  /** How the others are dialled. */
  readonly scheme: Scheme;
  /** The founders of the cluster, if known. */
  readonly founders: readonly NodeId[] | undefined;
  /** The membership in the newest snapshot; empty if there is none. */
  readonly confState: ConfState;
}

/**
 * The membership of the cluster, as far as this member has applied its log. The flags only give addresses: the
 * transport speaks to members that are in the cluster and have an address.
 */
export class Membership {
  private readonly self: NodeId;
  private readonly peers: readonly Peer[];
  private readonly dial: ReadonlyMap<NodeId, string>;
  private readonly scheme: Scheme;
  /** The ids that are remembered after they have left; others that a log names are not. */
  private readonly named: ReadonlySet<NodeId>;
  private readonly joined = new Set<NodeId>();
  private members: ReadonlySet<NodeId>;

  constructor({ self, peers, dial, scheme, founders, confState }: MembershipOptions) {
    this.self = self;
    this.peers = peers;
    this.dial = dial;
    this.scheme = scheme;
    const flagged = peers.map(({ id }) => id);
    this.named = new Set([...flagged, ...(founders ?? [])]);
    const snapshot = membersOf(confState);
    // Before the first snapshot, the log itself adds the founders one by one.
    this.members = snapshot.size > 0 ? snapshot : new Set(founders ?? flagged);
    if (snapshot.size > 0) for (const id of [...(founders ?? []), ...snapshot]) this.note(id);
  }

  /** Applies a new configuration: its members get streams; those that left lose them. */
  apply(confState: ConfState, transport: Pick<HttpTransport, 'addPeer' | 'removePeer'>): void {
    this.members = membersOf(confState);
    for (const id of this.members) this.note(id);
    this.connect(transport);
  }

  /** Makes the transport speak to the members, and stop speaking to those that left. */
  connect(transport: Pick<HttpTransport, 'addPeer' | 'removePeer'>): void {
    for (const peer of this.peers) {
      if (peer.id === this.self) continue;
      if (this.members.has(peer.id)) transport.addPeer(peer.id, [this.dial.get(peer.id) ?? peerUrl(peer, this.scheme)]);
      else if (this.isRemoved(peer.id)) transport.removePeer(peer.id);
    }
  }

  /** Was this a member that has left? */
  isRemoved(id: NodeId): boolean {
    return this.joined.has(id) && !this.members.has(id);
  }

  private note(id: NodeId): void {
    if (this.named.has(id)) this.joined.add(id);
  }
}

function membersOf({ voters, learners, votersOutgoing, learnersNext }: ConfState): ReadonlySet<NodeId> {
  return new Set([...voters, ...learners, ...votersOutgoing, ...learnersNext]);
}
