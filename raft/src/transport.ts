import type { Message, NodeId } from '@raft-ts/proto';
import type { SnapshotStatus } from './snapshot-status.js';

export type { SnapshotStatus } from './snapshot-status.js';

/**
 * Carries messages between members. It may lose, delay, repeat and reorder them: raft is built for that. It must not
 * corrupt them, and must not deliver to another member than `message.to`.
 */
export interface Transport {
  /**
   * Hand over messages to other members. Never blocks and never throws because of a peer: what cannot be sent is
   * dropped, and the receiver's `reportUnreachable` or `reportSnapshot` called. Messages to 0 are skipped, unknown
   * targets ignored. The messages must not be changed afterwards.
   */
  send(messages: readonly Message[]): void;
  /** Start to send to this member. Nothing happens if it is already known. */
  addPeer(id: NodeId, urls: readonly string[]): void;
  /** Send to other addresses from now on. Nothing happens if the member is unknown. */
  updatePeer(id: NodeId, urls: readonly string[]): void;
  /** Stop sending to this member and close what is open. Nothing happens if it is unknown. */
  removePeer(id: NodeId): void;
  /** Stop everything; resolves when nothing is open any more. May be called again. */
  stop(): Promise<void>;
}

/** What comes with a message that a transport hands over. */
export interface ProcessOptions {
  readonly signal?: AbortSignal;
}

/** What a transport calls: the member it belongs to. */
export interface TransportReceiver {
  /**
   * Step this message. A rejected promise, or a throw, tells the sender that it was not taken.
   * @param options `signal` aborts when nobody waits for the outcome any more, because the request that brought the
   * message was closed: what still waits is then given up, a proposal that waits for a leader for example. It may be
   * ignored; what has been taken stays taken.
   */
  process(message: Message, options?: ProcessOptions): void | Promise<void>;
  /** Was this member removed from the cluster for good? */
  isIdRemoved(id: NodeId): boolean;
  /** A message to this member was lost. */
  reportUnreachable(id: NodeId): void;
  /** A snapshot to this member arrived, or did not. Called exactly once for each MsgSnap that was sent. */
  reportSnapshot(id: NodeId, status: SnapshotStatus): void;
}
