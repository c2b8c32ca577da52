import {
  type Config,
  type ConfState,
  decodeConfChangeEntry,
  type Entry,
  type HardState,
  isConfChangeEntry,
  isEmptyHardState,
  isEmptySnap,
  MemoryStorage,
  type Message,
  type NodeId,
  RawNode,
  type Snapshot,
} from '@raft-ts/raft';
import { CommandError } from './errors.js';

/**
 * Storage of a node in a script. The snapshot it gives is the newest state of the application, whatever the log was
 * compacted to, so that scripts need no command for making snapshots.
 */
export class ScriptStorage extends MemoryStorage {
  /** States of the application, one per applied entry, oldest first. Starts with the state that the node began with. */
  readonly history: [Snapshot, ...Snapshot[]];

  constructor(initial: Snapshot) {
    super();
    this.history = [initial];
  }

  override snapshot(): Snapshot {
    return this.history.at(-1) as Snapshot;
  }
}

const noBytes = new Uint8Array(0);

function concatenate(a: Uint8Array | undefined, b: Uint8Array | undefined): Uint8Array {
  return Uint8Array.from([...(a ?? noBytes), ...(b ?? noBytes)]);
}

/** A node of a script: a `RawNode`, its storage, its application, and the work that its storage threads have to do. */
export class ScriptNode {
  readonly id: NodeId;
  readonly config: Config;
  readonly storage: ScriptStorage;
  readonly rawNode: RawNode;
  /** MsgStorageAppend that wait for `process-append-thread`. */
  readonly appendWork: Message[] = [];
  /** MsgStorageApply that wait for `process-apply-thread`. */
  readonly applyWork: Message[] = [];

  constructor(config: Config, storage: ScriptStorage) {
    this.id = config.id;
    this.config = config;
    this.storage = storage;
    this.rawNode = new RawNode(config);
    // etcd's scripts show them leave at once, and ignored if their term is over.
    this.rawNode.raft.holdsVoteRequests = false;
    this.rawNode.raft.answersEarlierVotes = false;
  }

  /** Writes to the log what a Ready or a MsgStorageAppend asks for. */
  append(hardState: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    if (hardState !== undefined && !isEmptyHardState(hardState)) {
      this.storage.setHardState(hardState);
    }
    if (snapshot === undefined || isEmptySnap(snapshot)) {
      this.storage.append(entries);
      return;
    }
    if (entries.length > 0) {
      throw new CommandError("can't apply snapshot and entries at the same time");
    }
    this.storage.applySnapshot(snapshot);
  }

  /** The application: its state is all the data applied so far, one after the other. */
  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      let update = entry.data;
      let confState: ConfState | undefined;
      if (isConfChangeEntry(entry)) {
        const change = decodeConfChangeEntry(entry);
        update = change.context;
        confState = this.rawNode.applyConfChange(change);
      }
      const previous = this.storage.snapshot();
      this.storage.history.push({
        data: concatenate(previous.data, update),
        metadata: {
          confState: confState ?? previous.metadata.confState,
          index: entry.index,
          term: entry.term,
        },
      });
    }
  }
}
