import { durableLog } from './durable-log.js';
import type { LogUnderTest } from './log-under-test.js';
import { raftLog } from './raft-log.js';

/** What a seed is about: the log alone where it is even, log and snapshot files together where it is odd. */
export function logOf(seed: number): LogUnderTest {
  return seed % 2 === 0 ? raftLog : durableLog;
}
