import { readPosition } from './stream-codec.js';

/** A run of up to so many bytes is given its whole room at once: growing it would copy it once more. */
const GATHERED_AT_ONCE = 256 * 1024;

/** Shorter runs are cheaper copied than kept apart, in bytes. */
const OWN_FROM = 4096;

const nothing = new Uint8Array(0);

/**
 * Hands out exactly n bytes at a time from chunks of any size. A run of bytes that lies within one chunk is a view of
 * it; one that spans chunks is gathered in a buffer that never exceeds the larger of 256 KiB and twice what has really
 * arrived, whatever length was announced.
 */
export class ByteQueue {
  private chunk: Uint8Array = nothing;
  private position = 0;
  private gathered: Uint8Array = nothing;
  private gatheredLength = 0;
  private own = false;

  /** Bytes that were taken in and not handed out. */
  get length(): number {
    return this.gatheredLength + this.chunk.length - this.position;
  }

  /** Does what `take` gave last lie in memory of its own, of 4 KiB or more, that nothing else shares? */
  get tookOwn(): boolean {
    return this.own;
  }

  /** Add a chunk, once `take` has returned undefined for the one before. */
  push(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.position = 0;
  }

  /** The next n bytes; undefined until they are there. The same n must be asked for until then. */
  take(n: number): Uint8Array | undefined {
    const missing = n - this.gatheredLength;
    const available = this.chunk.length - this.position;
    if (available < missing) {
      this.gather(available, n);
      return undefined;
    }
    if (this.gatheredLength === 0) {
      this.own = false;
      const bytes = this.chunk.subarray(this.position, this.position + n);
      this.position += n;
      return bytes;
    }
    this.gather(missing, n);
    const bytes = this.gathered.subarray(0, n);
    this.gathered = nothing;
    this.gatheredLength = 0;
    this.own = n >= OWN_FROM;
    return bytes;
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
