import process from 'node:process';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

const MIB = 2 ** 20;
/** The young generation, both halves: smaller, and what waits for its answer at 256 connections is copied each time. */
const YOUNG_BYTES = 12 * MIB;
/** With so much of it V8 starts. */
const FIRST_YOUNG_BYTES = 2 * MIB;
/** The old generation is collected when it has grown by so much since the last time. V8 lets it double, or more. */
const OLD_GROWS_PERCENT = 40;
/** How often the young generation is looked at: V8 makes it small again in a process that has little to do. */
const LOOK_MS = 100;
/** The versions of V8 that were tried, of Node.js 20 to 24: another one might print that it does not know a flag. */
const KNOWN_V8: readonly number[] = [11, 12, 13];
/** Whoever sets one of these has decided. */
const DECIDED = /semi[-_]space|heap[-_]growing/u;

/**
 * Keeps the memory of this process small. It is for programs only, because all parts of a process share one heap. Most
 * of what a member holds under load is garbage that nobody has looked for yet. V8 reads the flags that Node.js
 * documents for this when it starts, and not again; these it reads each time it lets a generation grow. They say when
 * garbage is looked for, and nothing else: a V8 that takes no notice of them takes more memory.
 */
export function keepHeapSmall(): void {
  const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  if (given.some((text) => DECIDED.test(text))) return;
  if (!KNOWN_V8.includes(Number.parseInt(process.versions.v8, 10))) return;
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWS_PERCENT}`);
  let factor = 0;
  const look = (): void => {
    // By how much it may be multiplied when it grows next.
    const wanted = Math.max(1, Math.floor(YOUNG_BYTES / Math.max(youngBytes(), FIRST_YOUNG_BYTES)));
    if (wanted === factor) return;
    factor = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  };
  look();
  setInterval(look, LOOK_MS).unref();
}

function youngBytes(): number {
  const found = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return found?.space_size ?? YOUNG_BYTES;
}
