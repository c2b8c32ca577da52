import type { Message, NodeId, Snapshot } from '@raft-ts/proto';
import type { BodyName, BodyPart } from './part.js';

/** The body of a streamed snapshot on its way out. */
export interface SnapshotBody {
  /** Total length of `chunks`. A different length fails the snapshot. */
  readonly size: number;
  /** The bytes, read as fast as the other side accepts them. A chunk must not be changed after it was yielded. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** The body of a streamed snapshot that has arrived. */
export interface ReceivedBody extends SnapshotBody {
  /** The path of the file that holds it, for a caller that can take it over without reading it. */
  readonly file?: string;
  /** Removes what is left of it here, because it is kept elsewhere now. */
  release?(): Promise<void>;
}

/** A body that is being stored. Calls come one after the other. */
export interface SnapshotSink {
  /** Stores these bytes; resolves when more may come. The chunk must not be used afterwards. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Makes a complete body durable, and only then readable, for this message's snapshot and no other. Raft may
   * not accept the message, so nothing that is already stored may be replaced.
   */
  commit(): Promise<void>;
  /**
   * Ends a body that will not be complete, or whose message was refused, possibly after `commit`: deletes all of it.
   */
  abort(): Promise<void>;
  /** Stands in for `abort` if the transfer broke off: may keep what has arrived, for `part` and `resume`. */
  suspend?(): Promise<void>;
}

/**
 * Keeps the bodies of streamed snapshots from their arrival until raft installs them. `receiver.process` gets the
 * MsgSnap after the body has been committed. If it throws or rejects, the body is aborted.
 */
export interface SnapshotStore {
  /** Removes what unused bodies have left behind. Called once, before the first `create`. */
  removeRemains(): Promise<void>;
  /**
   * Begins to store the body of this snapshot. `message` has been checked as far as a transport can: it comes from
   * another member, is for this one, and has an index, a term and voters. Several bodies for one index may arrive at
   * the same time. A rejection refuses the body; the sender is told the error's text.
   */
  create(message: Message): Promise<SnapshotSink>;
  /**
   * Resolves with what there is of this body, from a transfer that broke off; undefined if there is nothing to go on
   * with. With `resume`, transfers between members of this package go on where they stopped. To read a long part may
   * take a while: after each piece of it calls `onPiece`, or the sender loses patience after 30 seconds.
   */
  part?(body: BodyName, onPiece?: () => void): Promise<BodyPart | undefined>;
  /**
   * Goes on with what `part` told: what is written comes after it. Undefined if that is not there any more. As for
   * `create` otherwise.
   */
  resume?(message: Message, part: BodyPart): Promise<SnapshotSink | undefined>;
  /**
   * Resolves with the free space in bytes, with that of parts, which give way to a body that begins anew; undefined if
   * unknown.
   */
  freeBytes(): Promise<number | undefined>;
  /** Returns the body that came with this snapshot and was not opened yet, to look at; undefined if there is none. */
  peek?(snapshot: Snapshot): Promise<SnapshotBody | undefined>;
  /** Opens the body that came with this snapshot, which raft has taken. Rejects if there is none. */
  open?(snapshot: Snapshot): Promise<ReceivedBody>;
}

/** The progress of a streamed snapshot. */
export interface SnapshotProgress {
  readonly direction: 'sent' | 'received';
  /** The other member. */
  readonly peer: NodeId;
  /** The snapshot's index. */
  readonly index: number;
  /** Bytes of the body so far. */
  readonly bytes: number;
  /** Length of the whole body; undefined if the other side did not announce it. */
  readonly size: number | undefined;
}
