import { readPosition } from './big-endian.js';

/** A run of up to this many bytes gets all of its memory at once: growing it would copy it once more. */
const GATHERED_AT_ONCE = 256 * 1024;

/** Shorter runs, in bytes, are cheaper to copy than to keep in memory of their own. */
const OWN_FROM = 4096;

const nothing = new Uint8Array(0);

/** The bytes [start, end) of an array. */
export interface Run {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * Hands out exactly n bytes at a time from chunks of any size. A run within one chunk is a view of it; a run that spans
 * chunks is gathered in a buffer that never exceeds the larger of 256 KiB and twice what has really arrived, whatever
 * length was announced.
 */
export class ByteQueue implements Run {
  /** What `next` found: n bytes at [start, end) of `bytes`. */
  bytes: Uint8Array = nothing;
  start = 0;
  end = 0;
  /** Are they in memory of their own, of 4 KiB or more, that nothing else shares? */
  own = false;
  private chunk: Uint8Array = nothing;
  private position = 0;
  private gathered: Uint8Array = nothing;
  private gatheredLength = 0;

  /** Number of bytes that were added and not handed out yet. */
  get length(): number {
    return this.gatheredLength + this.chunk.length - this.position;
  }

  /** Adds a chunk, once too little is left of the one before. Releases what `next` found. */
  push(chunk: Uint8Array): void {
    this.bytes = nothing;
    this.chunk = chunk;
    this.position = 0;
  }

  /** Finds the next n bytes; false until they have arrived. The same n must be requested until then. */
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

  /** Returns the next n bytes; undefined until they have arrived, as `next`. */
  take(n: number): Uint8Array | undefined {
    return this.next(n) ? this.bytes.subarray(this.start, this.end) : undefined;
  }

  /** Returns the next n bytes, 1 or 8, as a big-endian number, without making a view; inexact above 2^53. */
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

  /** Removes and returns the rest of the last chunk. Nothing may have been gathered. */
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
      // Neither pooled, which would share memory, nor zeroed: only bytes that have been written are handed out.
      const grown = Buffer.allocUnsafeSlow(room);
      grown.set(this.gathered.subarray(0, this.gatheredLength));
      this.gathered = grown;
    }
    this.gathered.set(this.chunk.subarray(this.position, this.position + count), this.gatheredLength);
    this.gatheredLength = needed;
    this.position += count;
  }
}
