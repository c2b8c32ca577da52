import type { IncomingMessage } from 'node:http';
import { BODY_PACE_BYTES } from '../base/limits.js';
import { checksumOf, promisesChecksum, SnapshotChecksum } from './checksum.js';

/** The chunks of a request's body, read one at a time, so that the rest waits at the sender. */
export class RequestChunks {
  /** Number of bytes so far. */
  taken = 0;
  /** Length that the head announced, if any. */
  readonly announced: number | undefined;
  private readonly req: IncomingMessage;
  private readonly chunks: AsyncIterator<Buffer>;
  /** Undefined if the sender promised none, as Go members do not. */
  private readonly checksum: SnapshotChecksum | undefined;
  private readonly idleMs: number;
  private readonly began: number = performance.now();
  /** Milliseconds waited, and bytes that arrived, since the pace was last met. */
  private waitedMs = 0;
  private sincePace = 0;
  private fault: Error | undefined;
  /** Did the body break off, rather than end, or bring what it must not? */
  broken = false;
  /** Ends the wait for the next chunk. */
  private interrupt: (reason: Error) => void = () => undefined;

  /** @param idleMs how long a body may take to bring `BODY_PACE_BYTES`, not counting the time for storing them */
  constructor(req: IncomingMessage, idleMs: number) {
    const length = req.headers['content-length'];
    this.announced = length === undefined ? undefined : Number(length);
    this.idleMs = idleMs;
    this.req = req;
    this.checksum = promisesChecksum(req) ? new SnapshotChecksum() : undefined;
    // The connection must survive the reading: the answer still goes over it.
    this.chunks = req.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  }

  /** Milliseconds since the reading began. */
  get ageMs(): number {
    return performance.now() - this.began;
  }

  /** Makes the reading fail. */
  abort(reason: Error): void {
    this.fault = reason;
    this.interrupt(reason);
  }

  /**
   * Returns the next chunk, undefined at the end. Throws if the body breaks off, does not match its checksum, or
   * arrives so slowly that its sender could hold a place as long as it likes.
   */
  async next(): Promise<Buffer | undefined> {
    if (this.fault !== undefined) {
      this.broken = true;
      throw this.fault;
    }
    let patience: NodeJS.Timeout | undefined;
    const interrupted = new Promise<never>((_, reject) => {
      this.interrupt = reject;
      patience = setTimeout(() => reject(new Error('read timeout')), Math.max(0, this.idleMs - this.waitedMs));
    });
    const began = performance.now();
    let read: IteratorResult<Buffer>;
    try {
      read = await Promise.race([this.chunks.next(), interrupted]);
    } catch (error) {
      this.broken = true;
      throw error;
    } finally {
      clearTimeout(patience);
    }
    if (read.done === true) return this.finish();
    this.checksum?.update(read.value);
    this.keepPace(read.value.length, performance.now() - began);
    return read.value;
  }

  private finish(): undefined {
    if (this.checksum !== undefined && this.checksum.digest() !== checksumOf(this.req)) {
      throw new Error('checksum mismatch');
    }
    return undefined;
  }

  private keepPace(bytes: number, waitedMs: number): void {
    this.taken += bytes;
    this.sincePace += bytes;
    this.waitedMs += waitedMs;
    if (this.sincePace < BODY_PACE_BYTES) return;
    this.sincePace = 0;
    this.waitedMs = 0;
  }
}
