import {
  type ConfState,
  type Entry,
  type InitialState,
  isEmptySnap,
  isNewLog,
  MemoryStorage,
  type NodeId,
  type Snapshot,
} from '@raft-ts/raft';
import type { ReplicaLog, Unsaved } from '../base/contracts.js';

/**
 * A log in memory, for tests and browsers. It forgets when the process ends, so a member whose log it is must not come
 * back under its id: it could vote twice in a term. Within a process it can be handed to the next replica of a member.
 */
export class MemoryLog implements ReplicaLog {
  private readonly storage = new MemoryStorage();
  private kept: readonly NodeId[] | undefined;

  get isNew(): boolean {
    return isNewLog(this.storage);
  }

  get founders(): readonly NodeId[] | undefined {
    return this.kept;
  }

  keepFounders(founders: readonly NodeId[]): Promise<void> {
    this.kept = [...founders];
    return saved;
  }

  /** Returns the hard state and the membership that were saved last. */
  initialState(): InitialState {
    return this.storage.initialState();
  }

  /** Returns the entries from `lo` to below `hi`, as many as `maxSize` bytes hold, and at least one. */
  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    return this.storage.entries(lo, hi, maxSize);
  }

  /** Returns the term of the entry at this index. */
  term(i: number): number {
    return this.storage.term(i);
  }

  /** Returns the index of the last entry, or of the snapshot if there are none. */
  lastIndex(): number {
    return this.storage.lastIndex();
  }

  /** Returns the index of the first entry that is there. */
  firstIndex(): number {
    return this.storage.firstIndex();
  }

  /** Returns the newest snapshot. */
  snapshot(): Snapshot {
    return this.storage.snapshot();
  }

  save({ hardState, entries = [], snapshot }: Unsaved): Promise<void> {
    if (!isEmptySnap(snapshot)) this.storage.applySnapshot(snapshot);
    this.storage.append(entries);
    if (hardState !== undefined) this.storage.setHardState(hardState);
    return saved;
  }

  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array | undefined): Promise<Snapshot> {
    try {
      return Promise.resolve(this.storage.createSnapshot(index, confState, data));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  compact(index: number): void {
    this.storage.compact(index);
  }

  close(): Promise<void> {
    return saved;
  }
}

const saved: Promise<void> = Promise.resolve();
