import protobuf from 'protobufjs/minimal.js';

/**
 * Memory for many small byte strings. For 256 bytes, an ArrayBuffer of their own costs ten times as much as a view of a
 * shared one, so small byte strings are cut from slabs. The price: a retained byte string retains its slab.
 */

/**
 * Size of the slabs for what may be kept for long, above all entries. Neighbours in a slab were made one after the
 * other, so those of a log are dropped at about the same time.
 */
export const SLAB_SIZE = 8192;

/** Size of the slabs for encoded messages, which are short-lived. */
export const MESSAGE_SLAB_SIZE = 32_768;

/** Engines put typed arrays of up to this size into their own heap, where they are cheap and share nothing. */
const LARGEST_ON_HEAP = 64;

// protobufjs knows whether the platform can allocate without zeroing (Node.js can), which halves the cost of a long
// message.
const platform = protobuf.Writer.create().constructor as typeof protobuf.Writer;

/**
 * Node.js 24 and later take anything smaller than half of their 64 KiB pool from that pool, which it would then retain.
 */
const SMALLEST_UNPOOLED = 32_768;

/** `size` bytes of arbitrary content, in an ArrayBuffer of their own. */
export function allocate(size: number): Uint8Array {
  if (size < SMALLEST_UNPOOLED) return new Uint8Array(size);
  const { buffer, byteOffset } = platform.alloc(size);
  return new Uint8Array(buffer, byteOffset, size);
}

/** A row of slabs, filled from front to back. */
export class Slab {
  bytes: Uint8Array = new Uint8Array(0);
  /** Start of the unused rest. */
  position = 0;
  private readonly size: number;
  /** At most a quarter of a slab is lost when the next one begins. */
  private readonly largest: number;
  // `bytes.buffer` and `bytes.byteOffset`, which are slow to look up.
  private buffer: ArrayBufferLike = this.bytes.buffer;
  private start = 0;

  constructor(size: number) {
    this.size = size;
    this.largest = size / 4;
  }

  /** Makes room for `size` bytes at `position`; returns false if that is too much for a slab. */
  reserve(size: number): boolean {
    // A slab whose ArrayBuffer was transferred away has length 0 and is replaced here too.
    if (this.position + size <= this.bytes.length) return true;
    if (size > this.largest) return false;
    this.bytes = allocate(this.size);
    this.buffer = this.bytes.buffer;
    this.start = this.bytes.byteOffset;
    this.position = 0;
    return true;
  }

  /** Hands out `size` of the bytes at `position`. */
  take(size: number): Uint8Array {
    const piece = new Uint8Array(this.buffer, this.start + this.position, size);
    this.position += size;
    return piece;
  }
}

const kept = new Slab(SLAB_SIZE);

/** `size` bytes of arbitrary content that may be kept for long. */
export function obtain(size: number): Uint8Array {
  if (size <= LARGEST_ON_HEAP || !kept.reserve(size)) return new Uint8Array(size);
  return kept.take(size);
}

/** A copy of `source[start..end)` that shares no memory with it. */
export function copyBytes(source: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start;
  if (size <= LARGEST_ON_HEAP) {
    const copy = new Uint8Array(size);
    for (let i = 0; i < size; i++) copy[i] = source[start + i] as number;
    return copy;
  }
  const original = source.subarray(start, end);
  if (!kept.reserve(size)) return new Uint8Array(original);
  kept.bytes.set(original, kept.position);
  return kept.take(size);
}
