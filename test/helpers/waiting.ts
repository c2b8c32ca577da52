// Waiting without a clock: for turns of the event loop, of which there is a bound.

import { expect } from 'chai';

/** More turns than any step of these tests takes. */
const MOST_TURNS = 10_000;

/** Resolves after everything that is ready has had its turn. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets everything run that waits for the event loop: microtasks, messages between ports, immediates. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

/** Resolves when the condition holds; fails if it still does not after 10,000 turns. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < MOST_TURNS; i++) {
    if (await condition()) return;
    await turn();
  }
  expect.fail(`not after ${MOST_TURNS} turns of the event loop: ${what}`);
}

/** Does this promise still wait, after 20 turns? */
export async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const settle = (): void => {
    settled = true;
  };
  promise.then(settle, settle);
  await turns(20);
  return !settled;
}

/** What the promise was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return expect.fail('the promise was not rejected');
}
