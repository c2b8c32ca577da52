import { type Entry, type HardState, NONE, type Snapshot } from '@raft-ts/proto';
import type { RunHash } from '../base/hash.js';
import { Image, type LogStorage, type Write } from './image.js';

/**
 * A member's disk, record by record: what it has written is read at once, and survives a power cut only after a sync.
 * As in a log file, what survives of the writes after the last sync is a prefix of them.
 */
export class Disk {
  /** What raft reads. */
  storage: LogStorage;
  /** What would survive a power cut now. */
  readonly durable: Image = new Image();
  /** Longest time of a write, of applying, and until the member hears that either is done, in milliseconds. */
  writeMs = 0;
  applyMs = 0;
  answerMs = 0;
  private unsynced: Write[] = [];
  /** Number of writes before the first unsynced one. */
  private synced = 0;
  private readonly hash: RunHash;

  constructor(hash: RunHash) {
    this.hash = hash;
    this.storage = this.durable.open();
  }

  /** Number of writes so far. */
  get end(): number {
    return this.synced + this.unsynced.length;
  }

  get unsyncedWrites(): number {
    return this.unsynced.length;
  }

  /** Writes the snapshot and the term that a cluster begins with, and after it empty entries of these terms. */
  found(snapshot: Snapshot, term: number, terms: readonly number[] = []): void {
    const { index } = snapshot.metadata;
    const entries = terms.map((each, i) => ({ type: undefined, term: each, index: index + 1 + i, data: undefined }));
    this.save({ term, vote: NONE, commit: index }, entries, snapshot);
    this.cut(1);
  }

  private write(write: Write): void {
    this.unsynced.push(write);
  }

  /** Writes what a Ready asks for: the entries, then the hard state, as etcd's log does. */
  save(hardState: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    const { hash, storage } = this;
    hash.number(entries.length);
    if (hardState !== undefined) {
      hash.number(hardState.term);
      hash.number(hardState.commit);
    }
    if (snapshot !== undefined) {
      hash.number(snapshot.metadata.index);
      storage.applySnapshot(snapshot);
      this.write({ kind: 'installed', snapshot, entries, hardState });
    }
    storage.append(entries);
    if (hardState !== undefined) storage.setHardState(hardState);
    if (snapshot !== undefined) return;
    if (entries.length > 0) this.write({ kind: 'entries', entries });
    if (hardState !== undefined) this.write({ kind: 'hard-state', hardState });
  }

  /** Writes a snapshot of the member's own state. */
  keepSnapshot(snapshot: Snapshot): void {
    const { index, confState } = snapshot.metadata;
    this.hash.number(index);
    this.storage.createSnapshot(index, confState, snapshot.data);
    this.write({ kind: 'made', snapshot });
  }

  /** Drops the log up to and including `index`, which the newest snapshot covers. */
  compact(index: number): void {
    this.hash.number(index);
    this.storage.compact(index);
    this.write({ kind: 'compacted', index });
  }

  /** Everything before the write of this number is on stable storage. */
  sync(upTo: number): void {
    const count = Math.min(upTo - this.synced, this.unsynced.length);
    if (count <= 0) return;
    this.hash.number(count);
    for (let i = 0; i < count; i++) this.durable.apply(this.unsynced[i] as Write);
    this.unsynced = count === this.unsynced.length ? [] : this.unsynced.slice(count);
    this.synced += count;
  }

  /** The power is cut: so many of the unsynced writes are on the disk, the oldest ones. The disk is read again. */
  cut(kept: number): void {
    this.sync(this.synced + kept);
    this.synced += this.unsynced.length;
    this.unsynced = [];
    this.storage = this.durable.open();
  }
}
