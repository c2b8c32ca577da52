import type { NodeId } from '@raft-ts/raft';
import type { SnapshotHead } from '../group/group.js';
import type { SessionPlace } from '../group/sessions.js';

/** What an entry of this package says. */
export type EntryContent<Command> =
  | { readonly kind: 'command'; readonly command: Command; readonly place?: SessionPlace | undefined }
  /** Opens a session, whose id is the entry's index. */
  | { readonly kind: 'open-session' }
  /** Takes the next free member id. */
  | { readonly kind: 'reserve-id' }
  /** This member, as long as it runs, keeps the promise on which leases rest. */
  | { readonly kind: 'promise'; readonly member: NodeId }
  | OpenFeatures
  | StateHashesContent;

/**
 * What entries came to on the member that led, for every member to compare (`ReplicaOptions.compareStates`). It changes
 * nothing.
 */
export interface StateHashesContent {
  readonly kind: 'state-hashes';
  /** On which they came to that. */
  readonly member: NodeId;
  /** The index that the first hash is of; the others are of those that follow. */
  readonly from: number;
  /** Of 32 bits each; 0 for what is no command, or was not applied. */
  readonly hashes: Uint32Array;
}

/** Opens the features up to a level, for good, if every member of the cluster is among those that have shown it. */
export interface OpenFeatures {
  readonly kind: 'features';
  readonly level: number;
  /** Who has shown it to the leader of `term`. */
  readonly members: readonly NodeId[];
  /** An entry that stands in another term says nothing: who is a member may have changed hands since. */
  readonly term: number;
}

/** Who asked for an entry, so that it knows its own again. */
export interface RequestId {
  /** A number that no other start of any member has; below 2^48. */
  readonly boot: number;
  /** Counts up from 1. */
  readonly sequence: number;
}

/** An entry as it was read. */
export interface DecodedEntry<Command> {
  readonly content: EntryContent<Command>;
  /** `undefined` if the entry names none. */
  readonly request: RequestId | undefined;
}

/**
 * How entries and snapshots are written. A cluster shares one format; one of your own lets it share its log with
 * another implementation. Every member must read the same out of the same bytes.
 */
export interface Format<Command> {
  /**
   * Do other readers of this format, older versions or other implementations, pass over sessions? Then none opens
   * before features are open: such a reader would apply a retried command twice. Default: false.
   */
  readonly sessionsNeedFeatures?: boolean;
  /**
   * Returns the bytes of an entry. Without entries of the kind `promise` there are no leases: reads that ask for one
   * are served as linearizable ones, and `whileLeading` runs nothing. Without entries of the kind `features` none ever
   * open, and without those of the kind `state-hashes` no states are compared.
   * @throws a coded error for what this format has no bytes for, such as sessions: the call then rejects with it
   */
  encode(content: EntryContent<Command>, request: RequestId & { readonly member: NodeId }): Uint8Array;
  /**
   * Decodes an entry; `undefined`, or a throw, for bytes that are no entry of this format: every member skips them
   * alike, and warns.
   */
  decode(data: Uint8Array): DecodedEntry<Command> | undefined;
  /** Returns the bytes of a snapshot. */
  wrap(head: SnapshotHead, state: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /**
   * Reads them again, of which no more is held than has to be: begins, and gives both parts.
   * @throws ERR_RAFT_SNAPSHOT_FORMAT, here or while a part is read
   */
  unwrap(chunks: AsyncIterable<Uint8Array>): Promise<UnwrappedSnapshot>;
}

/** A snapshot's two parts, which may stand in its bytes in either order. */
export interface UnwrappedSnapshot {
  /** The state machine's bytes: to be read once, or not at all. */
  readonly state: AsyncIterable<Uint8Array>;
  /**
   * To be called once, when the state has been read to its end, or will not be: then it reads as much of the rest as a
   * member must know to be sound before it lets the snapshot take the place of its log.
   */
  readonly head: () => Promise<SnapshotHead>;
}
