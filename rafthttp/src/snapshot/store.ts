import type { Message, NodeId } from '@raft-ts/proto';

/** The body of a streamed snapshot on its way out. */
export interface SnapshotBody {
  /** How many bytes `chunks` brings. Another number fails the snapshot. */
  readonly size: number;
  /** The bytes, read as fast as the other side takes them. A chunk must not be changed after it was given. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** One body that is being stored. Calls come one after the other. */
export interface SnapshotSink {
  /** Takes these bytes; resolves when more may come. The chunk is not used afterwards. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * All has come: makes it durable, and only then lets it be read, for this message's snapshot and no other. Whether
   * raft takes the message is not known yet, so that nothing that is there already may be replaced.
   */
  commit(): Promise<void>;
  /** It will not be complete, or its message was refused, which may be after `commit`: forgets all of it. */
  abort(): Promise<void>;
}

/**
 * Keeps the bodies of streamed snapshots from their arrival until raft installs them. `receiver.process` gets the
 * MsgSnap of a body after the body was committed. If it throws or rejects, the body is aborted.
 */
export interface SnapshotStore {
  /** Removes what bodies that nobody took have left. Called once, before the first `create`. */
  removeRemains(): Promise<void>;
  /**
   * Begins to store the body of this snapshot. `message` has been checked as far as a transport can: it is for this
   * member and from another one, and has an index, a term and voters. Several bodies of one index may be under way. A
   * rejection refuses it; the sender is told the error's text.
   */
  create(message: Message): Promise<SnapshotSink>;
  /** Bytes that there is room for; undefined where that is not known. */
  freeBytes(): Promise<number | undefined>;
}

/** How far a streamed snapshot has come. */
export interface SnapshotProgress {
  readonly direction: 'sent' | 'received';
  /** The other member. */
  readonly peer: NodeId;
  /** The snapshot's index. */
  readonly index: number;
  /** Bytes of its body so far. */
  readonly bytes: number;
  /** Bytes of its whole body; undefined where they are not known, because the other side did not say. */
  readonly size: number | undefined;
}
