import {
  type ConfState,
  type Entry,
  emptySnapshot,
  type HardState,
  type Snapshot,
  type SnapshotMetadata,
} from '@raft-ts/proto';
import {
  checkOptionalBytes,
  checkPosition,
  confStateFault,
  EntryList,
  entriesFault,
  hardStateFault,
  refuseFault,
  snapshotFault,
  snapshotMembership,
} from '@raft-ts/proto/internal';
import { RaftPanic } from './errors.js';
import type { EntryId } from './log-slice.js';
import {
  ERR_COMPACTED,
  ERR_SNAP_OUT_OF_DATE,
  ERR_UNAVAILABLE,
  type InitialState,
  notCovered,
  type Storage,
  storageError,
} from './storage.js';

function copyConfState(cs: ConfState): ConfState {
  return {
    voters: [...cs.voters],
    learners: [...cs.learners],
    votersOutgoing: [...cs.votersOutgoing],
    learnersNext: [...cs.learnersNext],
    autoLeave: cs.autoLeave,
  };
}

function copySnapshot({ data, metadata }: Snapshot): Snapshot {
  return {
    data: data?.slice(),
    metadata: { confState: copyConfState(metadata.confState), index: metadata.index, term: metadata.term },
  };
}

/**
 * A log in memory: for tests, and for programs that can afford to lose their log. A member that restarts without its
 * log must not come back under its id: it could vote twice in a term.
 */
export class MemoryStorage implements Storage {
  private hardState: HardState | undefined = undefined;
  private newest: Snapshot = emptySnapshot();
  /** The last compacted entry. */
  private compacted: EntryId = { term: 0, index: 0 };
  /** The entries after it. */
  private readonly log = new EntryList();

  initialState(): InitialState {
    return { hardState: this.hardState, confState: this.newest.metadata.confState };
  }

  /**
   * Sets the hard state, which `initialState` returns from now on.
   * @throws ERR_RAFT_ARGUMENT
   */
  setHardState(hardState: HardState): void {
    refuseFault('hardState', hardStateFault(hardState));
    this.hardState = hardState;
  }

  firstIndex(): number {
    return this.compacted.index + 1;
  }

  lastIndex(): number {
    return this.compacted.index + this.log.length;
  }

  /** @throws RaftPanic if hi is beyond the log, or before lo */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    const first = this.firstIndex();
    if (lo < first) throw storageError(ERR_COMPACTED);
    if (hi > this.lastIndex() + 1) {
      throw new RaftPanic('index-in-log', `entries' hi(${hi}) is out of bound lastindex(${this.lastIndex()})`);
    }
    if (this.log.length === 0) throw storageError(ERR_UNAVAILABLE);
    if (lo > hi) throw new RaftPanic('index-in-log', `entries' range [${lo},${hi}) ends before it begins`);
    return this.log.within(lo - first, hi - first, maxSize);
  }

  term(i: number): number {
    const { term, index } = this.compacted;
    if (i < index) throw storageError(ERR_COMPACTED);
    if (i === index) return term;
    const entry = this.log.at(i - index - 1);
    if (entry === undefined) throw storageError(ERR_UNAVAILABLE);
    return entry.term;
  }

  snapshot(): Snapshot {
    return copySnapshot(this.newest);
  }

  /**
   * Replaces everything by this snapshot. A snapshot of index 0 sets the membership of an empty log.
   * @throws ERR_RAFT_SNAP_OUT_OF_DATE if the current one is as new
   */
  applySnapshot(snapshot: Snapshot): void {
    refuseFault('snapshot', snapshotFault(snapshot));
    const { index, term } = snapshot.metadata;
    const present = this.newest.metadata.index;
    if (present !== 0 && present >= index) throw storageError(ERR_SNAP_OUT_OF_DATE);
    this.newest = copySnapshot(snapshot);
    this.compacted = { term, index };
    this.log.clear();
  }

  /**
   * Makes a snapshot of the application's state up to `index`. Entries stay until `compact`.
   * @param confState membership at `index`; `undefined`: that of the previous snapshot, if it still holds
   * @throws ERR_RAFT_SNAP_OUT_OF_DATE if the current one is as new; ERR_RAFT_SNAPSHOT_MEMBERSHIP if no membership is
   * known for it; RaftPanic if the log does not hold `index`
   */
  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array | undefined): Snapshot {
    checkPosition('index', index);
    if (confState !== undefined) refuseFault('confState', confStateFault(confState));
    checkOptionalBytes('data', data);
    const previous = this.newest.metadata;
    if (index <= previous.index) throw storageError(ERR_SNAP_OUT_OF_DATE);
    if (index > this.lastIndex()) {
      throw new RaftPanic('index-in-log', `snapshot ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    const { index: compacted } = this.compacted;
    if (index < compacted) {
      throw new RaftPanic('index-in-log', `snapshot ${index} is older than the compacted index ${compacted}`);
    }
    const entryAt = (at: number): Entry | undefined => (at > compacted ? this.log.at(at - compacted - 1) : undefined);
    const membership = snapshotMembership(index, confState, previous, entryAt);
    const metadata: SnapshotMetadata = {
      confState: copyConfState(membership),
      index,
      term: this.term(index),
    };
    this.newest = { data, metadata };
    return copySnapshot(this.newest);
  }

  /**
   * Drops the entries up to and including `index`. Keep some of those that the snapshot covers, for followers that lag
   * a little.
   * @throws ERR_RAFT_COMPACTED if they have been dropped already; ERR_RAFT_NO_SNAPSHOT above the newest snapshot, which
   * must cover what is dropped; RaftPanic if the log does not reach `index`
   */
  compact(index: number): void {
    checkPosition('index', index);
    if (index <= this.compacted.index) throw storageError(ERR_COMPACTED);
    if (index > this.lastIndex()) {
      throw new RaftPanic('index-in-log', `compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    const { index: newest } = this.newest.metadata;
    if (index > newest) throw notCovered(index, newest);
    this.drop(index);
  }

  /** As etcd's storage does, without asking for a snapshot: the ported tests call it. */
  private drop(index: number): void {
    const term = this.term(index);
    this.log.dropFront(index - this.compacted.index);
    this.compacted = { term, index };
  }

  /**
   * Adds entries, replacing what is stored from the index of the first one on. Entries that have been compacted are
   * skipped.
   * @throws RaftPanic if that would leave a gap
   */
  append(entries: readonly Entry[]): void {
    refuseFault('entries', entriesFault(entries));
    const head = entries[0];
    if (head === undefined) return;
    const first = this.firstIndex();
    if (head.index + entries.length - 1 < first) return;
    const skip = Math.max(0, first - head.index);
    const from = head.index + skip;
    if (from > this.lastIndex() + 1) {
      throw new RaftPanic(
        'append-without-gap',
        `missing log entry [last: ${this.lastIndex()}, append at: ${head.index}]`,
      );
    }
    this.log.truncate(from - first);
    this.log.pushAll(entries, skip);
  }
}
