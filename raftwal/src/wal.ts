import { join } from 'node:path';
import type { Entry, HardState } from '@raft-ts/proto';
import { checkList, checkPosition, checkRecord } from '@raft-ts/proto/internal';
import { codedFs } from './base/coded-fs.js';
import { ERR_WAL_IDENTITY, ERR_WAL_NOT_FOUND, ERR_WAL_STATE, WalError } from './base/errors.js';
import { closeAll, type Fs, type FsFile, readFully, withCleanup, writeFully } from './base/fs.js';
import { lockFile } from './base/lock.js';
import { checkLogOptions, DEFAULT_SEGMENT_SIZE } from './base/options.js';
import { checkIdentity, decodeIdentity, encodeIdentity, type Identity } from './format/identity.js';
import { fromTheStart, type WalSnapshot } from './format/record.js';
import { type SegmentName, segmentName, strangersAmong } from './format/segment-name.js';
import { LogMark, type MarkPlace, markPath, readMark } from './mark/log-mark.js';
import type { WalContent, WalCreateOptions, WalOpenOptions } from './options.js';
import { damageError } from './read/damage.js';
import { readLog } from './read/log-reader.js';
import { readMetadata } from './read/peek.js';
import { cutDamage } from './read/repair.js';
import { Replay } from './read/replay.js';
import { listSegments, segmentsFrom } from './read/segments.js';
import { createLog, headOfLog } from './write/create.js';
import { LARGEST_WRITE, type LogPosition, LogWriter, type OpenSegment } from './write/log-writer.js';

/**
 * Etcd's write-ahead log: `create` or `open`, `readAll` once, then `save` for each Ready.
 *
 * One write is under way at a time. Everything saved meanwhile shares the next one.
 */
export class Wal {
  /** The folder of the log. */
  readonly dir: string;
  private readonly fs: Fs;
  private readonly options: WalOpenOptions;
  /** The open and locked files, in order, until the writer takes them over. */
  private opened: OpenSegment[] = [];
  /** The lock of the whole log; undefined if it was opened read-only. */
  private readonly mark: LogMark | undefined;
  /** The mark as it was before the files were listed. */
  private markFound: MarkPlace | undefined = undefined;
  private phase: 'unread' | 'read' | 'closed' = 'unread';
  private writer: LogWriter | undefined = undefined;

  private constructor(fs: Fs, dir: string, mark: LogMark | undefined, options: WalOpenOptions) {
    this.fs = fs;
    this.dir = dir;
    this.mark = mark;
    this.options = options;
  }

  /**
   * Makes a new log, ready for `save`, in a folder that is missing or empty; the folder above it must exist. A crash
   * leaves either no log or a complete one.
   *
   * @throws WalError `ERR_RAFT_WAL_EXISTS`, `_LOCKED`, `_LOCK_UNAVAILABLE`, `_IO`; `_NOT_FOUND` if the mark shows that
   * there was a log
   */
  static async create(dir: string, options: WalCreateOptions = {}): Promise<Wal> {
    checkLogOptions(dir, options);
    if (options.identity !== undefined) checkIdentity(options.identity);
    const fs = codedFs(options.fs);
    const mark = options.lock ?? (await LogMark.take(fs, dir, options));
    const wal = new Wal(fs, dir, mark, options);
    try {
      if (mark.found !== undefined && (await listSegments(fs, dir)).length === 0) throw logIsGone(dir);
      const { identity } = options;
      const metadata = identity === undefined ? options.metadata : encodeIdentity(identity);
      const { bytes, chain } = headOfLog(metadata);
      const first = segmentName(0, 0);
      await createLog(fs, dir, { name: first.name, head: bytes, size: options.segmentSize ?? DEFAULT_SEGMENT_SIZE });
      await wal.hold([first]);
      const clearTo = Number.POSITIVE_INFINITY;
      wal.startWriting(mark, { offset: bytes.length, clearTo, chain, lastIndex: 0, hardState: undefined, metadata });
      return wal;
    } catch (error) {
      await wal.letGo();
      throw error;
    }
  }

  /**
   * Opens a log. Call `readAll` next; nothing is written before that.
   * @throws WalError `ERR_RAFT_WAL_NOT_FOUND`, `_LOCKED`, `_LOCK_UNAVAILABLE`, `_IDENTITY`, `_IO`, `_CORRUPT` (a file
   * is missing)
   */
  static async open(dir: string, options: WalOpenOptions = {}): Promise<Wal> {
    checkLogOptions(dir, options);
    if (options.identity !== undefined) checkIdentity(options.identity);
    const fs = codedFs(options.fs);
    const readOnly = options.readOnly === true;
    const mark = readOnly ? undefined : (options.lock ?? (await LogMark.take(fs, dir, options)));
    const wal = new Wal(fs, dir, mark, options);
    try {
      const { index } = options.snapshot ?? fromTheStart;
      wal.markFound = mark === undefined ? await readMark(fs, dir) : mark.found;
      await wal.hold(segmentsFrom(await listSegments(fs, dir), index));
      for (const name of strangersAmong(await fs.readdir(dir))) {
        options.logger?.warn(`ignored ${join(dir, name)}: its name is not that of a file of the log`);
      }
      if (options.identity !== undefined) await wal.checkIdentity(options.identity);
      return wal;
    } catch (error) {
      await wal.letGo();
      throw error;
    }
  }

  /** Opens and locks these files. */
  private async hold(names: readonly SegmentName[]): Promise<void> {
    const { fs, dir, opened, options } = this;
    const write = options.readOnly !== true;
    for (const segment of names) {
      const file = await fs.open(join(dir, segment.name), write ? { write, writeThrough: true } : {});
      opened.push({ ...segment, file });
      if (write) await lockFile(file, join(dir, segment.name), options);
    }
  }

  private async checkIdentity(identity: Identity): Promise<void> {
    const { name, file } = this.opened[0] as OpenSegment;
    const head = await readMetadata(file);
    // `readAll` reports a head that cannot be read.
    if (head === undefined) return;
    const owner = decodeIdentity(head.metadata);
    if (owner?.nodeId === identity.nodeId && owner.clusterId === identity.clusterId) return;
    const wanted = ownerText(identity);
    const what =
      owner === undefined
        ? `the log does not say whose it is, and is opened as that of ${wanted}`
        : `the log belongs to ${ownerText(owner)}, not to ${wanted}`;
    const isForeign = owner !== undefined && owner.clusterId !== identity.clusterId;
    const todo = `check the folder and the ids. ${isForeign ? FOREIGN_LOG : LOST_LOG}`;
    throw new WalError(ERR_WAL_IDENTITY, `${what}: ${todo}`, { file: name });
  }

  /** Index of the last entry or snapshot in the log; 0 before `readAll`, or if there is none. */
  get lastIndex(): number {
    return this.writer?.lastIndex ?? 0;
  }

  /** Names of the files that this object has open, in order. */
  get files(): readonly string[] {
    return (this.writer?.segments ?? this.opened).map(({ name }) => name);
  }

  /**
   * Reads the log, once. If it was opened for writing, `save` is allowed afterwards, and everything returned is
   * durable.
   *
   * @throws WalError `ERR_RAFT_WAL_TORN`, `_UNDECIDED`, `_CORRUPT` with file and offset; `_SNAPSHOT_MISMATCH`;
   * read-only also `_SNAPSHOT_NOT_FOUND`; `_STATE` the second time
   */
  async readAll(): Promise<WalContent> {
    if (this.phase !== 'unread') throw this.wrongPhase();
    this.phase = 'read';
    const { fs, dir, opened, options } = this;
    const replay = new Replay(options.snapshot ?? fromTheStart);
    const files = new Map(opened.map(({ name, file }) => [name, file]));
    const reach = options.readOnly === true ? Number.POSITIVE_INFINITY : reachOf(this.markFound);
    const tail = await readLog({ fs, dir, segments: opened, files, mark: this.markFound, reach }, replay);
    const { damage } = tail;
    const { file, sequence } = opened.at(-1) as OpenSegment;
    if (damage !== undefined) {
      const tolerated = damage.verdict === 'torn' && (options.readOnly === true || options.torn === 'repair');
      if (!tolerated) throw damageError(damage);
      if (options.readOnly !== true) {
        await cutDamage(fs, dir, file, damage);
        options.logger?.warn(`cut ${damage.file} at byte ${damage.offset}: ${damage.what}, ${damage.why}`);
      }
    }
    const { metadata, hardState, entries, snapshots, found: snapshotFound, lastIndex } = replay;
    if (this.mark === undefined) replay.requireSnapshot();
    else {
      const { offset, chain, clearTo } = tail;
      await harden(file, offset);
      await fs.syncDirectory(dir);
      this.startWriting(this.mark, { offset, clearTo, chain, lastIndex, hardState, metadata });
      // The records that raft is given now must not get lost unnoticed either, even if another program wrote them.
      this.mark.acknowledged({ sequence, offset });
    }
    return { metadata, hardState, entries, snapshots, snapshotFound, damage };
  }

  private startWriting(mark: LogMark, position: LogPosition): void {
    this.phase = 'read';
    this.writer = new LogWriter(this.fs, this.dir, this.opened, mark, position, this.options);
    this.opened = [];
  }

  /**
   * Saves the entries and hard state of a Ready. If there are entries, or the term or vote changed, it resolves when
   * they are durable. If only the commit changed, it resolves at once, and a crash may bring an older commit back. Does
   * nothing without entries and with a zero state.
   *
   * @throws WalError `ERR_RAFT_WAL_POISONED` once a write has failed, `ERR_RAFT_WAL_STATE`; RaftError
   * `ERR_RAFT_POSITION_RANGE`, after which the log is as before
   */
  save(hardState: HardState | undefined, entries: readonly Entry[]): Promise<void> {
    // Not async: all callers that share a write get the same promise.
    try {
      if (hardState !== undefined) checkRecord('hardState', hardState);
      checkList('entries', entries);
      return this.writing().save(hardState, entries);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Marks a snapshot whose file is durable. Resolves when the mark and everything saved before it are durable,
   * including the commit.
   * @throws WalError `ERR_RAFT_WAL_INVALID` without a ConfState, `_POISONED`, `_STATE`
   */
  async saveSnapshot(snapshot: WalSnapshot): Promise<void> {
    checkRecord('snapshot', snapshot);
    await this.writing().saveSnapshot(snapshot);
  }

  /** Resolves when everything saved so far is durable, including the commit. @throws WalError `_POISONED`, `_STATE` */
  async sync(): Promise<void> {
    await this.writing().sync();
  }

  /**
   * Begins a new file after everything saved so far, and resolves when it is there. @throws WalError `_POISONED`,
   * `_STATE`
   */
  async cut(): Promise<void> {
    await this.writing().cut();
  }

  /**
   * Declares that nothing below `index` is needed any more: files that hold nothing else are closed and unlocked, but
   * stay on disk until `purge`. The file that holds `index` - 1 stays open, as in etcd.
   */
  async releaseTo(index: number): Promise<void> {
    checkPosition('index', index);
    await this.writing().releaseTo(index);
  }

  /**
   * Removes released files, oldest first, until only `keep` files are left. Returns their names. A file that another
   * process has locked stays, and so do those after it.
   */
  async purge(keep = 5): Promise<string[]> {
    checkPosition('keep', keep);
    const writer = this.writing();
    writer.check();
    const { fs, dir } = this;
    const first = (writer.segments[0] as SegmentName).sequence;
    const all = await listSegments(fs, dir);
    const removed: string[] = [];
    for (const { name, sequence } of all.slice(0, Math.max(0, all.length - keep))) {
      if (sequence >= first || !(await this.remove(name))) break;
      // Sync each removal: a power cut that brought back an older file but not the next would leave a gap.
      await fs.syncDirectory(dir);
      removed.push(name);
    }
    return removed;
  }

  private async remove(name: string): Promise<boolean> {
    const path = join(this.dir, name);
    const file = await this.fs.open(path, { write: true });
    return withCleanup(
      async () => {
        if (this.options.unsafeNoLock !== true && !(await file.lock())) return false;
        await this.fs.unlink(path);
        return true;
      },
      () => file.close(),
    );
  }

  /** Writes what is left and closes the files, even if the write fails. Closing a poisoned log does not fail. */
  async close(): Promise<void> {
    if (this.phase === 'closed') return;
    await withCleanup(
      async () => this.writer?.finish(),
      async () => {
        this.phase = 'closed';
        await withCleanup(
          () => this.closeFiles(),
          async () => this.mark?.close(),
        );
      },
    );
  }

  /** Releases what a failed opening has taken. */
  private async letGo(): Promise<void> {
    this.phase = 'closed';
    await this.closeFiles().catch(() => {});
    await this.mark?.close();
  }

  private async closeFiles(): Promise<void> {
    await closeAll(this.opened.splice(0).map(({ file }) => file));
    await this.writer?.closeFiles();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private writing(): LogWriter {
    if (this.phase === 'closed' || this.writer === undefined) throw this.wrongPhase();
    return this.writer;
  }

  private wrongPhase(): WalError {
    const refuse = (reason: string, text: string): WalError => new WalError(ERR_WAL_STATE, text, { reason });
    if (this.phase === 'closed') return refuse('closed', 'the log is closed');
    if (this.phase === 'unread') return refuse('not-read', 'the log must be read before it can be written');
    if (this.options.readOnly === true)
      return refuse('read-only', 'the log was opened read-only: it cannot be written, and is read only once');
    return refuse('read-twice', 'the log was already read, or could not be read');
  }
}

/**
 * Returns how many bytes after the last record are checked before a log is opened for writing; the writer has the rest
 * checked before it gets there. Only our own writer is sure to leave unfinished writes no longer than that, and it
 * leaves a mark.
 */
export function reachOf(mark: MarkPlace | undefined): number {
  return mark === undefined ? Number.POSITIVE_INFINITY : LARGEST_WRITE;
}

/** Returns the error for a log that is missing although there is a mark. */
export function logIsGone(dir: string): WalError {
  const what = `there is no log in ${dir}, and ${markPath(dir)} shows that there was one`;
  return new WalError(ERR_WAL_NOT_FOUND, `${what}. Put it back. ${LOST_LOG}`);
}

/** Names the owner by the numbers that its options have. */
function ownerText({ nodeId, clusterId }: Identity): string {
  return `member ${nodeId} of cluster ${clusterId}`;
}

/** What it holds was never committed there: a cluster that was recovered or restored is another one. */
const FOREIGN_LOG =
  'A member of one cluster cannot go on in another: there it begins with an empty folder, as a new member';

/** It must not come back under its id: it may have voted in the log that it lost. */
const LOST_LOG =
  'A member that lost its log must be replaced by one with a new id (replaceMember of @raft-ts/replica does that), or removed and added anew';

/**
 * Makes the records of the last file durable, so that raft can build on them. A killed process may have left some that
 * were never synced. And after a failed sync, the kernel may show bytes that the disk does not have and that another
 * sync would not write. So everything that the last write can have held is written again.
 */
async function harden(file: FsFile, end: number): Promise<void> {
  const start = Math.max(0, end - LARGEST_WRITE);
  const bytes = new Uint8Array(end - start);
  await readFully(file, bytes, start);
  await writeFully(file, bytes, start);
  await file.datasync();
}
