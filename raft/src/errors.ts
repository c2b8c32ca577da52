import { RaftError } from '@raft-ts/proto';

export { RaftError };

/** A field of `Config` is missing or out of range. */
export const ERR_CONFIG = 'ERR_RAFT_CONFIG';
/** `bootstrap` was given no members, or the storage is not new. */
export const ERR_BOOTSTRAP = 'ERR_RAFT_BOOTSTRAP';
/** The proposal was not appended anywhere; `reason` is a `DropReason`. Proposing again is safe. */
export const ERR_PROPOSAL_DROPPED = 'ERR_RAFT_PROPOSAL_DROPPED';
/** The leader appended an empty entry instead of a membership change that is not allowed now; `reason` says why. */
export const ERR_CONF_CHANGE_REFUSED = 'ERR_RAFT_CONF_CHANGE_REFUSED';
/** The membership change cannot be applied to this configuration. */
export const ERR_CONF_CHANGE_INVALID = 'ERR_RAFT_CONF_CHANGE_INVALID';
/**
 * A committed membership change exceeds a limit that etcd does not have; `reason` names it. Members that run etcd may
 * have carried it out, so a member that skipped it could count a different majority: it must end.
 */
export const ERR_CONF_CHANGE_LIMIT = 'ERR_RAFT_CONF_CHANGE_LIMIT';
/** A membership change in text form is malformed. */
export const ERR_CONF_CHANGE_SYNTAX = 'ERR_RAFT_CONF_CHANGE_SYNTAX';
/** Two configuration states that must be equivalent are not. */
export const ERR_CONF_STATE = 'ERR_RAFT_CONF_STATE';
/** A message that only the member itself may create came from somewhere else. */
export const ERR_STEP_LOCAL_MSG = 'ERR_RAFT_STEP_LOCAL_MSG';
/** A response came from a member that is not in the configuration. */
export const ERR_STEP_PEER_NOT_FOUND = 'ERR_RAFT_STEP_PEER_NOT_FOUND';
/** No correct member sends this message; `reason` names the rule that it breaks. The message was ignored. */
export const ERR_MESSAGE_INVALID = 'ERR_RAFT_MESSAGE_INVALID';
/** The read was not requested anywhere; `reason` is `no-leader`. Asking again is safe. */
export const ERR_READ_DROPPED = 'ERR_RAFT_READ_DROPPED';
/** The node has stopped. */
export const ERR_STOPPED = 'ERR_RAFT_STOPPED';
/** `ready()` has a consumer already. */
export const ERR_READY_CONSUMER = 'ERR_RAFT_READY_CONSUMER';
/** Too many calls are waiting: `reason` is `count` or `bytes`. Nothing was proposed or requested; try again later. */
export const ERR_TOO_MANY_WAITERS = 'ERR_RAFT_TOO_MANY_WAITERS';

/** Why a proposal was dropped. */
export type DropReason = 'no-leader' | 'transferring' | 'forwarding-disabled' | 'quota' | 'removed';

export function proposalDropped(reason: DropReason): RaftError {
  return new RaftError(ERR_PROPOSAL_DROPPED, 'raft proposal dropped', { reason });
}

export function tooManyWaiters(text: string, reason: 'count' | 'bytes'): RaftError {
  return new RaftError(ERR_TOO_MANY_WAITERS, `raft: ${text}`, { reason });
}

/**
 * The rules whose breach ends a member, and what the program that embeds it has to change. Those at the end cannot be
 * broken from outside: a breach is a defect of this package.
 */
const advice = {
  'advance-before-ready': 'Call advance() once the work of a Ready is done, before the next ready().',
  'advance-in-async-mode':
    'With asyncStorageWrites, deliver the responses of the storage messages; never call advance().',
  'applied-in-range': 'Responses of MsgStorageApply must be delivered once, in order.',
  'storage-lost-entries':
    'Storage must return every entry from its firstIndex to its lastIndex, and the log must be the one that raft last saw: do not start from an older copy of it.',
  'hard-state-in-range':
    'The stored commit index must be within the stored log: save entries before, or together with, the hard state.',
  'storage-failed': 'Storage threw an unexpected error, which is the cause; the member cannot go on without its log.',
  'storage-answer':
    'Storage must answer as its interface says, synchronously: bytes are Uint8Arrays, ids bigints, positions safe integers, and entries are contiguous.',
  'conf-state-mismatch': 'Storage returned a membership from initialState() that raft cannot have written.',
  'snapshot-not-empty': 'Storage.snapshot() returned a snapshot of index 0 although entries are compacted.',
  'append-without-gap': 'Append all of Ready.entries to storage, in order.',
  'index-in-log': 'The index must be within the log.',
  'apply-budget': 'maxSizePerMsg and maxCommittedSizePerReady must not both be 0: nothing could ever be applied.',
  'peers-for-start': 'startNode needs the members of the new cluster; use restartNode if a log exists.',
  'message-to-self': 'This is a defect of raft.',
  'message-term': 'This is a defect of raft, or a message that was not checked before Raft.step.',
  'log-consistency': 'This is a defect of raft, or a message that was not checked before Raft.step.',
  'role-transition': 'This is a defect of raft.',
  'flow-control': 'This is a defect of raft.',
  invariant: 'This is a defect of raft.',
} as const;

/** Names a rule that was broken. */
export type PanicRule = keyof typeof advice;

/**
 * A broken invariant. The member that throws it must not continue, because its state can no longer be trusted. The text
 * is etcd's; `rule` names what was broken and `advice` says what to do.
 */
export class RaftPanic extends Error {
  readonly rule: PanicRule;
  readonly advice: string;

  constructor(rule: PanicRule, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RaftPanic';
    this.rule = rule;
    this.advice = advice[rule];
  }
}

/** For the end of a switch over a union: if a case is missing this does not compile. */
export function assertNever(value: never): never {
  throw new RaftPanic('invariant', `unexpected ${String(value)}`);
}
