import type { Position, StateMachine } from '@raft-ts/replica';

/** A counter: adds what is proposed, and answers with the sum. */
export class Counter implements StateMachine<number, number> {
  value = 0;
  /** Where each command that it applied stood. */
  readonly applied: Position[] = [];

  apply(n: number, at: Position): number {
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
