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
  entriesFault,
  hardStateFault,
  refuseFault,
  snapshotFault,
  snapshotMembership,
} from '@raft-ts/proto/internal';
import { RaftPanic } from './errors.js';
import { countWithin } from './sizes.js';
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
 * A log in memory: for tests, and for programs that can do without their log. A member that restarts without the log
 * it had must not come back under its id: it could vote twice in a term.
 */
export class MemoryStorage implements Storage {
  private hardState: HardState | undefined = undefined;
  private newest: Snapshot = emptySnapshot();
  // list[start] stands for the last compacted entry: only its index and term count. Compaction moves `start`, and the
  // array is rebuilt only when most of it is gone.
  private list: Entry[] = [{ type: undefined, term: 0, index: 0, data: undefined }];
  private start = 0;

  initialState(): InitialState {
    return { hardState: this.hardState, confState: this.newest.metadata.confState };
  }

  /** @throws ERR_RAFT_ARGUMENT */
  setHardState(hardState: HardState): void {
    refuseFault('hardState', hardStateFault(hardState));
    this.hardState = hardState;
  }

  firstIndex(): number {
    return this.offset + 1;
  }

  lastIndex(): number {
    return this.offset + this.length - 1;
  }

  /** Index of the last compacted entry. */
  private get offset(): number {
    return (this.list[this.start] as Entry).index;
  }

  /** Entries kept, the compacted one at the front included. */
  private get length(): number {
    return this.list.length - this.start;
  }

  /** @throws RaftPanic where hi lies beyond the log, or before lo */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    if (lo <= this.offset) throw storageError(ERR_COMPACTED);
    if (hi > this.lastIndex() + 1) {
      throw new RaftPanic('index-in-log', `entries' hi(${hi}) is out of bound lastindex(${this.lastIndex()})`);
    }
    if (this.length === 1) throw storageError(ERR_UNAVAILABLE);
    if (lo > hi) throw new RaftPanic('index-in-log', `entries' range [${lo},${hi}) ends before it begins`);
    const from = this.start + lo - this.offset;
    const to = this.start + hi - this.offset;
    return this.list.slice(from, from + countWithin(this.list, from, to, maxSize));
  }

  term(i: number): number {
    if (i < this.offset) throw storageError(ERR_COMPACTED);
    const entry = this.list[this.start + i - this.offset];
    if (entry === undefined) throw storageError(ERR_UNAVAILABLE);
    return entry.term;
  }

  snapshot(): Snapshot {
    return copySnapshot(this.newest);
  }

  /**
   * Replaces everything by this snapshot. One of index 0 sets the membership of an empty log.
   * @throws ERR_RAFT_SNAP_OUT_OF_DATE where the present one is as new
   */
  applySnapshot(snapshot: Snapshot): void {
    refuseFault('snapshot', snapshotFault(snapshot));
    const { index, term } = snapshot.metadata;
    const present = this.newest.metadata.index;
    if (present !== 0 && present >= index) throw storageError(ERR_SNAP_OUT_OF_DATE);
    this.newest = copySnapshot(snapshot);
    this.list = [{ type: undefined, term, index, data: undefined }];
    this.start = 0;
  }

  /**
   * Makes a snapshot of the application's state up to `index`. Entries stay until `compact`.
   * @param confState membership at `index`; `undefined`: that of the previous snapshot, where it still holds
   * @throws ERR_RAFT_SNAP_OUT_OF_DATE where the present one is as new; ERR_RAFT_SNAPSHOT_MEMBERSHIP where there is no
   * membership for it; RaftPanic where the log does not hold `index`
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
    if (index < this.offset) {
      throw new RaftPanic('index-in-log', `snapshot ${index} is older than the compacted index ${this.offset}`);
    }
    const membership = snapshotMembership(index, confState, previous, (at) => this.list[this.start + at - this.offset]);
    const metadata: SnapshotMetadata = {
      confState: copyConfState(membership),
      index,
      term: this.term(index),
    };
    this.newest = { data, metadata };
    return copySnapshot(this.newest);
  }

  /**
   * Drops the entries up to and including `index`. Keep some behind the snapshot, for followers that lag a little.
   * @throws ERR_RAFT_COMPACTED where they are gone already; ERR_RAFT_NO_SNAPSHOT above the newest snapshot, which alone could
   * stand for what is dropped; RaftPanic where the log does not reach `index`
   */
  compact(index: number): void {
    checkPosition('index', index);
    if (index <= this.offset) throw storageError(ERR_COMPACTED);
    if (index > this.lastIndex()) {
      throw new RaftPanic('index-in-log', `compact ${index} is out of bound lastindex(${this.lastIndex()})`);
    }
    const { index: newest } = this.newest.metadata;
    if (index > newest) throw notCovered(index, newest);
    this.drop(index);
  }

  /** What etcd's storage does, snapshot or not: the ported tests call it. */
  private drop(index: number): void {
    const term = this.term(index);
    this.start += index - this.offset;
    // The payload must not stay alive with the position.
    this.list[this.start] = { type: undefined, term, index, data: undefined };
    if (this.start > 64 && this.start * 2 > this.list.length) {
      this.list = this.list.slice(this.start);
      this.start = 0;
    }
  }

  /**
   * Adds entries; from the first one's index on they replace what is there. What is compacted already is skipped.
   * @throws RaftPanic where a gap would be left
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
    const keep = this.start + from - this.offset;
    if (keep < this.list.length) this.list.length = keep;
    for (let i = skip; i < entries.length; i++) this.list.push(entries[i] as Entry);
  }
}
