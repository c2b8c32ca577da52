import { join, resolve } from 'node:path';
import type { Snapshot } from '@raft-ts/proto';
import type { Logger } from '@raft-ts/raft';
import { codedFs } from '../base/coded-fs.js';
import { makeDirectories } from '../base/directories.js';
import { ERR_SNAP_BROKEN, ERR_SNAP_NONE, hasCode, WalError } from '../base/errors.js';
import { type Fs, type FsFile, readFully, withCleanup, writeFully } from '../base/fs.js';
import { placeFile } from '../base/place-file.js';
import type { ReadFrom } from '../format/record.js';
import { hex16 } from '../format/segment-name.js';
import { decodeSnapshotFile, encodeSnapshotFile } from './snapshot-format.js';

/** Size of the pieces in which a file is read. */
const PIECE = 1 << 20;

/**
 * A stream is synced each time that so much was written. A single sync at the end has all of it to write, and whoever
 * syncs another file on the same disk, such as a log, waits for that: half of a second for 256 MiB.
 */
const SYNC_BYTES = 4 << 20;

/** Options of `SnapshotFiles`. */
export interface SnapshotFilesOptions {
  /** Default: this machine's file system. */
  readonly fs?: Fs;
  /** Receives warnings about broken and strange files. Default: no logger. */
  readonly logger?: Pick<Logger, 'warn'>;
}

/**
 * A folder of snapshots, in etcd's format: `TERM-INDEX.snap` holds a snapshot as raft knows it; `INDEX.snap.db`, as a
 * stream of any length, the state of an application that does not fit into memory.
 *
 * A file has its name only once it is durable.
 */
export class SnapshotFiles {
  readonly dir: string;
  private readonly fs: Fs;
  private readonly logger: Pick<Logger, 'warn'> | undefined;
  /** Number of files begun so far. */
  private scratches = 0;

  private constructor(dir: string, fs: Fs, logger: Pick<Logger, 'warn'> | undefined) {
    this.dir = dir;
    this.fs = fs;
    this.logger = logger;
  }

  /**
   * Opens the folder, and makes it if it is missing. Removes what an earlier process did not finish; so if the folder
   * belongs to a log, the lock of that log must be held.
   */
  static async open(dir: string, options: SnapshotFilesOptions = {}): Promise<SnapshotFiles> {
    const files = SnapshotFiles.unopened(dir, options);
    await files.prepare();
    return files;
  }

  /**
   * Returns an object that looks at the folder without changing it: it may be in use by another process, or missing.
   * `prepare` makes it ready for use.
   */
  static unopened(dir: string, options: SnapshotFilesOptions = {}): SnapshotFiles {
    return new SnapshotFiles(dir, codedFs(options.fs), options.logger);
  }

  /** Returns the index in the name of a snapshot file. */
  static indexOf(name: string): number {
    return Number.parseInt(name.slice(17), 16);
  }

  /** Makes the folder if it is missing, and removes what an earlier process did not finish, ours or etcd's. */
  async prepare(): Promise<void> {
    await makeDirectories(this.fs, this.dir);
    for (const name of await this.fs.readdir(this.dir)) {
      if (/\.snap(\.db)?\.tmp$|^db\.tmp/.test(name)) await this.fs.unlink(join(this.dir, name));
    }
  }

  /**
   * Returns the names that belong to a snapshot: that of its file, and that of the stream beside it, if there is one.
   */
  static namesOf({ index, term }: ReadFrom): readonly [snapshot: string, stream: string] {
    return [`${hex16(term)}-${hex16(index)}.snap`, `${hex16(index)}.snap.db`];
  }

  /** Saves a snapshot; an empty one (index 0) is not saved. Resolves when it is durable. */
  async save(snapshot: Snapshot): Promise<void> {
    if (snapshot.metadata.index === 0) return;
    await this.place(SnapshotFiles.namesOf(snapshot.metadata)[0], async (file) => {
      let at = 0;
      for (const piece of encodeSnapshotFile(snapshot)) {
        await writeFully(file, piece, at);
        at += piece.length;
      }
    });
  }

  /**
   * Loads the newest readable snapshot: that of the highest term, then of the highest index. With `marks`, only one of
   * these: pass the snapshots that the log confirms (`validSnapshots`), because a file without a mark may be older than
   * what was acknowledged since. A file that cannot be read is renamed to `NAME.broken`, and the next older one is
   * tried.
   *
   * @throws WalError `ERR_RAFT_SNAP_NONE`
   */
  async load(marks?: readonly ReadFrom[]): Promise<Snapshot> {
    const { snapshot, broken } = await this.find(marks);
    await this.setAside(broken);
    if (snapshot !== undefined) return snapshot;
    throw new WalError(
      ERR_SNAP_NONE,
      `${this.dir} holds no snapshot${marks === undefined ? '' : ' that the log confirms'}`,
    );
  }

  /** Finds, as `load` does, but changes nothing: returns the names of the files that cannot be read, for `setAside`. */
  async find(
    marks?: readonly ReadFrom[],
  ): Promise<{ readonly snapshot?: Snapshot; readonly broken: readonly string[] }> {
    const broken: string[] = [];
    for (const name of await this.names()) {
      const snapshot = await this.read(name);
      if (snapshot === undefined) {
        broken.push(name);
        continue;
      }
      const { index, term } = snapshot.metadata;
      if (marks === undefined || marks.some((mark) => mark.index === index && mark.term === term)) {
        return { snapshot, broken };
      }
    }
    return { broken };
  }

  /** Renames these files to `NAME.broken`, so that they are not tried again. */
  async setAside(broken: readonly string[]): Promise<void> {
    for (const name of broken) {
      this.logger?.warn(`renamed ${name} to ${name}.broken`);
      await this.fs.rename(join(this.dir, name), join(this.dir, `${name}.broken`));
      await this.fs.syncDirectory(this.dir);
    }
  }

  /** Returns the names of the snapshot files, newest first. A transport keeps `tmp…` and `.snap.part` files here. */
  async names(): Promise<string[]> {
    const snapshots: string[] = [];
    for (const name of await this.present()) {
      if (name.endsWith('.snap')) snapshots.push(name);
      else if (name !== 'db' && !/\.snap\.(db|broken|tmp|part|db\.tmp)$|^tmp[0-9a-f-]+$/.test(name))
        this.logger?.warn(`ignored ${name}: not a snapshot`);
    }
    return snapshots.sort().reverse();
  }

  private async present(): Promise<string[]> {
    try {
      return await this.fs.readdir(this.dir);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return [];
      throw error;
    }
  }

  private async read(name: string): Promise<Snapshot | undefined> {
    const file = await this.fs.open(join(this.dir, name));
    return withCleanup(
      async () => {
        const bytes = new Uint8Array(await file.size());
        const count = await readFully(file, bytes, 0);
        try {
          return decodeSnapshotFile(bytes.subarray(0, count));
        } catch (error) {
          if (!hasCode(error, ERR_SNAP_BROKEN)) throw error;
          this.logger?.warn(`${name} cannot be read: ${String(error)}`);
          return undefined;
        }
      },
      () => file.close(),
    );
  }

  /**
   * Saves the state of an application up to `index`, of any length, from a stream. It replaces an earlier file: one of
   * unknown origin must not be taken for the caller's state. Several calls may be under way, even for one index: the
   * last to end wins. Resolves to the length in bytes.
   */
  async saveStream(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, index: number): Promise<number> {
    let length = 0;
    await this.place(`${hex16(index)}.snap.db`, async (file) => {
      let unsynced = 0;
      for await (const piece of source) {
        if (piece.length > 0) await writeFully(file, piece, length);
        length += piece.length;
        unsynced += piece.length;
        if (unsynced < SYNC_BYTES) continue;
        await file.datasync();
        unsynced = 0;
      }
    });
    return length;
  }

  /**
   * Reads the stream that was saved for `index`, in pieces that the caller may keep. @throws WalError
   * `ERR_RAFT_SNAP_NONE`
   */
  async *loadStream(index: number): AsyncGenerator<Uint8Array, void> {
    const file = await this.openStream(index);
    try {
      for (let at = 0; ; ) {
        const piece = new Uint8Array(PIECE);
        const count = await readFully(file, piece, at);
        if (count === 0) return;
        yield piece.subarray(0, count);
        at += count;
      }
    } finally {
      await file.close();
    }
  }

  /** Returns the length of the stream that was saved for `index`, in bytes. @throws WalError `ERR_RAFT_SNAP_NONE` */
  async streamSize(index: number): Promise<number> {
    const file = await this.openStream(index);
    return withCleanup(
      () => file.size(),
      () => file.close(),
    );
  }

  /**
   * Makes a file, whose content is durable, the stream of `index` without copying it; it replaces one that is there.
   * Does nothing if the file is that stream already. Returns false if it lies on another file system: then nothing has
   * changed.
   */
  async adoptStream(path: string, index: number): Promise<boolean> {
    const target = join(this.dir, `${hex16(index)}.snap.db`);
    if (resolve(path) === resolve(target)) return true;
    try {
      await this.fs.rename(path, target);
    } catch (error) {
      if (hasCode(error, 'EXDEV')) return false;
      throw error;
    }
    await this.fs.syncDirectory(this.dir);
    return true;
  }

  private async openStream(index: number): Promise<FsFile> {
    try {
      return await this.fs.open(join(this.dir, `${hex16(index)}.snap.db`));
    } catch (cause) {
      if (!hasCode(cause, 'ENOENT')) throw cause;
      throw new WalError(ERR_SNAP_NONE, `${this.dir} holds no stream of index ${index}`, { cause });
    }
  }

  /**
   * Removes all snapshots except the newest `keep`, and the streams below the oldest that stays. The snapshot that
   * `confirmed` names always stays.
   */
  async purge(keep: number, confirmed: ReadFrom): Promise<string[]> {
    const names = await this.names();
    const [needed] = SnapshotFiles.namesOf(confirmed);
    const removed = names.slice(keep).filter((name) => name !== needed);
    const kept = names.filter((name) => !removed.includes(name));
    const oldest = Math.min(confirmed.index, ...kept.map((name) => SnapshotFiles.indexOf(name)));
    for (const name of await this.fs.readdir(this.dir)) {
      if (name.endsWith('.snap.db') && Number.parseInt(name, 16) < oldest) removed.push(name);
    }
    for (const name of removed) await this.fs.unlink(join(this.dir, name));
    if (removed.length > 0) await this.fs.syncDirectory(this.dir);
    return removed;
  }

  /** Removes the streams below `index`. */
  async releaseStreams(index: number): Promise<string[]> {
    const removed: string[] = [];
    for (const name of await this.fs.readdir(this.dir)) {
      if (!name.endsWith('.snap.db') || Number.parseInt(name, 16) >= index) continue;
      await this.fs.unlink(join(this.dir, name));
      removed.push(name);
    }
    return removed;
  }

  /** Places a file. Each call writes under its own name, because several may be under way for one file. */
  private place(name: string, fill: (file: FsFile) => Promise<void>): Promise<void> {
    return placeFile(this.fs, this.dir, name, fill, { scratch: `${this.scratches++}-${name}.tmp` });
  }
}
