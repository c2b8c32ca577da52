import { durableLog } from './durable-log.js';
import type { LogUnderTest } from './log-under-test.js';
import { raftLog } from './raft-log.js';

/** Returns what a seed tests: an even one the log alone, an odd one the log with snapshot files. */
export function logOf(seed: number): LogUnderTest {
  return seed % 2 === 0 ? raftLog : durableLog;
}
