import { type ConfState, type Entry, type InitialState, isNewLog, type NodeId, type Snapshot } from '@raft-ts/raft';
import type { ReplicaLog, Unsaved } from '@raft-ts/replica';
import { Disk } from '../member/disk.js';
import type { Loss } from '../plan/stack-action.js';
import type { Medium, MediumHost, MediumOptions } from './medium.js';

/** What a faulty medium throws. */
class MediumError extends Error {
  override readonly name = 'MediumError';
}

/**
 * A log that keeps records in memory, of which a power cut leaves those that were synced, and a few more: for where
 * there are no files.
 */
export class Records implements Medium {
  room: number | undefined = undefined;
  failsNextSync = false;
  /** Records are there or not: what damages sectors does nothing to them. */
  straysNextSync = false;
  readonly hasStrayed = false;
  private readonly disk: Disk;
  private readonly options: MediumOptions;
  private founders: readonly NodeId[] | undefined = undefined;
  private present: RecordLog | undefined = undefined;

  constructor(options: MediumOptions) {
    this.options = options;
    this.disk = new Disk(options.hash);
  }

  rot(): void {}

  open(host: MediumHost): Promise<ReplicaLog> {
    const { disk, founders } = this;
    const log = new RecordLog({
      disk,
      founders,
      keep: (ids) => {
        this.founders = ids;
      },
      sync: (upTo) => this.sync(host, upTo),
      take: (entries) => this.take(entries),
      closed: () => {
        this.present = undefined;
      },
    });
    this.present = log;
    return Promise.resolve(log);
  }

  /** What was written so far is on stable storage once this resolves. */
  private async sync(host: MediumHost, upTo: number): Promise<void> {
    await host.pace();
    if (this.failsNextSync) {
      this.failsNextSync = false;
      throw new MediumError('a sync fails');
    }
    this.disk.sync(upTo);
  }

  /** @throws MediumError if there is no room for these entries */
  private take(entries: readonly Entry[]): void {
    if (this.room === undefined) return;
    this.room -= entries.reduce((sum, { data }) => sum + (data?.length ?? 0) + 16, 0);
    if (this.room < 0) throw new MediumError('there is no room');
  }

  end(loss: Loss): void {
    const { unsyncedWrites } = this.disk;
    const kept =
      loss === 'nothing' ? unsyncedWrites : loss === 'unsynced' ? 0 : this.options.random.int(unsyncedWrites + 1);
    this.disk.cut(kept);
    this.present = undefined;
  }

  isItsFault(error: unknown): boolean {
    if (!(error instanceof Error)) return false;
    return error instanceof MediumError || this.isItsFault(error.cause);
  }

  isDamage(): boolean {
    return false;
  }

  leftOpen(): readonly string[] {
    return this.present === undefined ? [] : ['the log'];
  }
}

interface RecordHost {
  readonly disk: Disk;
  readonly founders: readonly NodeId[] | undefined;
  readonly keep: (founders: readonly NodeId[]) => void;
  readonly sync: (upTo: number) => Promise<void>;
  readonly take: (entries: readonly Entry[]) => void;
  readonly closed: () => void;
}

class RecordLog implements ReplicaLog {
  readonly isNew: boolean;
  private readonly host: RecordHost;
  private kept: readonly NodeId[] | undefined;

  constructor(host: RecordHost) {
    this.host = host;
    this.kept = host.founders;
    this.isNew = isNewLog(host.disk.storage);
  }

  get founders(): readonly NodeId[] | undefined {
    return this.kept;
  }

  async keepFounders(founders: readonly NodeId[]): Promise<void> {
    const { disk, keep, sync } = this.host;
    this.kept = founders;
    await sync(disk.end);
    keep(founders);
  }

  initialState(): InitialState {
    return this.host.disk.storage.initialState();
  }

  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    return this.host.disk.storage.entries(lo, hi, maxSize);
  }

  term(i: number): number {
    return this.host.disk.storage.term(i);
  }

  firstIndex(): number {
    return this.host.disk.storage.firstIndex();
  }

  lastIndex(): number {
    return this.host.disk.storage.lastIndex();
  }

  snapshot(): Snapshot {
    return this.host.disk.storage.snapshot();
  }

  async save({ hardState, entries = [], snapshot }: Unsaved): Promise<void> {
    const { disk, sync, take } = this.host;
    const before = this.initialState().hardState;
    const news = snapshot !== undefined && snapshot.metadata.index > 0 ? snapshot : undefined;
    take(entries);
    disk.save(hardState, entries, news);
    const isCommitOnly =
      entries.length === 0 &&
      news === undefined &&
      (hardState === undefined || (hardState.term === before?.term && hardState.vote === before.vote));
    // A new commit index alone promises nothing.
    if (!isCommitOnly) await sync(disk.end);
  }

  async createSnapshot(
    index: number,
    confState: ConfState | undefined,
    data: Uint8Array | undefined,
  ): Promise<Snapshot> {
    const { disk, sync } = this.host;
    const { metadata: newest } = this.snapshot();
    const term = this.term(index);
    const snapshot = { data, metadata: { index, term, confState: confState ?? newest.confState } };
    disk.keepSnapshot(snapshot);
    await sync(disk.end);
    return snapshot;
  }

  compact(index: number): void {
    this.host.disk.compact(index);
  }

  async close(): Promise<void> {
    const { disk, sync, closed } = this.host;
    await sync(disk.end);
    closed();
  }
}
