import { RaftLog } from '@raft-ts/raft/internal';
import { breakable } from './breakable.js';

type Judge = typeof RaftLog.prototype.isUpToDate;

const judging = breakable<Judge>(RaftLog.prototype, 'isUpToDate');

/** Runs something with a core whose members vote for any log, however short. */
export function withCarelessVotes<T>(run: () => T | Promise<T>): Promise<T> {
  return withVotes(() => true, run);
}

/** Runs something with a core whose members judge a candidate's log in another way. */
export async function withVotes<T>(judge: Judge, run: () => T | Promise<T>): Promise<T> {
  return judging(() => judge, run);
}

/** Seeds whose runs, with that core, break a rule. */
export const BROKEN_SEED = 31;

/** One whose run breaks it after few calls. */
export const SHORT_SEED = 14;

/** A seed whose run elects while logs are long, and with fewer actions while they are short. */
export const TWOFOLD_SEED = 7;
