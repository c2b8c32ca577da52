import { readPosition } from './big-endian.js';

/** A run of up to so many bytes is given its whole room at once: growing it would copy it once more. */
const GATHERED_AT_ONCE = 256 * 1024;

/** Shorter runs are cheaper copied than kept apart, in bytes. */
const OWN_FROM = 4096;

const nothing = new Uint8Array(0);

/** Bytes at [start, end) of an array. */
export interface Run {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Hands out exactly n bytes at a time from chunks of any size. A run of bytes that lies within one chunk is a view of
 * it; one that spans chunks is gathered in a buffer that never exceeds the larger of 256 KiB and twice what has really
 * arrived, whatever length was announced.
 */
export class ByteQueue implements Run {
  /** What `next` found: n bytes at [start, end) of `bytes`. */
  bytes: Uint8Array = nothing;
  start = 0;
  end = 0;
  /** Do they lie in memory of their own, of 4 KiB or more, that nothing else shares? */
  own = false;
  private chunk: Uint8Array = nothing;
  private position = 0;
  private gathered: Uint8Array = nothing;
  private gatheredLength = 0;

  /** Bytes that were taken in and not handed out. */
  get length(): number {
    return this.gatheredLength + this.chunk.length - this.position;
  }

  /** Add a chunk, once there was not enough left of the one before. What `next` found is let go. */
  push(chunk: Uint8Array): void {
    this.bytes = nothing;
    this.chunk = chunk;
    this.position = 0;
  }

  /** Finds the next n bytes; false until they are there. The same n must be asked for until then. */
  next(n: number): boolean {
    const { chunk, position } = this;
    const missing = n - this.gatheredLength;
    const available = chunk.length - position;
    if (available < missing) {
      this.gather(available, n);
      return false;
    }
    if (this.gatheredLength === 0) {
      this.bytes = chunk;
      this.start = position;
      this.end = position + n;
      this.own = false;
      this.position = this.end;
      return true;
    }
    this.gather(missing, n);
    this.bytes = this.gathered;
    this.start = 0;
    this.end = n;
    this.own = n >= OWN_FROM;
    this.gathered = nothing;
    this.gatheredLength = 0;
    return true;
  }

  /** The next n bytes; undefined until they are there, as `next`. */
  take(n: number): Uint8Array | undefined {
    return this.next(n) ? this.bytes.subarray(this.start, this.end) : undefined;
  }

  /** The next n bytes, 1 or 8, as a number, big-endian; inexact above 2^53. As `take`, without a view of them. */
  takeNumber(n: number): number | undefined {
    const { chunk, position } = this;
    if (this.gatheredLength === 0 && chunk.length - position >= n) {
      this.position = position + n;
      return n === 1 ? chunk[position] : readPosition(chunk, position);
    }
    const bytes = this.take(n);
    if (bytes === undefined) return undefined;
    return n === 1 ? bytes[0] : readPosition(bytes);
  }

  /** What is left of the last chunk, taken out. Nothing may be gathered. */
  takeRest(): Uint8Array {
    const rest = this.chunk.subarray(this.position);
    this.position = this.chunk.length;
    return rest;
  }

  private gather(count: number, wanted: number): void {
    if (count === 0) return;
    const needed = this.gatheredLength + count;
    if (needed > this.gathered.length) {
      const room = Math.min(wanted, Math.max(needed, 2 * this.gathered.length, GATHERED_AT_ONCE));
      // Not of the pool that small buffers share, and not zeroed: all that is handed out has been written.
      const grown = Buffer.allocUnsafeSlow(room);
      grown.set(this.gathered.subarray(0, this.gatheredLength));
      this.gathered = grown;
    }
    this.gathered.set(this.chunk.subarray(this.position, this.position + count), this.gatheredLength);
    this.gatheredLength = needed;
    this.position += count;
  }
}
