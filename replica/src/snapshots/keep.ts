import type { SnapshotStreams } from '../base/contracts.js';
import { join } from '../format/chunks.js';

/** Where a state is kept. */
export interface KeptState {
  /** The whole of it; `undefined` if it lies in a stream. */
  readonly data: Uint8Array | undefined;
  readonly size: number;
}

export interface KeepOptions {
  /** Keeps what is larger than `inlineBytes`; `undefined`: everything is held as a whole. */
  readonly streams: SnapshotStreams | undefined;
  readonly inlineBytes: number;
  readonly index: number;
}

/** Keeps a state beside the log if it is large, and otherwise gives it back whole. */
export async function keepState(
  chunks: AsyncGenerator<Uint8Array, void>,
  { streams, inlineBytes, index }: KeepOptions,
): Promise<KeptState> {
  const start: Uint8Array[] = [];
  let size = 0;
  while (streams === undefined || size <= inlineBytes) {
    const { done, value } = await chunks.next();
    if (done === true) return { data: join(start), size };
    start.push(value);
    size += value.length;
  }
  const whole = async function* (): AsyncGenerator<Uint8Array, void> {
    for (let piece = start.shift(); piece !== undefined; piece = start.shift()) yield piece;
    yield* chunks;
  };
  return { data: undefined, size: await streams.saveStream(whole(), index) };
}
