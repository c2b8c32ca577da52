// What the bytes of a snapshot pass through on their way. Whoever lets go of the end lets go of the source.

/** The event loop turns after so many bytes: whoever waits for this member hears from it meanwhile. */
export const BYTES_PER_TURN: number = 2 ** 20;
/** Progress is told after so many bytes. */
const BYTES_PER_EVENT = 4 * 2 ** 20;

/** The same chunks, with turns of the event loop in between. */
export async function* turning(
  chunks: AsyncIterable<Uint8Array>,
  turn: () => Promise<void>,
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for await (const chunk of chunks) {
    yield chunk;
    bytes += chunk.length;
    if (bytes < BYTES_PER_TURN) continue;
    bytes = 0;
    await turn();
  }
}

/** The same chunks. Tells from time to time how many bytes there were, and counts each chunk. */
export async function* counting(
  chunks: AsyncIterable<Uint8Array>,
  tell: (bytes: number) => void,
  count: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  let told = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    count(bytes);
    if (bytes - told >= BYTES_PER_EVENT) {
      told = bytes;
      tell(bytes);
    }
    yield chunk;
  }
}
