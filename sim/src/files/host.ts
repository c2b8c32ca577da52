import { AsyncLocalStorage } from 'node:async_hooks';
import { randomInt } from 'node:crypto';
import process from 'node:process';
import { withoutHost } from '../node/trap.js';
import type { Host } from '../stack/simulate.js';
import { Files } from './files.js';

/** What hears of rejections that nobody handles, of whatever runs inside. */
const tellers = new AsyncLocalStorage<{ tell: (reason: unknown) => void }>();

function onRejection(reason: unknown): void {
  tellers.getStore()?.tell(reason);
}

let simulations = 0;

/** Runs something that hears of its own rejections: the listener stays as long as anything does. */
async function listening<T>(run: () => Promise<T>): Promise<T> {
  if (simulations++ === 0) process.on('unhandledRejection', onRejection);
  try {
    return await tellers.run({ tell: () => {} }, run);
  } finally {
    if (--simulations === 0) process.off('unhandledRejection', onRejection);
  }
}

/** A simulation in Node.js: files on simulated disks, and the host's clocks, timers and files out of reach. */
export const nodeHost: Host = {
  makeMedium: (options) => new Files(options),
  around: (run) => listening(() => withoutHost(run)),
  listen: (tell) => {
    const teller = tellers.getStore();
    if (teller === undefined) return () => {};
    teller.tell = tell;
    return () => {
      teller.tell = () => {};
    };
  },
  drawSeed: () => randomInt(1, 2 ** 40),
};
