import type { ConfState, Entry, HardState, Message, NodeId, Snapshot, Storage } from '@raft-ts/raft';
import type { SnapshotStatus, Transport, TransportReceiver } from '@raft-ts/raft/transport';

/** Where a command stands in the log. */
export interface Position {
  readonly index: number;
  readonly term: number;
}

/** Where a command stands, and what the cluster had agreed on before it. */
export interface CommandPosition extends Position {
  /** The level of features that was open when the command was applied, on every member alike; 0 if none was. */
  readonly features: number;
}

/** A view of a state that goes on changing while the view is read: what a command overwrites is kept for it. */
export interface SnapshotView extends AsyncIterable<Uint8Array> {
  /** Returns what the next command has to wait for, if anything: called before each while the view is read. */
  room(): Promise<void> | undefined;
}

/** Bytes of a snapshot: at once, or piece by piece. Of a `SnapshotView`, commands wait when it asks them to. */
export type SnapshotData = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array> | SnapshotView;

/**
 * What is replicated. Every member calls `apply` with the same commands in the same order, one at a time, so `apply`
 * must depend on nothing else: no clock, no random number, no I/O whose answer may differ.
 */
export interface StateMachine<Command, Result> {
  /**
   * Applies one committed command. What it returns, or its promise resolves to, is the proposer's result. What it
   * throws ends the member, or is the result, as `applyErrors` says.
   */
  apply(command: Command, at: CommandPosition): Result | Promise<Result>;
  /**
   * Returns the state as bytes. Called between two commands; the view must be fixed by the time this returns, since
   * commands are applied while the bytes are read. (For a map: `SnapshotMap`.)
   */
  snapshot(): SnapshotData;
  /** Replaces the state by that of a snapshot. No command is applied until it resolves. */
  restore(chunks: AsyncIterable<Uint8Array>, at: Position): void | Promise<void>;
  /**
   * For a state that is durable by itself: the index of the last command in it. Commands up to there are not applied
   * again, nor is a snapshot restored that is not newer. Read once, at the start. Default: 0, a state in memory.
   */
  readonly appliedIndex?: number;
}

/** What one Ready asks to be made durable. */
export interface Unsaved {
  readonly hardState?: HardState | undefined;
  readonly entries?: readonly Entry[];
  readonly snapshot?: Snapshot | undefined;
}

/** Streams of large states, kept beside the log under the snapshot's index. */
export interface SnapshotStreams {
  /** Saves a stream as the body of the snapshot at this index; resolves with its bytes once it is durable. */
  saveStream(source: AsyncIterable<Uint8Array>, index: number): Promise<number>;
  /** Reads the body that was saved for this index. */
  loadStream(index: number): AsyncIterable<Uint8Array>;
  /** Returns the bytes of the stream for this index. */
  streamSize(index: number): Promise<number>;
  /**
   * Makes a file, whose content is durable, the stream of this index without copying it. Does nothing if it is that
   * already. @returns false if that cannot be done, and nothing has changed: it lies on another file system
   */
  adoptStream?(file: string, index: number): Promise<boolean>;
}

/** The log of a member. `DurableStorage` of `@raft-ts/raftwal` is one; `MemoryLog` forgets. */
export interface ReplicaLog extends Storage {
  /** The member whose log it is, if it knows. No other one may use it. */
  readonly nodeId?: NodeId;
  /** Does its member belong to no cluster yet, as `isNewLog` of `@raft-ts/raft` tells? */
  readonly isNew: boolean;
  /** The members that founded the cluster, as `keepFounders` was told when the log was new. */
  readonly founders?: readonly NodeId[] | undefined;
  /**
   * Keeps them with a new log, for good; resolves once they are durable. Without it, members that others founded are
   * recognized only until this process ends.
   */
  keepFounders?(founders: readonly NodeId[]): Promise<void>;
  /**
   * Saves: raft sees it at once; resolves once it is durable. Several calls may be under way, and become durable in
   * order.
   */
  save(unsaved: Unsaved): Promise<void>;
  /** Makes a snapshot at `index` durable. Without `data` the state lies in a stream of that index. */
  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array | undefined): Promise<Snapshot>;
  /** Drops the entries up to `index`, which a snapshot covers. */
  compact(index: number): void;
  /** Makes everything durable, and lets go of it. */
  close(): Promise<void>;
  /** Where states that are too large for memory are kept. Default: every snapshot is held in memory as a whole. */
  readonly snapshots?: SnapshotStreams;
}

/** A snapshot's body on its way between members. */
export interface SnapshotBody {
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A snapshot's body that came from another member. */
export interface ReceivedBody extends SnapshotBody {
  /** The path of the file that holds it, for a log that can take it over without reading it. */
  readonly file?: string;
  /** Lets go of what is left of it here. */
  release?(): Promise<void>;
}

/** A transport that can also carry the body of a snapshot beside its message, which then has no data. */
export interface ReplicaTransport extends Transport {
  /**
   * Lets what was sent leave now. Called at the end of each turn in which something was: a transport that gathers
   * messages itself need not wait for more.
   */
  flush?(): void;
  /** Sends a MsgSnap and its body, and tells the receiver of this transport how it ended. */
  sendSnapshot?(message: Message, body: SnapshotBody): Promise<SnapshotStatus>;
  /** Returns the body that came with this snapshot, while raft has not taken it yet; `undefined` if none came. */
  peekSnapshot?(snapshot: Snapshot): Promise<SnapshotBody | undefined>;
  /** Returns the body that came with this snapshot, which raft has taken. */
  openSnapshot?(snapshot: Snapshot): Promise<ReceivedBody>;
  /** Throws what `addPeer` would throw for these addresses. Asked before a member is added. */
  checkPeer?(urls: readonly string[]): void;
  /**
   * Is this member known to be of another implementation, which does not keep its votes back as this package does? Then
   * there are no leases while it is a voter, whatever the log says of it.
   */
  isForeign?(id: NodeId): boolean;
  /**
   * Returns the level of features that this member shows on the connections which are open from it; 0 if it shows none,
   * or none is open. Without this function no features ever open.
   */
  featuresOf?(id: NodeId): number;
  /** Exchanges nothing from now on with members that do not show this level, or a higher one. */
  requireFeatures?(level: number): void;
}

/** The other members refuse this one for good. `HttpTransport` tells when and why. */
export interface Removal {
  /**
   * `removed`: from the cluster. `incarnation`: it ran with another log before, which is lost. `twin`: a copy of it
   * runs. `founders`: it belongs to another cluster; a transport that has `reportFounders` tells that instead.
   */
  readonly reason: 'removed' | 'incarnation' | 'twin' | 'founders';
  /** The members that say so. */
  readonly by: readonly NodeId[];
}

/** What a transport calls: this member. */
export interface ReplicaReceiver extends TransportReceiver {
  /** Ends this member. May be handed on as it is: `new HttpTransport({ …, onRemoved: receiver.onRemoved })`. */
  readonly onRemoved: (removal: Removal) => void;
  /** Nothing is taken from this member, whose cluster these founded, and nothing reaches it. */
  readonly reportFounders: (id: NodeId, founders: readonly NodeId[]) => void;
}

/** Builds the transport of a member around the receiver that it is to call, and lets it listen. */
export type TransportFactory = (receiver: ReplicaReceiver) => ReplicaTransport | Promise<ReplicaTransport>;

/** A member, and where it can be reached. */
export interface MemberAddress {
  readonly id: NodeId;
  readonly url: string;
}

/** A member, as the cluster knows it. */
export interface MemberInfo extends MemberAddress {
  readonly role: 'voter' | 'learner';
}

/** How long a call may take. */
export interface CallOptions {
  /** Gives the call up. */
  readonly signal?: AbortSignal | undefined;
  /** Default: that of the replica, unless the call says otherwise. In milliseconds. */
  readonly timeoutMs?: number;
}
