import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Node } from '@raft-ts/raft';
import type { Logger } from 'winston';
import type { HelloPlan } from './flags.js';

/** After this time a proposal that no leader has accepted is abandoned. */
const GIVE_UP_MS = 1000;

/**
 * Proposes "hello" again and again, one at a time, until `ending` aborts. A follower forwards its proposal to the
 * leader. An accepted proposal may still be lost: the leader may fail before a majority has it. Every member logs what
 * is committed.
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
