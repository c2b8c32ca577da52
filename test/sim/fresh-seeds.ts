import { randomInt } from 'node:crypto';

/** How long fresh seeds are tried in each layer, in milliseconds. */
const FRESH_MS = 30_000;

/**
 * Tries one seed after the other, from a first one that nobody has tried, and prints which: for half a minute, and on a
 * busy machine, where a time would prove little, for as long as so many events take.
 *
 * @param command what tries seeds by hand
 * @param run tries one, and resolves with the number of its events
 */
export async function tryFreshSeeds(
  command: string,
  leastEvents: number,
  run: (seed: number, again: string) => Promise<number>,
): Promise<void> {
  const first = Number(process.env['RAFT_TS_SEED'] ?? randomInt(1, 2 ** 40));
  console.log(`      seeds from ${first} on; again: RAFT_TS_SEED=${first}, or ${command} --seed ${first}`);
  const began = performance.now();
  let seed = first;
  let events = 0;
  for (; events < leastEvents || performance.now() - began < FRESH_MS; seed++) {
    events += await run(seed, `${command} --seeds 1 --seed ${seed}`);
  }
  console.log(`      ${seed - first} seeds, ${events} events`);
}
