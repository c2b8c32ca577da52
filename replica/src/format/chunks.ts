import type { SnapshotData } from '../base/contracts.js';

/** The same bytes, piece by piece. */
export async function* chunksOf(data: SnapshotData): AsyncGenerator<Uint8Array, void> {
  if (data instanceof Uint8Array) {
    if (data.length > 0) yield data;
  } else {
    yield* data;
  }
}

/** All bytes as one piece, which is held in memory. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of chunks) {
    pieces.push(piece);
    length += piece.length;
  }
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Reads so many bytes from the front of a stream, and then the rest of it as it comes. */
export class ChunkReader {
  private readonly source: AsyncIterator<Uint8Array, unknown>;
  private held: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `size` bytes; `undefined` if the stream ends before. */
  async take(size: number): Promise<Uint8Array | undefined> {
    while (this.held.length < size) {
      const { done, value } = await this.source.next();
      if (done === true) return undefined;
      const joined = new Uint8Array(this.held.length + value.length);
      joined.set(this.held);
      joined.set(value, this.held.length);
      this.held = joined;
    }
    const taken = this.held.subarray(0, size);
    this.held = this.held.subarray(size);
    return taken;
  }

  async *rest(): AsyncGenerator<Uint8Array, void> {
    try {
      if (this.held.length > 0) yield this.held;
      for (;;) {
        const { done, value } = await this.source.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await this.source.return?.();
    }
  }
}
