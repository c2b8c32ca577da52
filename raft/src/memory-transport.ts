import { type Message, MessageType, NONE, type NodeId } from '@raft-ts/proto';
import { checkId, checkMessages } from '@raft-ts/proto/internal';
import { turnOfEventLoop } from './event-loop.js';
import type { SnapshotStatus, Transport, TransportReceiver } from './transport.js';

/** Most messages that may wait for one member; more are lost. */
const INBOX_LIMIT = 4096;

/** After this many deliveries in a row the event loop gets a turn. */
const DELIVERIES_PER_TURN = 256;

/**
 * A network in memory, for tests, simulations and clusters within one process. Messages arrive in order, in a later
 * turn than they were sent, and are lost if the link is cut or the receiver's inbox is full.
 */
export class MemoryNetwork {
  private readonly members = new Map<NodeId, MemoryTransport>();
  private readonly cuts = new Set<string>();

  /** Connects a member. Its transport reaches every member of this network that it adds as a peer. */
  connect(id: NodeId, receiver: TransportReceiver): Transport {
    checkId('id', id);
    const transport = new MemoryTransport(this, id, receiver);
    this.members.set(id, transport);
    return transport;
  }

  /** Loses all messages between these two members, until `mend`. */
  cut(a: NodeId, b: NodeId): void {
    this.cuts.add(`${a}-${b}`);
    this.cuts.add(`${b}-${a}`);
  }

  /** Lets messages between two members through again, in both directions. */
  mend(a: NodeId, b: NodeId): void {
    this.cuts.delete(`${a}-${b}`);
    this.cuts.delete(`${b}-${a}`);
  }

  /** Returns the member's transport, if messages from `from` reach it. */
  route(from: NodeId, to: NodeId): MemoryTransport | undefined {
    return this.cuts.size > 0 && this.cuts.has(`${from}-${to}`) ? undefined : this.members.get(to);
  }

  /** Removes a member from the network, unless another transport has taken its place. */
  disconnect(id: NodeId, transport: MemoryTransport): void {
    if (this.members.get(id) === transport) this.members.delete(id);
  }
}

class MemoryTransport implements Transport {
  private readonly network: MemoryNetwork;
  private readonly id: NodeId;
  private readonly receiver: TransportReceiver;
  /** Those of the receiver, as text, if it names them. */
  private readonly founders: string | undefined;
  private readonly peers = new Set<NodeId>();
  /** Who has written to this member while it knew no peer: one that joins must answer before it knows the others. */
  private readonly learned = new Set<NodeId>();
  private inbox: { message: Message; sender: MemoryTransport }[] = [];
  private delivering = false;
  private deliveries = 0;
  private stopped = false;

  constructor(network: MemoryNetwork, id: NodeId, receiver: TransportReceiver) {
    this.network = network;
    this.id = id;
    this.receiver = receiver;
    this.founders = receiver.founders?.toSorted((a, b) => (a < b ? -1 : 1)).join();
  }

  send(messages: readonly Message[]): void {
    checkMessages(messages);
    if (this.stopped) return;
    for (const message of messages) {
      if (message.to === NONE || !(this.peers.has(message.to) || this.learned.has(message.to))) continue;
      const taken = this.network.route(this.id, message.to)?.accept(message, this) ?? false;
      if (!taken) this.lost(message);
    }
  }

  addPeer(id: NodeId): void {
    checkId('id', id);
    this.peers.add(id);
  }

  /** Members of a network in memory have no addresses. */
  updatePeer(): void {}

  removePeer(id: NodeId): void {
    checkId('id', id);
    this.peers.delete(id);
    this.learned.delete(id);
  }

  stop(): Promise<void> {
    this.stopped = true;
    this.inbox = [];
    this.network.disconnect(this.id, this);
    return Promise.resolve();
  }

  private accept(message: Message, sender: MemoryTransport): boolean {
    if (this.stopped || this.inbox.length >= INBOX_LIMIT || this.isApartFrom(sender)) return false;
    if (this.peers.size === 0) this.learned.add(sender.id);
    this.inbox.push({ message, sender });
    if (!this.delivering) {
      this.delivering = true;
      void this.deliver();
    }
    return true;
  }

  /** Do the two belong to clusters that others founded? Tells both. */
  private isApartFrom(sender: MemoryTransport): boolean {
    const { founders } = this;
    if (founders === undefined || sender.founders === undefined || founders === sender.founders) return false;
    this.receiver.reportFounders?.(sender.id, sender.receiver.founders ?? []);
    sender.receiver.reportFounders?.(this.id, this.receiver.founders ?? []);
    return true;
  }

  private async deliver(): Promise<void> {
    while (this.inbox.length > 0) {
      await (++this.deliveries % DELIVERIES_PER_TURN === 0 ? turnOfEventLoop() : undefined);
      const batch = this.inbox;
      this.inbox = [];
      for (const { message, sender } of batch) {
        const isSnapshot = message.type === MessageType.MsgSnap;
        try {
          const processed = this.receiver.process(message);
          if (processed !== undefined) {
            // A proposal may wait for a leader, and must not hold up the messages that elect one.
            if (message.type === MessageType.MsgProp) processed.catch(() => {});
            else await processed;
          }
          if (isSnapshot) sender.reportSnapshot(message.to, 'finish');
        } catch {
          // The receiver refused it; the sender is told only about snapshots.
          if (isSnapshot) sender.reportSnapshot(message.to, 'failure');
        }
      }
    }
    this.delivering = false;
  }

  private reportSnapshot(id: NodeId, status: SnapshotStatus): void {
    if (!this.stopped) this.receiver.reportSnapshot(id, status);
  }

  /** Reports in a later turn, because the sender is in the middle of sending. */
  private lost({ to, type }: Message): void {
    queueMicrotask(() => {
      if (this.stopped) return;
      this.receiver.reportUnreachable(to);
      if (type === MessageType.MsgSnap) this.receiver.reportSnapshot(to, 'failure');
    });
  }
}
