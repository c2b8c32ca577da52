import type { Entry } from '@raft-ts/proto';
import { describeEntry, silentLogger } from '@raft-ts/raft';
import { RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { storageFromArray } from './storage.js';

/** Last index, what was applied, and every entry; not the commit index. */
export function dumpLog(log: RaftLog): string {
  const lines = [`lastIndex: ${log.lastIndex()}`, `applied: ${log.applied}`, `applying: ${log.applying}`];
  for (const [i, e] of log.allEntries().entries()) lines.push(`#${i}: ${describeEntry(e)}`);
  return lines.join('\n');
}

/** A log on a store of these entries, the first of which stands for the last compacted one. */
export function logFromArray(entries: readonly Entry[]): RaftLog {
  return new RaftLog(storageFromArray(entries), silentLogger);
}

/** Two logs that hold the same, whatever part of it is stable. */
export function expectSameLog(actual: RaftLog, expected: RaftLog, what = 'log'): void {
  expect(dumpLog(actual), what).to.equal(dumpLog(expected));
}
