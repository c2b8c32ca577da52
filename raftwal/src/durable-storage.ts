import { type ConfState, type Entry, type HardState, type Snapshot, type SnapshotMetadata } from '@raft-ts/proto';
import {
  checkOptionalBytes,
  checkPosition,
  checkRecord,
  confStateFault,
  describeError,
  ERR_SNAP_OUT_OF_DATE,
  refuseFault,
  snapshotFault,
  snapshotMembership,
  storageError,
} from '@raft-ts/proto/internal';
import type { InitialState, Storage } from '@raft-ts/raft';
import { ERR_WAL_INVALID, ERR_WAL_POISONED, WalError } from './base/errors.js';
import { checkLogOptions } from './base/options.js';
import { checkIdentity } from './format/identity.js';
import { LogView } from './log-view.js';
import { type OpenMember, openMember } from './open-member.js';
import type { DurableStorageOptions, WalOptions } from './options.js';
import type { SnapshotFiles } from './snapshots/snapshot-files.js';
import { refuseUnsaved, type Unsaved } from './unsaved.js';
import type { Wal } from './wal.js';

/** Etcd's, for both. */
const KEPT_FILES = 5;

/**
 * A raft log that survives: `DIR/wal`, `DIR/snap` and `DIR/incarnation` on disk, and what raft may ask for in memory.
 *
 * For each Ready: `await storage.save(rd)`, then send, apply and advance. Several calls may be under way: they become durable in
 * order and share writes.
 */
export class DurableStorage implements Storage {
  readonly dir: string;
  /** Nothing was ever saved here: start a node, do not restart one. */
  readonly isNew: boolean;
  /** A random name that tells this log from others, also from a former one of this member: for the transport's option. */
  readonly incarnation: string;
  /** For states of applications that are streamed, not held in memory. */
  readonly snapshots: SnapshotFiles;
  private readonly wal: Wal;
  private readonly view = new LogView();
  private readonly keepSnapshots: number;
  private readonly keepSegments: number;
  private readonly logger: WalOptions['logger'];
  private hardState: HardState | undefined;
  private newest: Snapshot;
  /** The newest one that an open would find after a power cut: what it needs must stay, also while `newest` is on its way. */
  private durable: SnapshotMetadata;
  /** A snapshot of the leader's that is being installed; what follows it waits. */
  private installing: Promise<void> | undefined = undefined;
  /** Why a snapshot could not be installed: memory is ahead of the disk for good. */
  private broken: unknown = undefined;
  private purging: Promise<void> = Promise.resolve();

  private constructor(dir: string, found: OpenMember, options: DurableStorageOptions) {
    this.dir = dir;
    this.incarnation = found.incarnation;
    this.wal = found.wal;
    this.snapshots = found.snapshots;
    this.keepSnapshots = Math.max(1, options.keepSnapshots ?? KEPT_FILES);
    this.keepSegments = options.keepSegments ?? KEPT_FILES;
    this.logger = options.logger;
    this.newest = found.snapshot;
    this.durable = found.snapshot.metadata;
    this.hardState = found.content?.hardState;
    this.view.reset(found.snapshot, found.content?.entries ?? []);
    this.isNew = this.hardState === undefined && this.view.lastIndex === 0;
  }

  /**
   * Opens what is in `dir`, or starts a new log there. Folders that are missing are made.
   *
   * @throws WalError `ERR_RAFT_WAL_LOCKED`, `_IDENTITY`, `_IO`, `_TORN`, `_UNDECIDED`, `_CORRUPT`; `_NOT_FOUND` if the log is gone and there
   * are snapshots, or a mark of what it had acknowledged: a member that lost its log must not return under its id
   */
  static async open(dir: string, options: DurableStorageOptions): Promise<DurableStorage> {
    checkOptions(dir, options);
    return new DurableStorage(dir, await openMember(dir, options), options);
  }

  initialState(): InitialState {
    return { hardState: this.hardState, confState: this.newest.metadata.confState };
  }

  firstIndex(): number {
    return this.view.firstIndex;
  }

  lastIndex(): number {
    return this.view.lastIndex;
  }

  term(i: number): number {
    return this.view.term(i);
  }

  entries(lo: number, hi: number, maxSize: number): readonly Entry[] {
    return this.view.entries(lo, hi, maxSize);
  }

  snapshot(): Snapshot {
    return this.newest;
  }

  /**
   * Saves what a Ready carries: snapshot, entries, hard state. Raft sees it at once; the call resolves when it is durable. With only a
   * commit it resolves at once, and a crash may bring the older one back.
   *
   * @throws WalError `ERR_RAFT_WAL_INVALID` where entries leave a gap, or term, vote or commit go back; `_POISONED`, `_STATE`
   */
  save(unsaved: Unsaved): Promise<void> {
    try {
      checkRecord('ready', unsaved);
      const { hardState, entries = [], snapshot } = unsaved;
      if (snapshot !== undefined) refuseFault('snapshot', snapshotFault(snapshot));
      const news = snapshot !== undefined && snapshot.metadata.index > 0 ? snapshot : undefined;
      this.check(hardState, entries, news);
      if (news !== undefined) {
        this.newest = news;
        this.view.reset(news);
      }
      this.view.append(entries);
      if (hardState !== undefined) this.hardState = hardState;
      if (news !== undefined) return this.install(news, hardState, entries);
      const write = (): Promise<void> => this.wal.save(hardState, entries);
      return this.installing === undefined ? write() : this.installing.then(write);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Saves a snapshot of the application's state at `index`, which is committed, and removes files that are not needed any more. Entries
   * stay in memory until `compact`. For a state that does not fit into memory: `snapshots.saveStream` first, and no data here.
   *
   * @param confState membership at `index`; `undefined`: that of the previous snapshot, where it still holds
   * @throws RaftError `ERR_RAFT_SNAP_OUT_OF_DATE` where there is one as new; `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`; WalError
   * `ERR_RAFT_WAL_INVALID` where `index` is not committed; RaftError `ERR_RAFT_SNAPSHOT_MEMBERSHIP` where there is no membership for it
   */
  async createSnapshot(
    index: number,
    confState: ConfState | undefined,
    data: Uint8Array | undefined,
  ): Promise<Snapshot> {
    checkPosition('index', index);
    if (confState !== undefined) refuseFault('confState', confStateFault(confState));
    checkOptionalBytes('data', data);
    const { metadata: previous } = this.newest;
    if (index <= previous.index) throw storageError(ERR_SNAP_OUT_OF_DATE);
    const term = this.view.term(index);
    const commit = this.hardState?.commit ?? 0;
    if (index > commit) throw new WalError(ERR_WAL_INVALID, `snapshot ${index} lies above the commit ${commit}`);
    const membership = snapshotMembership(index, confState, previous, (at) => this.view.entry(at));
    const snapshot: Snapshot = { data, metadata: { confState: membership, index, term } };
    // Saves go on meanwhile: the log has its mark once the file is there.
    await this.saveSnapshot(snapshot);
    if (index > this.newest.metadata.index) this.newest = snapshot;
    this.confirm(snapshot);
    await this.purge();
    return snapshot;
  }

  /**
   * Drops entries up to and including `index` from memory. Keep some behind the snapshot, for followers that lag a little: they are
   * there until the next start, which reads what is above the newest snapshot.
   *
   * @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`; WalError `ERR_RAFT_WAL_INVALID` above the newest snapshot, which alone could
   * stand for what is dropped
   */
  compact(index: number): void {
    checkPosition('index', index);
    const { index: newest } = this.newest.metadata;
    if (index > newest)
      throw new WalError(ERR_WAL_INVALID, `compact ${index} lies above the newest snapshot, ${newest}`);
    this.view.compact(index);
  }

  /** Resolves when everything saved is durable, the commit too. */
  async sync(): Promise<void> {
    await this.installing;
    await this.wal.sync();
  }

  /** Makes everything durable and closes the files. */
  async close(): Promise<void> {
    // Whoever saved it heard of its failure.
    await this.installing?.catch(() => {});
    await this.purging;
    await this.wal.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private check(hardState: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    if (this.broken !== undefined) {
      throw new WalError(ERR_WAL_POISONED, `a snapshot could not be installed: ${describeError(this.broken)}`, {
        cause: this.broken,
      });
    }
    const { hardState: before, view } = this;
    refuseUnsaved({ hardState, entries, snapshot }, { hardState: before, view, snapshot: this.newest.metadata });
  }

  /** Makes a snapshot of the leader's durable, and what came with it. */
  private install(snapshot: Snapshot, hardState: HardState | undefined, entries: readonly Entry[]): Promise<void> {
    const work = async (): Promise<void> => {
      try {
        await this.saveSnapshot(snapshot);
        const saved = this.wal.save(hardState, entries);
        // Without its commit the snapshot's mark means nothing.
        await this.wal.sync();
        await saved;
        this.confirm(snapshot);
      } catch (error) {
        this.broken = error;
        throw error;
      }
      await this.purge();
    };
    const turn = this.installing === undefined ? work() : this.installing.then(work);
    this.installing = turn;
    const over = (): void => {
      if (this.installing === turn) this.installing = undefined;
    };
    // Whoever called hears of a failure; this is only about what comes next.
    turn.catch(() => {}).finally(over);
    return turn;
  }

  /** The file first, then its mark: a mark without a file would be a promise that nobody keeps. */
  private async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await this.snapshots.save(snapshot);
    const { index, term, confState } = snapshot.metadata;
    await this.wal.saveSnapshot({ index, term, confState });
  }

  private confirm({ metadata }: Snapshot): void {
    if (metadata.index > this.durable.index) this.durable = metadata;
  }

  /** Removes files that nobody needs. One at a time, and never in the way of what is saved. */
  private async purge(): Promise<void> {
    // What was saved is saved, whether or not old files can go.
    this.purging = this.purging
      .then(() => this.removeOldFiles())
      .catch((error: unknown) => this.logger?.warn(`old files stay: ${describeError(error)}`));
    await this.purging;
  }

  private async removeOldFiles(): Promise<void> {
    const { durable } = this;
    await this.wal.releaseTo(durable.index);
    await this.wal.purge(this.keepSegments);
    await this.snapshots.purge(this.keepSnapshots, durable);
  }
}

function checkOptions(dir: string, options: DurableStorageOptions): void {
  checkLogOptions(dir, options);
  checkIdentity(options);
  const { keepSnapshots, keepSegments } = options;
  if (keepSnapshots !== undefined) checkPosition('keepSnapshots', keepSnapshots);
  if (keepSegments !== undefined) checkPosition('keepSegments', keepSegments);
}
