import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '@raft-ts/raft';
import type { Logger } from 'winston';
import type { HelloPlan } from './flags.js';

/** A proposal that no leader has taken by then is given up. */
const GIVE_UP_MS = 1000;

/**
 * Propose "hello" again and again, one at a time, until `ending` aborts. A proposal made to a follower travels to the
 * leader. That it was taken does not say that it will be committed: the leader may fall before a majority has it. What
 * is committed, every member logs.
 */
export async function sayHello(node: Node, plan: HelloPlan, ending: AbortSignal, logger: Logger): Promise<void> {
  const hello = new TextEncoder().encode('hello');
  try {
    await sleep(plan.afterMs, undefined, { signal: ending });
    for (;;) {
      const start = performance.now();
      await propose();
      await sleep(Math.max(0, plan.everyMs - (performance.now() - start)), undefined, { signal: ending });
    }
  } catch (error) {
    if (!ending.aborted) throw error;
  }

  async function propose(): Promise<void> {
    const timeout = AbortSignal.timeout(GIVE_UP_MS);
    try {
      await node.propose(hello, { signal: timeout });
    } catch (error) {
      if (ending.aborted) return;
      const reason = timeout.aborted ? `no leader took it within ${GIVE_UP_MS} ms` : (error as Error).message;
      logger.warn(`hello given up: ${reason}`);
    }
  }
}
