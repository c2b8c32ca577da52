import { RaftLog } from '@raft-ts/raft/internal';

/** Runs something with a core whose members vote for any log, however short. */
export async function withCarelessVotes<T>(run: () => T | Promise<T>): Promise<T> {
  const { isUpToDate } = RaftLog.prototype;
  RaftLog.prototype.isUpToDate = () => true;
  try {
    return await run();
  } finally {
    RaftLog.prototype.isUpToDate = isUpToDate;
  }
}

/** Seeds whose runs, with that core, break a rule. */
export const BROKEN_SEED = 3;
