import type { Message, NodeId } from '@raft-ts/proto';
import type { SnapshotStatus } from './snapshot-status.js';

export type { SnapshotStatus } from './snapshot-status.js';

/**
 * Carries messages between members. It may lose, delay, repeat and reorder them: raft is built for that. It must not
 * corrupt them, and must deliver each only to `message.to`.
 */
export interface Transport {
  /**
   * Sends messages to other members. Never blocks and never throws because of a peer: what cannot be sent is dropped,
   * and the receiver's `reportUnreachable` or `reportSnapshot` is called. Messages to 0 are skipped, unknown targets
   * ignored. The messages must not be changed afterwards.
   */
  send(messages: readonly Message[]): void;
  /** Starts sending to this member. Does nothing if the member is already known. */
  addPeer(id: NodeId, urls: readonly string[]): void;
  /** Uses these addresses from now on. Does nothing if the member is unknown. */
  updatePeer(id: NodeId, urls: readonly string[]): void;
  /** Stops sending to this member and closes what is open. Does nothing if the member is unknown. */
  removePeer(id: NodeId): void;
  /** Stops everything; resolves when nothing is open any more. May be called again. */
  stop(): Promise<void>;
}

/** Options that come with a message from a transport. */
export interface ProcessOptions {
  readonly signal?: AbortSignal;
}

/** What a transport calls: the member that it belongs to. */
export interface TransportReceiver {
  /**
   * Steps this message. A rejected promise, or a throw, tells the sender that it was not accepted.
   * @param options `signal` aborts when nobody waits for the outcome any more, because the request that brought the
   * message was closed: what still waits, such as a proposal without a leader, is then withdrawn. The signal may be
   * ignored; what has been accepted stays accepted.
   */
  process(message: Message, options?: ProcessOptions): void | Promise<void>;
  /**
   * Looks at the body of a snapshot while it arrives, before `process` gets its message. Returns the same chunks, of
   * which the last one may come late; reading them throws if the body cannot be used. A transport need not call this,
   * and must not for a body of which it has not read the beginning: then `process` looks at the body that is kept.
   */
  inspectSnapshot?(message: Message, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * The members that founded this one's cluster, if it knows them. A transport that tells the others lets nothing pass
   * between members that name different ones: entries of the same index and term would differ.
   */
  readonly founders?: readonly NodeId[] | undefined;
  /** Was this member removed from the cluster for good? */
  isIdRemoved(id: NodeId): boolean;
  /** Reports that a message to this member was lost. */
  reportUnreachable(id: NodeId): void;
  /**
   * Reports whether a snapshot to this member arrived. Called exactly once for each MsgSnap that was sent.
   * @param error why it did not, if that is known: for people
   */
  reportSnapshot(id: NodeId, status: SnapshotStatus, error?: unknown): void;
  /**
   * Reports that nothing passes between this member and `id`, whose cluster these founded. May be called repeatedly.
   */
  reportFounders?(id: NodeId, founders: readonly NodeId[]): void;
}
