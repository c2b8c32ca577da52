import type { NodeId } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { MemberAddress, ReplicaTransport } from '../base/contracts.js';

export interface ConnectionsHost {
  readonly self: NodeId;
  readonly transport: Pick<ReplicaTransport, 'addPeer' | 'updatePeer' | 'removePeer'>;
  readonly clock: Clock;
  readonly dial: (member: MemberAddress) => readonly string[];
  /** A member that was removed is spoken to for so long, so that it learns of it. */
  readonly farewellMs: number;
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
    const { self, transport, dial } = this.host;
    for (const [id, url] of members) {
      if (id === self) continue;
      this.stay(id);
      const known = this.peers.get(id);
      if (known === url) continue;
      this.peers.set(id, url);
      if (known === undefined) transport.addPeer(id, dial({ id, url }));
      else transport.updatePeer(id, dial({ id, url }));
    }
    for (const id of this.peers.keys()) if (!members.has(id)) this.part(id);
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
