import { type CommandPosition, collect, type StateMachine } from '@raft-ts/replica';

/** What members replicate here: the value that was written last. */
export class Register implements StateMachine<string, number> {
  value = '';

  /** Returns the index at which the value was written. */
  apply(value: string, { index }: CommandPosition): number {
    this.value = value;
    return index;
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(this.value);
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.value = new TextDecoder().decode(await collect(chunks));
  }
}
