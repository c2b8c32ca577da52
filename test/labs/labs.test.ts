import { randomInt } from 'node:crypto';
import { again, runLab } from './run.js';
import { LAB_TESTS } from './tests.js';

/** Each test runs with so many new seeds; `npm run labs -- --seeds 1000` runs more. */
const SEEDS = 3;

const first = randomInt(1, 2 ** 40);

describe(`the tests of the MIT 6.824 and 6.5840 Raft labs, with seeds from ${first} on`, () => {
  for (const test of LAB_TESTS) {
    it(`${test.name} (${test.course})`, () => {
      for (let seed = first; seed < first + SEEDS; seed++) {
        const { failure } = runLab(test, seed);
        if (failure !== undefined)
          throw new Error(`${failure.message}; again: ${again(test, seed)}`, { cause: failure });
      }
    });
  }
});
