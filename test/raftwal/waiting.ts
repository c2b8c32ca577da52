/** Waiting without a clock: for turns of the event loop, of which there is a bound. */

/** More turns than any step of these tests takes. */
const MOST_TURNS = 10_000;

/** Resolves after everything that is ready has had its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Resolves when the condition holds; fails if it still does not after 10,000 turns. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turns = 0; turns < MOST_TURNS; turns++) {
    if (await condition()) return;
    await turn();
  }
  throw new Error(`not after ${MOST_TURNS} turns of the event loop: ${what}`);
}

/** Does this promise still wait, after 20 turns? */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let i = 0; i < 20; i++) await turn();
  return !settled;
}
