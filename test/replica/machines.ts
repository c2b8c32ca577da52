import type { CommandPosition, Position, StateMachine } from '@raft-ts/replica';

/** Tests that call `apply` themselves have no features to speak of. */
type Applied = Position & Partial<CommandPosition>;

/** A counter: adds what is proposed, and answers with the sum. */
export class Counter implements StateMachine<number, number> {
  value = 0;
  /** Where each command that it applied stood. */
  readonly applied: Applied[] = [];

  apply(n: number, at: Applied): number {
    if (Number.isNaN(n)) throw new Error('not a number');
    this.applied.push(at);
    this.value += n;
    return this.value;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(String(this.value));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
    this.value = Number(text);
  }
}

/** Pieces in which a `Bulk` gives its state. */
const PIECE = 64 * 2 ** 10;

/**
 * A counter whose state is as large as is wished, without taking memory: after the count come so many bytes that follow
 * from it. `restore` checks every one of them.
 */
export class Bulk implements StateMachine<number, number> {
  count = 0;
  /** Snapshots that were restored: their sizes. */
  readonly restored: number[] = [];
  private readonly size: number;
  private readonly checks: boolean;

  /** @param checks whether `restore` refuses bytes that it did not write */
  constructor(size: number, checks = true) {
    this.size = size;
    this.checks = checks;
  }

  apply(n: number): number {
    this.count += n;
    return this.count;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return this.pieces(this.count);
  }

  private async *pieces(count: number): AsyncGenerator<Uint8Array, void> {
    const start = new Uint8Array(8);
    new DataView(start.buffer).setFloat64(0, count);
    yield start;
    for (let at = 0; at < this.size; at += PIECE) {
      yield new Uint8Array(Math.min(PIECE, this.size - at)).fill((count + at / PIECE) % 251);
    }
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const start = new Uint8Array(8);
    const expected = new Uint8Array(PIECE);
    let read = 0;
    let count = 0;
    for await (const chunk of chunks) {
      for (let from = 0; from < chunk.length; ) {
        const at = read - start.length;
        let end = from + 1;
        if (at < 0) {
          start[read] = chunk[from] as number;
          if (at === -1) count = new DataView(start.buffer).getFloat64(0);
        } else {
          end = Math.min(chunk.length, from + PIECE - (at % PIECE));
          expected.fill((count + Math.floor(at / PIECE)) % 251);
          const right = expected.subarray(0, end - from);
          if (this.checks && Buffer.compare(chunk.subarray(from, end), right) !== 0)
            throw new Error(`wrong bytes after ${at}`);
        }
        read += end - from;
        from = end;
      }
    }
    this.count = count;
    this.restored.push(read - start.length);
  }
}
