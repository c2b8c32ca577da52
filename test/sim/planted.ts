import { RaftLog } from '@raft-ts/raft/internal';

const { isUpToDate } = RaftLog.prototype;

/** Runs something with a core whose members vote for any log, however short. */
export function withCarelessVotes<T>(run: () => T | Promise<T>): Promise<T> {
  return withVotes(() => true, run);
}

/** Runs something with a core whose members judge a candidate's log in another way. */
export async function withVotes<T>(judge: typeof isUpToDate, run: () => T | Promise<T>): Promise<T> {
  RaftLog.prototype.isUpToDate = judge;
  try {
    return await run();
  } finally {
    RaftLog.prototype.isUpToDate = isUpToDate;
  }
}

/** Seeds whose runs, with that core, break a rule. */
export const BROKEN_SEED = 3;

/** A seed whose run elects while logs are long, and with fewer actions while they are short. */
export const TWOFOLD_SEED = 3;
