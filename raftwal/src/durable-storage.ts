import {
  type ConfState,
  type Entry,
  type HardState,
  type NodeId,
  type Snapshot,
  type SnapshotMetadata,
} from '@raft-ts/proto';
import {
  badArgument,
  checkId,
  checkList,
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
import { codedFs } from './base/coded-fs.js';
import { ERR_WAL_INVALID, ERR_WAL_POISONED, WalError } from './base/errors.js';
import type { Fs } from './base/fs.js';
import { checkLogOptions } from './base/options.js';
import { checkIdentity } from './format/identity.js';
import { isUnused, keepFounders, MAX_FOUNDERS } from './founders.js';
import { LogView } from './log-view.js';
import { type OpenMember, openMember } from './open-member.js';
import type { DurableStorageOptions, WalOptions } from './options.js';
import type { SnapshotFiles } from './snapshots/snapshot-files.js';
import { refuseUnsaved, type Unsaved } from './unsaved.js';
import type { Wal } from './wal.js';

/** The default of etcd, for both kinds of files. */
const KEPT_FILES = 5;

/**
 * A durable raft log: `DIR/wal`, `DIR/snap`, `DIR/incarnation` and `DIR/founders` on disk, and in memory everything
 * that raft may ask for.
 *
 * For each Ready: `await storage.save(rd)`, then send, apply and advance. Several calls may be under way: they become
 * durable in order and share writes.
 */
export class DurableStorage implements Storage {
  readonly dir: string;
  /** The member whose log it is. */
  readonly nodeId: NodeId;
  /**
   * Whether this member belongs to no cluster yet: nothing was ever saved, or a crash cut the founding short. Then
   * start a node, do not restart one.
   */
  readonly isNew: boolean;
  /**
   * A random name that distinguishes this log from all others, including earlier logs of this member: for the
   * transport's option.
   */
  readonly incarnation: string;
  /** The snapshot files, for applications that stream their state. */
  readonly snapshots: SnapshotFiles;
  private readonly fs: Fs;
  private kept: readonly NodeId[] | undefined;
  private readonly wal: Wal;
  private readonly view = new LogView();
  private readonly keepSnapshots: number;
  private readonly keepSegments: number;
  private readonly logger: WalOptions['logger'];
  private hardState: HardState | undefined;
  /** The last index when it was opened. */
  private readonly openedAt: number;
  private newest: Snapshot;
  /**
   * The newest snapshot that a start would find after a power cut. The files that it needs must stay, even while a
   * newer one is being saved.
   */
  private durable: SnapshotMetadata;
  /** The installation of a snapshot from the leader; later saves wait for it. */
  private installing: Promise<void> | undefined = undefined;
  /** Why a snapshot could not be installed. Memory is then ahead of the disk for good. */
  private broken: unknown = undefined;
  private purging: Promise<void> = Promise.resolve();

  private constructor(dir: string, found: OpenMember, options: DurableStorageOptions) {
    this.dir = dir;
    this.nodeId = options.nodeId;
    this.incarnation = found.incarnation;
    this.fs = codedFs(options.fs);
    this.kept = found.founders;
    this.wal = found.wal;
    this.snapshots = found.snapshots;
    this.keepSnapshots = Math.max(1, options.keepSnapshots ?? KEPT_FILES);
    this.keepSegments = options.keepSegments ?? KEPT_FILES;
    this.logger = options.logger;
    this.newest = found.snapshot;
    this.durable = found.snapshot.metadata;
    this.hardState = found.content?.hardState;
    this.view.reset(found.snapshot, found.content?.entries ?? []);
    this.isNew = isUnused(this.hardState, this.newest.metadata, found.content?.entries ?? []);
    this.openedAt = this.view.lastIndex;
  }

  /**
   * Opens the log in `dir`, or starts a new one there. Missing folders are made.
   *
   * @throws WalError `ERR_RAFT_WAL_LOCKED`, `_IDENTITY`, `_IO`, `_TORN`, `_UNDECIDED`, `_CORRUPT`; `_NOT_FOUND` if the
   * log is gone and there are snapshots, or a mark of what it had acknowledged: a member that lost its log must not
   * return under its id
   */
  static async open(dir: string, options: DurableStorageOptions): Promise<DurableStorage> {
    checkOptions(dir, options);
    return new DurableStorage(dir, await openMember(dir, options), options);
  }

  /** The members that founded this log's cluster, as `keepFounders` was told; undefined if it never was. */
  get founders(): readonly NodeId[] | undefined {
    return this.kept;
  }

  /**
   * Keeps the founders of this log's cluster, for good: of a new log, before anything is saved. Members that others
   * founded must not be spoken to.
   *
   * @throws WalError `ERR_RAFT_WAL_INVALID` if something was saved before, `ERR_RAFT_WAL_IO`; RaftError
   * `ERR_RAFT_ARGUMENT` for what is no list of ids, an empty one, or one that is too long to be read back
   */
  async keepFounders(founders: readonly NodeId[]): Promise<void> {
    checkList('founders', founders);
    if (founders.length === 0 || founders.length > MAX_FOUNDERS) {
      const allowed = `a list of 1 to ${MAX_FOUNDERS} ids`;
      throw badArgument('founders', { path: '.length', value: founders.length, allowed });
    }
    for (const id of founders) checkId('founders', id);
    if (!this.isNew || this.hardState !== undefined || this.view.lastIndex !== this.openedAt)
      throw new WalError(ERR_WAL_INVALID, `the founders of the log in ${this.dir} are settled already`);
    await keepFounders(this.fs, this.dir, founders);
    this.kept = [...founders];
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
   * Saves a Ready: its snapshot, entries and hard state. Raft sees them at once; the call resolves when they are
   * durable. If only the commit is new, it resolves at once, and a crash may bring the older commit back.
   *
   * @throws WalError `ERR_RAFT_WAL_INVALID` if entries leave a gap, or term, vote or commit go back; `_POISONED`,
   * `_STATE`
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
   * Saves a snapshot of the application's state at `index`, which is committed, and removes files that are not needed
   * any more. Entries stay in memory until `compact`. If the state does not fit into memory, call
   * `snapshots.saveStream` first, and pass no data here.
   *
   * @param confState membership at `index`; `undefined` for that of the previous snapshot, if it still holds
   * @throws RaftError `ERR_RAFT_SNAP_OUT_OF_DATE` if there is one as new; `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`;
   * WalError `ERR_RAFT_WAL_INVALID` if `index` is not committed; RaftError `ERR_RAFT_SNAPSHOT_MEMBERSHIP` if its
   * membership is unknown
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
    if (index > commit) throw new WalError(ERR_WAL_INVALID, `snapshot ${index} is above the commit, ${commit}`);
    const membership = snapshotMembership(index, confState, previous, (at) => this.view.entry(at));
    const snapshot: Snapshot = { data, metadata: { confState: membership, index, term } };
    // Saves continue meanwhile: the log gets the mark when the file is durable.
    await this.saveSnapshot(snapshot);
    if (index > this.newest.metadata.index) this.newest = snapshot;
    this.confirm(snapshot);
    await this.purge();
    return snapshot;
  }

  /**
   * Drops entries up to and including `index` from memory. Keep some entries below the snapshot for followers that lag
   * a little. They last until the next start, which reads only the entries above the newest snapshot.
   *
   * @throws RaftError `ERR_RAFT_COMPACTED`, `ERR_RAFT_UNAVAILABLE`; WalError `ERR_RAFT_WAL_INVALID` above the newest
   * snapshot, because nothing would replace the dropped entries
   */
  compact(index: number): void {
    checkPosition('index', index);
    const { index: newest } = this.newest.metadata;
    if (index > newest)
      throw new WalError(ERR_WAL_INVALID, `cannot compact up to ${index}: the newest snapshot is ${newest}`);
    this.view.compact(index);
  }

  /** Resolves when everything saved is durable, including the commit. */
  async sync(): Promise<void> {
    await this.installing;
    await this.wal.sync();
  }

  /** Makes everything durable and closes the files. */
  async close(): Promise<void> {
    // The caller of `save` was told of the failure.
    await this.installing?.catch(() => {});
    await this.purging;
    await this.wal.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private check(hardState: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    const { broken } = this;
    if (broken !== undefined) {
      const what = 'a snapshot could not be installed, and nothing more is written until the log is opened again';
      throw new WalError(ERR_WAL_POISONED, `${what}: ${describeError(broken)}`, { cause: broken });
    }
    const { hardState: before, view } = this;
    refuseUnsaved({ hardState, entries, snapshot }, { hardState: before, view, snapshot: this.newest.metadata });
  }

  /** Makes a snapshot from the leader durable, together with what came with it. */
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
    // The caller is told of a failure; this only clears the way for what comes next.
    turn.catch(() => {}).finally(over);
    return turn;
  }

  /** The file comes first, then its mark: the log must not confirm a file that is not there. */
  private async saveSnapshot(snapshot: Snapshot): Promise<void> {
    await this.snapshots.save(snapshot);
    const { index, term, confState } = snapshot.metadata;
    await this.wal.saveSnapshot({ index, term, confState });
  }

  private confirm({ metadata }: Snapshot): void {
    if (metadata.index > this.durable.index) this.durable = metadata;
  }

  /** Removes files that are not needed. One run at a time; saves do not wait for it. */
  private async purge(): Promise<void> {
    // A save does not fail because old files cannot be removed.
    this.purging = this.purging
      .then(() => this.removeOldFiles())
      .catch((error: unknown) => this.logger?.warn(`old files were not removed: ${describeError(error)}`));
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
