import process from 'node:process';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Both halves of the young generation, once it has grown in one step from the megabyte with which V8 starts. */
const YOUNG_BYTES = 8 * 2 ** 20;
const GROW = 4;
const STAY = 1;
/** The old generation is collected when it has grown by so much since the last time. V8 lets it double, or more. */
const OLD_GROWS_PERCENT = 40;
/** How often the young generation is looked at: V8 makes it small again in a process that has little to do. */
const LOOK_MS = 100;
/** The versions of V8 that were tried, of Node.js 20 to 24: another one would print that it does not know a flag. */
const KNOWN_V8: readonly number[] = [11, 12, 13];
/** Whoever sets any of these has decided. */
const DECIDED = /semi[-_]space|heap[-_]growing/u;

/**
 * Keeps the memory of this process small, for programs only: all of a process shares one heap. What a member under
 * load holds is mostly garbage that nobody has looked for yet. Node.js has documented flags for this, which V8 reads
 * when it starts; those that are set here it reads each time it lets a generation grow. They change when garbage is
 * collected, and nothing else, so that a V8 that takes no notice of them only takes more memory.
 */
export function keepHeapSmall(): void {
  const given = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''];
  if (given.some((text) => DECIDED.test(text))) return;
  if (!KNOWN_V8.includes(Number.parseInt(process.versions.v8, 10))) return;
  setFlagsFromString(`--heap-growing-percent=${OLD_GROWS_PERCENT}`);
  let factor = 0;
  const look = (): void => {
    const wanted = youngBytes() < YOUNG_BYTES ? GROW : STAY;
    if (wanted === factor) return;
    factor = wanted;
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
  };
  look();
  setInterval(look, LOOK_MS).unref();
}

function youngBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? YOUNG_BYTES;
}
