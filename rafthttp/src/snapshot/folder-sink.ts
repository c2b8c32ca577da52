import type { FileHandle } from 'node:fs/promises';
import type { SnapshotSink } from './store.js';
import { SyncInParts } from './sync-in-parts.js';

/** So much may wait for the write that is under way. */
const WAITING_BYTES = 1024 * 1024;
const WAITING_CHUNKS = 64;

/** Called with what becomes of the body. */
export interface SinkEvents {
  /** The file is whole and durable. */
  complete(): Promise<void>;
  /** It is not wanted. */
  forget(): Promise<void>;
  /** It may go on later. */
  keep(): Promise<void>;
}

/**
 * Writes in one go what has arrived while the last write was under way: each is a round trip to another thread. What is
 * written is synced in parts, and the next bytes wait for a disk that does not keep up.
 */
export class FolderSink implements SnapshotSink {
  private readonly file: FileHandle;
  private readonly events: SinkEvents;
  /** Where in the file the next write goes. */
  private position: number;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  /** Resolves once nothing waits; never rejects. */
  private writing: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;
  private readonly syncs: SyncInParts;

  constructor(file: FileHandle, position: number, events: SinkEvents) {
    this.file = file;
    this.position = position;
    this.events = events;
    this.syncs = new SyncInParts(() => file.datasync());
  }

  async write(chunk: Uint8Array): Promise<void> {
    // What failed is missing: what is written after it would stand in its place.
    this.check();
    this.waiting.push(chunk);
    this.waitingBytes += chunk.length;
    this.writing ??= this.writeAll();
    if (this.waitingBytes >= WAITING_BYTES || this.waiting.length >= WAITING_CHUNKS) await this.writing;
    this.check();
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }

  private async writeAll(): Promise<void> {
    try {
      while (this.waiting.length > 0) {
        const chunks = this.waiting;
        this.waiting = [];
        this.waitingBytes = 0;
        await this.writeFully(chunks);
      }
    } catch (error) {
      this.failure = { error };
    } finally {
      this.writing = undefined;
    }
  }

  private async writeFully(chunks: readonly Uint8Array[]): Promise<void> {
    for (let rest = chunks; rest.length > 0; ) {
      const { bytesWritten } = await this.file.writev(rest, this.position);
      this.position += bytesWritten;
      rest = after(rest, bytesWritten);
      await this.syncs.wrote(bytesWritten);
    }
  }

  async commit(): Promise<void> {
    try {
      await this.writing;
      this.check();
      await this.syncs.end();
      await this.file.sync();
    } finally {
      await this.file.close();
    }
    await this.events.complete();
  }

  async abort(): Promise<void> {
    await this.close();
    await this.events.forget();
  }

  async suspend(): Promise<void> {
    await this.close();
    await this.events.keep();
  }

  private async close(): Promise<void> {
    await this.writing;
    await this.syncs.end().catch(() => undefined);
    await this.file.close().catch(() => undefined);
  }
}

/** What is left of these chunks after so many bytes. */
function after(chunks: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let passed = 0;
  for (const [i, chunk] of chunks.entries()) {
    if (passed + chunk.length > bytes) return [chunk.subarray(bytes - passed), ...chunks.slice(i + 1)];
    passed += chunk.length;
  }
  return [];
}
