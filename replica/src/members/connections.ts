import type { NodeId } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { MemberAddress, ReplicaTransport } from '../base/contracts.js';
import { describe } from '../base/errors.js';

export interface ConnectionsHost {
  readonly self: NodeId;
  readonly transport: Pick<ReplicaTransport, 'addPeer' | 'updatePeer' | 'removePeer'>;
  readonly clock: Clock;
  readonly dial: (member: MemberAddress) => readonly string[];
  /** A member that was removed is spoken to for so long, so that it learns of it. */
  readonly farewellMs: number;
  readonly warn: (text: string) => void;
}

/** Keeps the transport's peers those of the cluster. */
export class Connections {
  private readonly host: ConnectionsHost;
  private readonly peers = new Map<NodeId, string>();
  private readonly leaving = new Map<NodeId, () => void>();

  constructor(host: ConnectionsHost) {
    this.host = host;
  }

  /** These are the members now. */
  update(members: ReadonlyMap<NodeId, string>): void {
    const { self, transport } = this.host;
    for (const [id, url] of members) {
      if (id === self) continue;
      this.stay(id);
      const known = this.peers.get(id);
      if (known === url) continue;
      this.peers.set(id, url);
      this.dial({ id, url }, (urls) =>
        known === undefined ? transport.addPeer(id, urls) : transport.updatePeer(id, urls),
      );
    }
    for (const id of this.peers.keys()) if (!members.has(id)) this.part(id);
  }

  /** An address is in the log for good: one that is none must not end whoever reads it there. */
  private dial(member: MemberAddress, use: (urls: readonly string[]) => void): void {
    try {
      use(this.host.dial(member));
    } catch (error) {
      this.host.warn(
        `member ${member.id} cannot be reached at ${member.url}: ${describe(error)}. Replace it by a member with another address: replaceMember(${member.id}n, { url })`,
      );
    }
  }

  private stay(id: NodeId): void {
    this.leaving.get(id)?.();
    this.leaving.delete(id);
  }

  private part(id: NodeId): void {
    if (this.leaving.has(id)) return;
    const leave = (): void => {
      this.leaving.delete(id);
      this.peers.delete(id);
      this.host.transport.removePeer(id);
    };
    this.leaving.set(id, this.host.clock.after(this.host.farewellMs, leave));
  }

  stop(): void {
    for (const cancel of this.leaving.values()) cancel();
    this.leaving.clear();
  }
}
