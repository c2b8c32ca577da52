import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Message, RaftError, type Snapshot } from '@raft-ts/proto';
import { ERR_SNAPSHOT_BODY } from '../base/errors.js';
import { MAX_UNTAKEN_SNAPSHOTS, PART_MS, UNTAKEN_SNAPSHOT_MS } from '../base/limits.js';
import { FolderSink } from './folder-sink.js';
import type { BodyName, BodyPart } from './part.js';
import { BodyParts } from './parts.js';
import { bodyOf, type ReceivedBody, snapshotOf } from './received.js';
import type { ReceivedBody as OpenedBody, SnapshotBody, SnapshotSink, SnapshotStore } from './store.js';

const complete = /^([0-9a-f]{16})\.snap\.db$/u;
const remains = /^(?:tmp[0-9a-f-]+|db\.tmp.*)$/u;

/** Bytes read from a file at a time. */
const CHUNK_BYTES = 256 * 1024;

/** Options of `SnapshotFolder`. */
export interface SnapshotFolderOptions {
  /**
   * How long a body is kept at least, waiting for raft to accept its snapshot, in milliseconds. Default: one minute.
   */
  readonly untakenMs?: number;
  /**
   * How long the beginning of a body is kept whose transfer broke off, in milliseconds. Default: one hour. At most one
   * is kept.
   */
  readonly partMs?: number;
}

/**
 * Keeps the bodies of snapshots as files in a folder, named as by etcd: `<index as 16 hex digits>.snap.db`.
 *
 * A received body is bound to its message: its file has a temporary name, and `open` finds it by its snapshot. Only
 * then is it named after its index: raft, which does not report the messages that it drops, has accepted that snapshot.
 * So open the body of `rd.snapshot` before you save that snapshot: bodies that have not been opened are removed at the
 * next start.
 */
export class SnapshotFolder implements SnapshotStore {
  readonly folder: string;
  private readonly untakenMs: number;
  /** Bodies that have not been opened yet, in order of arrival. */
  private readonly untaken = new Set<ReceivedBody>();
  /** Bodies that this process received and opened, by index: their messages may still be refused. */
  private readonly taken = new Map<number, ReceivedBody>();
  private readonly parts: BodyParts;

  /** @param folder created if missing, by `removeRemains` or with the first body */
  constructor(folder: string, { untakenMs = UNTAKEN_SNAPSHOT_MS, partMs = PART_MS }: SnapshotFolderOptions = {}) {
    this.folder = folder;
    this.untakenMs = untakenMs;
    this.parts = new BodyParts(folder, partMs);
  }

  /**
   * Removes what an earlier process left unfinished or unused. Call this, or `serve`, only while no other process uses
   * the folder.
   */
  async removeRemains(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const own = new Set([...this.untaken].map(({ path }) => path));
    const left = (await readdir(this.folder))
      .filter((name) => remains.test(name))
      .map((name) => join(this.folder, name));
    await Promise.all(left.filter((path) => !own.has(path)).map((path) => rm(path, { force: true })));
    await this.parts.clean();
  }

  async create(message: Message): Promise<SnapshotSink> {
    await mkdir(this.folder, { recursive: true });
    await this.makeRoom();
    const part = await this.parts.begin(snapshotOf(message).metadata);
    if (part === undefined) {
      const path = this.scratch();
      return this.sink(message, await open(path, 'wx', 0o600), path, false);
    }
    try {
      return this.sink(message, await open(part, 'wx', 0o600), part, true);
    } catch (error) {
      this.parts.leave(part);
      throw error;
    }
  }

  async part(body: BodyName, onPiece: () => void = () => {}): Promise<BodyPart | undefined> {
    await mkdir(this.folder, { recursive: true });
    return this.parts.find(body, onPiece);
  }

  async resume(message: Message, part: BodyPart): Promise<SnapshotSink | undefined> {
    await this.makeRoom();
    const found = await this.parts.resume(snapshotOf(message).metadata, part);
    return found && this.sink(message, found.file, found.path, true, part.bytes);
  }

  /** A new name for a body that is arriving, or waits to be opened. */
  private scratch(): string {
    return join(this.folder, `tmp${randomUUID()}`);
  }

  private sink(message: Message, file: FileHandle, path: string, isPart: boolean, offset = 0): SnapshotSink {
    let body: ReceivedBody | undefined;
    return new FolderSink(file, offset, {
      complete: async () => {
        const whole = isPart ? this.scratch() : path;
        if (isPart) {
          await rename(path, whole);
          this.parts.leave(path);
        }
        // Its name, which `open` changes later, is durable only once the folder is synced.
        await syncFolder(this.folder);
        body = { path: whole, snapshot: snapshotOf(message), term: message.term, completedMs: performance.now() };
        this.untaken.add(body);
      },
      forget: async () => {
        if (body !== undefined) return this.forget(body);
        await rm(path, { force: true });
        if (isPart) this.parts.leave(path);
      },
      keep: () => (isPart ? this.parts.suspend(path) : rm(path, { force: true })),
    });
  }

  async freeBytes(): Promise<number | undefined> {
    await mkdir(this.folder, { recursive: true });
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize + (await this.parts.bytes());
  }

  /** Returns the path of the body of the snapshot at this index, once it has been opened. */
  path(index: number): string {
    return join(this.folder, `${index.toString(16).padStart(16, '0')}.snap.db`);
  }

  /**
   * Opens the body that came with this snapshot, and durably makes it the one for its index. Bodies of the same or a
   * lower index that came with other messages are deleted. Given only an index: opens the body that was opened before
   * or put at `path`, otherwise a received one, unless it is ambiguous which.
   *
   * @param which the snapshot from a message or a Ready: the same object, or one with the same metadata
   * @throws RaftError `ERR_RAFT_SNAPSHOT_BODY`, reason `missing`; `ambiguous` if bodies of different snapshots have
   * arrived
   */
  async open(which: Snapshot | number): Promise<OpenedBody> {
    const index = typeof which === 'number' ? which : which.metadata.index;
    const path = this.path(index);
    const present = typeof which === 'number' ? await sizeOf(path) : undefined;
    if (present === undefined) await this.take(which, index);
    const size = present ?? (await sizeOf(path));
    if (size === undefined) throw bodyError('missing', `no body of the snapshot at index ${index}`);
    return { size, chunks: readFile(path), file: path, release: () => this.forgetTaken(index) };
  }

  /** Returns the body that came with this snapshot and was not opened yet. @throws as `open`, reason `ambiguous` */
  async peek(snapshot: Snapshot): Promise<SnapshotBody | undefined> {
    const body = this.find(snapshot, snapshot.metadata.index);
    const size = body === undefined ? undefined : await sizeOf(body.path);
    return body === undefined || size === undefined ? undefined : { size, chunks: readFile(body.path) };
  }

  /** Removes the bodies of snapshots below this index. */
  async release(index: number): Promise<void> {
    const names = await readdir(this.folder);
    const old = names.filter((name) => Number.parseInt(complete.exec(name)?.[1] ?? 'x', 16) < index);
    await Promise.all(old.map((name) => rm(join(this.folder, name), { force: true })));
    for (const taken of this.taken.keys()) if (taken < index) this.taken.delete(taken);
    await this.drop((body) => body.snapshot.metadata.index < index);
  }

  /** Its message was refused, perhaps after the receiver had opened it; another body may be at that index by now. */
  private async forget(body: ReceivedBody): Promise<void> {
    const { index } = body.snapshot.metadata;
    if (this.untaken.delete(body)) return rm(body.path, { force: true });
    if (this.taken.get(index) === body) await this.forgetTaken(index);
  }

  private async forgetTaken(index: number): Promise<void> {
    this.taken.delete(index);
    await rm(this.path(index), { force: true });
  }

  private find(which: Snapshot | number, index: number): ReceivedBody | undefined {
    const body = bodyOf([...this.untaken], which);
    if (body !== 'ambiguous') return body;
    throw bodyError(
      'ambiguous',
      `bodies of different snapshots at index ${index} have arrived: pass the snapshot instead of its index`,
    );
  }

  private async take(which: Snapshot | number, index: number): Promise<void> {
    const body = this.find(which, index);
    // It may have been opened already.
    if (body === undefined) return;
    this.untaken.delete(body);
    this.taken.set(index, body);
    await rename(body.path, this.path(index));
    await syncFolder(this.folder);
    await this.drop(({ snapshot }) => snapshot.metadata.index <= index);
    await this.parts.removeUpTo(index);
  }

  /**
   * Raft may still accept any of them, so the oldest is dropped only after a while; until then no more are received.
   * Each was bounded in length when it arrived, and by the free space.
   */
  private async makeRoom(): Promise<void> {
    if (this.untaken.size < MAX_UNTAKEN_SNAPSHOTS) return;
    const now = performance.now();
    const [oldest] = this.untaken;
    if (oldest === undefined || now - oldest.completedMs < this.untakenMs) {
      throw bodyError('full', `${this.untaken.size} snapshots are waiting to be installed`);
    }
    await this.drop((body) => body === oldest);
  }

  private async drop(isOld: (body: ReceivedBody) => boolean): Promise<void> {
    const old = [...this.untaken].filter(isOld);
    for (const body of old) this.untaken.delete(body);
    await Promise.all(old.map(({ path }) => rm(path, { force: true })));
  }
}

/** Opens the file when the first chunk is requested, so that a body that is never read holds no file open. */
async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.size;
}

function bodyError(reason: string, message: string): RaftError {
  return new RaftError(ERR_SNAPSHOT_BODY, message, { reason });
}
