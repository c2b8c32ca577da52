/** So much of a file may wait for its sync before one begins. */
export const SYNC_BYTES: number = 4 * 2 ** 20;

/**
 * Has a large file synced while it is written. A single sync at the end has all of it to write, and whoever syncs
 * another file on the same disk, such as a log, waits for that: half of a second for 256 MiB. At most one sync is under
 * way, and what is written meanwhile is bounded. The last sync is left to the caller.
 */
export class SyncInParts {
  private readonly sync: () => Promise<void>;
  private readonly bytes: number;
  /** Bytes that were written since the last sync began. */
  private written = 0;
  /** Never rejects. */
  private syncing: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  /** @param bytes after so many a sync begins */
  constructor(sync: () => Promise<void>, bytes: number = SYNC_BYTES) {
    this.sync = sync;
    this.bytes = bytes;
  }

  /**
   * So many bytes more were written. The next ones must wait for the promise, if there is one. @throws the failure of a
   * sync, after which the file must not be trusted
   */
  wrote(bytes: number): Promise<void> | undefined {
    this.check();
    this.written += bytes;
    if (this.written < this.bytes) return undefined;
    if (this.syncing !== undefined) return this.next();
    this.begin();
    return undefined;
  }

  /** Resolves once no sync is under way: the file may be closed. @throws the failure of a sync */
  async end(): Promise<void> {
    await this.syncing;
    this.check();
  }

  /** Begins the next sync when the last one has ended. */
  private async next(): Promise<void> {
    await this.syncing;
    this.check();
    this.begin();
  }

  private begin(): void {
    this.written = 0;
    this.syncing = this.sync()
      .catch((error: unknown) => {
        this.failure = { error };
      })
      .finally(() => {
        this.syncing = undefined;
      });
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.error;
  }
}
