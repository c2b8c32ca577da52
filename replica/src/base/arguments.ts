import { badArgument } from '@raft-ts/proto/internal';
import { RaftError } from '@raft-ts/raft';
import { ERR_OPTIONS } from './errors.js';

/** Throws ERR_RAFT_REPLICA_OPTIONS for the option of this name. */
export function refuseOption(name: string, why: string): never {
  throw new RaftError(ERR_OPTIONS, `${name}: ${why}`, { reason: name });
}

/** Returns what to throw for the time limit of a call; `undefined` if it is one. */
export function timeoutFault(timeoutMs: unknown): RaftError | undefined {
  if (timeoutMs === undefined || (typeof timeoutMs === 'number' && timeoutMs >= 0)) return undefined;
  return callFault('timeoutMs', timeoutMs, 'milliseconds, 0 or more, or undefined');
}

/** Returns what to throw if a call was given a value that is not allowed there: ERR_RAFT_ARGUMENT. */
export function callFault(name: string, value: unknown, allowed: string): RaftError {
  return badArgument(name, { path: '', value, allowed });
}

/** Throws ERR_RAFT_REPLICA_OPTIONS if this is no member's id. */
export function checkMemberId(id: unknown): void {
  if (typeof id !== 'bigint' || id <= 0n)
    refuseOption('id', `it must be a bigint above 0, such as 1n, not ${String(id)}`);
}
