import type { CommandPosition, StateMachine } from '@raft-ts/replica';

/** A counter that is as a state machine should be: adds what is proposed, and answers with the sum. */
export class Counter implements StateMachine<number, number> {
  protected sum = 0;

  apply(n: number, _at: CommandPosition): number | Promise<number> {
    this.sum += n;
    return this.sum;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(String(this.sum));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const chunk of chunks) text += new TextDecoder().decode(chunk);
    this.sum = Number(text);
  }
}

/** Counters, and clients that add numbers hardly ever the same. */
export const counters = {
  stateMachine: () => new Counter(),
  workload: { command: (random: (n: number) => number) => 1 + random(1e9) },
};
