import { BLOCK_BYTES, FIRST_BLOCK_BYTES, JOIN_BYTES } from '../base/limits.js';
import type { Work } from './turns.js';

/**
 * Bytes that arrive in pieces. Pieces are copied into blocks that grow with what has arrived: kept as they are, each
 * would retain an object, and often 64 KiB of shared memory, however short it is.
 */
export class ReceivedBytes {
  length = 0;
  private readonly announced: number | undefined;
  private readonly blocks: Uint8Array[] = [];
  /** Unused bytes at the end of the last block. */
  private room = 0;

  /** @param announced how many bytes will come, if known; memory is only allocated for what arrives */
  constructor(announced: number | undefined) {
    this.announced = announced;
  }

  add(piece: Uint8Array): void {
    if (this.length === 0 && piece.length === this.announced) {
      this.blocks.push(piece);
      this.length = piece.length;
      return;
    }
    let rest = piece;
    while (rest.length > 0) {
      if (this.room === 0) this.addBlock();
      const block = this.blocks.at(-1) as Uint8Array;
      const part = rest.subarray(0, this.room);
      block.set(part, block.length - this.room);
      this.room -= part.length;
      this.length += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** Joins all of the bytes, in turns of a few MiB. Nothing is left here afterwards. */
  *join(): Work<Uint8Array> {
    const { blocks, length } = this;
    const [first] = blocks;
    if (first === undefined) return new Uint8Array(0);
    if (blocks.length === 1) {
      blocks.length = 0;
      return first.subarray(0, length);
    }
    const joined = Buffer.allocUnsafeSlow(length);
    let at = 0;
    let sinceTurn = 0;
    blocks.reverse();
    for (let block = blocks.pop(); block !== undefined; block = blocks.pop()) {
      const part = block.subarray(0, length - at);
      joined.set(part, at);
      at += part.length;
      sinceTurn += part.length;
      if (sinceTurn < JOIN_BYTES) continue;
      sinceTurn = 0;
      yield;
    }
    return joined;
  }

  private addBlock(): void {
    const left = (this.announced ?? Number.POSITIVE_INFINITY) - this.length;
    const size = Math.min(BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, this.length), left > 0 ? left : BLOCK_BYTES);
    // Neither pooled, which would share memory, nor zeroed: only bytes that have been written are handed out.
    this.blocks.push(Buffer.allocUnsafeSlow(size));
    this.room = size;
  }
}
