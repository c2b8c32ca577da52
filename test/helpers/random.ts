/**
 * One seed for the whole run, from RAFT_TS_SEED or drawn anew; each test gets a generator that follows from the seed
 * and the test's title, so it draws the same numbers whether it runs alone or after others. A test that fails prints
 * how to run it again with the same numbers.
 */
import { randomInt } from 'node:crypto';
import { relative } from 'node:path';
import process from 'node:process';
import { seededRandom } from '@raft-ts/raft/internal';

const given = process.env['RAFT_TS_SEED'];
const seed = given === undefined ? randomInt(2 ** 32) : Number(given);

let draw = seededRandom(seed);

/** FNV-1a, to give each title numbers of its own. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of text) value = Math.imul(value ^ (char.codePointAt(0) as number), 0x01000193);
  return value >>> 0;
}

/** A generator of its own for one member or network: a whole number drawn evenly from [0, n). */
export function testRandom(): (n: number) => number {
  return seededRandom(draw(2 ** 32));
}

// Root hooks: they hold for every test of a run in which some file uses these helpers.
beforeEach(function () {
  draw = seededRandom(seed ^ hash(this.currentTest?.fullTitle() ?? ''));
});

afterEach(function () {
  const test = this.currentTest;
  if (test?.state !== 'failed' || test.file === undefined) return;
  const file = relative(process.cwd(), test.file);
  console.error(`seed ${seed}; again: RAFT_TS_SEED=${seed} npx mocha --spec ${file} -f ${JSON.stringify(test.title)}`);
});
