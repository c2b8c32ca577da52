import type { ConfState, Snapshot } from '@raft-ts/raft';
import type { ReplicaLog, SnapshotStreams, Unsaved } from '@raft-ts/replica';

interface Told {
  readonly onDurable: (unsaved: Unsaved) => void;
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

/** Hands everything on, and tells when a write has become durable, before the replica hears of it. */
export class WatchedLog implements ReplicaLog {
  readonly snapshots?: SnapshotStreams;
  readonly keepFounders?: NonNullable<ReplicaLog['keepFounders']>;
  private readonly log: ReplicaLog;
  private readonly told: Told;
  private last: Promise<void> = Promise.resolve();

  constructor(log: ReplicaLog, told: Told) {
    this.log = log;
    this.told = told;
    if (log.snapshots !== undefined) this.snapshots = log.snapshots;
    if (log.keepFounders !== undefined) this.keepFounders = (founders) => log.keepFounders?.(founders) as Promise<void>;
  }

  get isNew(): boolean {
    return this.log.isNew;
  }

  get founders(): ReplicaLog['founders'] {
    return this.log.founders;
  }

  initialState(): ReturnType<ReplicaLog['initialState']> {
    return this.log.initialState();
  }

  entries(lo: number, hi: number, maxSize: number): ReturnType<ReplicaLog['entries']> {
    return this.log.entries(lo, hi, maxSize);
  }

  term(i: number): number {
    return this.log.term(i);
  }

  firstIndex(): number {
    return this.log.firstIndex();
  }

  lastIndex(): number {
    return this.log.lastIndex();
  }

  snapshot(): Snapshot {
    return this.log.snapshot();
  }

  save({ hardState, entries = [], snapshot }: Unsaved): Promise<void> {
    // A copy: what the Ready holds may be used again by then.
    const unsaved = { hardState, entries: entries.slice(), snapshot };
    const saving = this.log.save(unsaved);
    const { last } = this;
    const saved = (async () => {
      await saving;
      // Writes become durable in their order, also if one that is quicker says so first.
      await last;
      this.told.onDurable(unsaved);
    })();
    this.last = saved;
    return saved;
  }

  async createSnapshot(
    index: number,
    confState: ConfState | undefined,
    data: Uint8Array | undefined,
  ): Promise<Snapshot> {
    const snapshot = await this.log.createSnapshot(index, confState, data);
    this.told.onSnapshot(snapshot);
    return snapshot;
  }

  compact(index: number): void {
    this.log.compact(index);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
