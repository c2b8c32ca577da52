import { RaftError } from '@raft-ts/raft';
import { ScanError } from '../datadriven/scan.js';

/** A command failed in a way that etcd's harness prints, as against ending the script. */
export class CommandError extends Error {}

/** Codes of the errors that etcd's harness prints; every other error is a panic there and ends the script. */
const printable = new Set([
  'ERR_RAFT_COMPACTED',
  'ERR_RAFT_UNAVAILABLE',
  'ERR_RAFT_SNAP_OUT_OF_DATE',
  'ERR_RAFT_PROPOSAL_DROPPED',
  'ERR_RAFT_STEP_LOCAL_MSG',
  'ERR_RAFT_STEP_PEER_NOT_FOUND',
  'ERR_RAFT_CONF_CHANGE_SYNTAX',
]);

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof RaftError && error.code === code;
}

/** Does etcd's harness print this error and go on? */
export function isPrintable(error: unknown): error is Error {
  return error instanceof CommandError || (error instanceof RaftError && printable.has(error.code));
}

/** Runs a conversion whose failure etcd's harness prints, where for most arguments it ends the script. */
export function asCommandError<T>(convert: () => T): T {
  try {
    return convert();
  } catch (error) {
    throw error instanceof ScanError ? new CommandError(error.message, { cause: error }) : error;
  }
}
