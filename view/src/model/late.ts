import { listed, nameOf } from './names.js';

/** A direction, and by how many milliseconds what goes there is late. */
export type Late = readonly [from: number, to: number, ms: number];

/** Directions that are named one by one; of more, only their number is told. */
const NAMED = 3;

/**
 * What arrives late, as the end of a sentence that begins with a small letter.
 * @param directions number of directions that there are
 */
export function describeLate(late: readonly Late[], directions: number): string {
  const delays = late.map(([, , ms]) => ms);
  const [least, most] = [Math.min(...delays), Math.max(...delays)];
  const by = least === most ? `${least} ms` : `${least} to ${most} ms`;
  if (late.length === directions) return `everything arrives ${by} later`;
  if (late.length > NAMED) return `messages in ${late.length} directions arrive ${by} later`;
  const [first, ...others] = late.map(([from, to, ms]): [what: string, by: string] => [
    `what ${nameOf(from)} sends to ${nameOf(to)}`,
    `${ms} ms`,
  ]);
  if (first === undefined) return 'nothing arrives late';
  return listed([`${first[0]} arrives ${first[1]} later`, ...others.map(([what, ms]) => `${what} ${ms}`)]);
}
