import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Message, RaftError } from '@raft-ts/proto';
import type { SnapshotBody, SnapshotSink, SnapshotStore } from './store.js';

const complete = /^([0-9a-f]{16})\.snap\.db$/u;
const remains = /^(?:tmp[0-9a-f-]+|db\.tmp.*)$/u;

/** Bytes that are read from a file at a time. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Bodies of snapshots as files of one folder, named as etcd names them: `<index as 16 hex digits>.snap.db`. A file has
 * that name only once it is complete and durable.
 */
export class SnapshotFolder implements SnapshotStore {
  readonly folder: string;

  /** @param folder created where it is missing, by `removeRemains` or the first body */
  constructor(folder: string) {
    this.folder = folder;
  }

  async removeRemains(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const left = (await readdir(this.folder)).filter((name) => remains.test(name));
    await Promise.all(left.map((name) => rm(join(this.folder, name), { force: true })));
  }

  /** Bodies of two members with the same index may come at the same time: the first that is complete stays. */
  async create(message: Message): Promise<SnapshotSink> {
    await mkdir(this.folder, { recursive: true });
    const temporary = join(this.folder, `tmp${randomUUID()}`);
    const file = await open(temporary, 'wx', 0o600);
    return new FolderSink(file, temporary, this.path(message.snapshot?.metadata.index ?? 0), this.folder);
  }

  async freeBytes(): Promise<number | undefined> {
    await mkdir(this.folder, { recursive: true });
    const { bavail, bsize } = await statfs(this.folder);
    return bavail * bsize;
  }

  /** Where the body of the snapshot at this index is, or would be. */
  path(index: number): string {
    return join(this.folder, `${index.toString(16).padStart(16, '0')}.snap.db`);
  }

  /**
   * The body of the snapshot at this index, to read or to send.
   *
   * @throws RaftError `ERR_RAFT_SNAPSHOT_BODY` (reason `missing`) where there is none
   */
  async open(index: number): Promise<SnapshotBody> {
    const path = this.path(index);
    const found = await stat(path).catch((cause: unknown) => {
      throw new RaftError('ERR_RAFT_SNAPSHOT_BODY', `no body of the snapshot at index ${index}`, {
        reason: 'missing',
        cause,
      });
    });
    return { size: found.size, chunks: readFile(path) };
  }

  /** Remove the bodies of snapshots below this index. */
  async release(index: number): Promise<void> {
    const names = await readdir(this.folder);
    const old = names.filter((name) => Number.parseInt(complete.exec(name)?.[1] ?? 'x', 16) < index);
    await Promise.all(old.map((name) => rm(join(this.folder, name), { force: true })));
  }
}

/** Opens the file when the first chunk is asked for, so that a body that is never read holds nothing open. */
async function* readFile(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: CHUNK_BYTES });
}

class FolderSink implements SnapshotSink {
  private readonly file: FileHandle;
  private readonly temporary: string;
  private readonly final: string;
  private readonly folder: string;

  constructor(file: FileHandle, temporary: string, final: string, folder: string) {
    this.file = file;
    this.temporary = temporary;
    this.final = final;
    this.folder = folder;
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let offset = 0; offset < chunk.length; ) {
      offset += (await this.file.write(chunk, offset, chunk.length - offset)).bytesWritten;
    }
  }

  async commit(): Promise<void> {
    try {
      await this.file.sync();
    } finally {
      await this.file.close();
    }
    if (await exists(this.final)) {
      await rm(this.temporary, { force: true });
      return;
    }
    await rename(this.temporary, this.final);
    // The name is durable only with its folder.
    const folder = await open(this.folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  async abort(): Promise<void> {
    await this.file.close().catch(() => undefined);
    await rm(this.temporary, { force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
