import { crc32cByTables } from '@raft-ts/proto/internal';
import type { SnapshotData } from '../base/contracts.js';

/** The same bytes, piece by piece. The source's own iterator is used, so that whoever lets go of it lets go of both. */
export function chunksOf(data: SnapshotData): AsyncIterable<Uint8Array> {
  if (data instanceof Uint8Array) return chunksOf(data.length > 0 ? [data] : []);
  if (Symbol.asyncIterator in data) return data;
  return { [Symbol.asyncIterator]: () => asyncIterator(data[Symbol.iterator]()) };
}

function asyncIterator(source: Iterator<Uint8Array, unknown>): AsyncIterator<Uint8Array, unknown> {
  return {
    next: async () => source.next(),
    return: async () => source.return?.() ?? { done: true, value: undefined },
  };
}

/** Collects all bytes as one piece, which is held in memory: for `restore` of a small state. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of chunks) pieces.push(piece);
  return join(pieces);
}

/** These pieces as one; a single one is not copied. */
export function join(pieces: readonly Uint8Array[]): Uint8Array {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Reads a stream by lengths, whatever pieces it comes in. Each byte is copied once at most. */
export class ChunkReader {
  private readonly source: AsyncIterator<Uint8Array, unknown>;
  /** What has come and was not taken: the end of a piece. */
  private rest: Uint8Array = new Uint8Array(0);
  /** The CRC-32C of all that was taken; `undefined` if nobody wants to know. */
  sum: number | undefined;

  /** @param sum 0 to have what is taken summed up */
  constructor(chunks: AsyncIterable<Uint8Array>, sum?: 0) {
    this.sum = sum;
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** Exactly `size` bytes; `undefined` if the stream ends before. Holds what has come of them, and no more. */
  async take(size: number): Promise<Uint8Array | undefined> {
    const pieces: Uint8Array[] = [];
    for (let missing = size; missing > 0; ) {
      const piece = await this.some(missing);
      if (piece === undefined) return undefined;
      pieces.push(piece);
      missing -= piece.length;
    }
    return join(pieces);
  }

  /** The next bytes, at least one and at most `most`, as they come; `undefined` at the end of the stream. */
  async some(most: number): Promise<Uint8Array | undefined> {
    while (this.rest.length === 0) {
      const { done, value } = await this.source.next();
      if (done === true) return undefined;
      this.rest = value;
    }
    const piece = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(piece.length);
    if (this.sum !== undefined) this.sum = crc32cByTables(this.sum, piece);
    return piece;
  }

  /** Reads no further. */
  async close(): Promise<void> {
    await this.source.return?.();
  }
}
