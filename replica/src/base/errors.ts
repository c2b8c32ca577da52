import { type NodeId, RaftError } from '@raft-ts/raft';

/** Options of `Replica.start` are missing, contradict each other, or are out of range; `reason` names the option. */
export const ERR_OPTIONS = 'ERR_RAFT_REPLICA_OPTIONS';
/**
 * The command is certainly not in the log, and never will be; `reason` is a `DroppedReason`. Proposing it again is
 * safe.
 */
export const ERR_DROPPED = 'ERR_RAFT_DROPPED';
/** The command may be applied, now or later; `reason` is an `UnknownReason`. Proposing it again may apply it twice. */
export const ERR_UNKNOWN = 'ERR_RAFT_UNKNOWN';
/** The command was applied, and the state machine threw; `cause` is what it threw. Every member found the same. */
export const ERR_COMMAND_FAILED = 'ERR_RAFT_COMMAND_FAILED';
/** The read was not served; `reason` is a `ReadFailure`. Reading again is always safe. */
export const ERR_READ_FAILED = 'ERR_RAFT_READ_FAILED';
/** Why the signal of a task of `whileLeading` has aborted; `reason` is what the lease was lost to. */
export const ERR_LEADERSHIP_LOST = 'ERR_RAFT_LEADERSHIP_LOST';
/** The replica is stopped, or was ended by an error, which is then the `cause`. */
export const ERR_REPLICA_STOPPED = 'ERR_RAFT_REPLICA_STOPPED';
/** The replica does not take part yet: it still reads its snapshot. The sender will try again. */
export const ERR_REPLICA_STARTING = 'ERR_RAFT_REPLICA_STARTING';
/** The membership was not changed, or leadership not handed over; `reason` is a `MembershipRefusal`. */
export const ERR_MEMBERSHIP = 'ERR_RAFT_MEMBERSHIP';
/** The other members refuse this one for good, so it ends; `reason` is that of a `Removal`. */
export const ERR_REFUSED = 'ERR_RAFT_REFUSED';
/** The state machine threw where it may not, or gave something that cannot be used: this member ends. */
export const ERR_STATE_MACHINE = 'ERR_RAFT_STATE_MACHINE';
/** A snapshot's bytes cannot be read by this format, or were cut short. */
export const ERR_SNAPSHOT_FORMAT = 'ERR_RAFT_SNAPSHOT_FORMAT';
/** An entry's bytes cannot be read by this format, or it has none for what is to be written. */
export const ERR_ENTRY_FORMAT = 'ERR_RAFT_ENTRY_FORMAT';

/**
 * Why a command was dropped:
 * - `busy`: too many commands, or bytes of them, wait on this member; slow down
 * - `quota`: the leader holds as many bytes, or entries, as it may that are not applied yet; slow down
 * - `too-large`: it takes more bytes than `limits.maxCommandBytes`; it will never be taken
 * - `no-leader`: none was known until the deadline
 * - `transferring`: leadership was being handed over until the deadline
 * - `not-leading`: only the leader can do this
 * - `removed`: this member is no longer in the configuration
 * - `replaced`: another leader's entry was committed in the command's place
 * - `session-expired`: the session is unknown, so nothing was applied: open another one
 * - `features`: it needs features that the cluster has not opened yet (`Replica.features`)
 * - `aborted`: its signal aborted before it was handed to the leader
 * - `stopped`: this member stopped before it handed the command over
 */
export type DroppedReason =
  | 'busy'
  | 'quota'
  | 'too-large'
  | 'no-leader'
  | 'transferring'
  | 'not-leading'
  | 'removed'
  | 'replaced'
  | 'session-expired'
  | 'features'
  | 'aborted'
  | 'stopped';

/**
 * Why it is not known what became of a command:
 * - `deadline`: it was in this leader's log, or on its way to the leader, and was not applied in time
 * - `leadership-lost`: the leader that held it, or that it was sent to, was replaced before it was applied
 * - `aborted`: its signal aborted after it had been handed over
 * - `stopped`: this member stopped meanwhile
 * - `snapshot-skipped`: a snapshot of the leader's replaced the entries among which the command's fate stood
 * - `result-forgotten`: it was applied, once, but what it gave is not kept any more: it was too large, too long ago, or
 *   the state machine, which is durable by itself, applied it before this member started
 * - `session-expired`: its session, or its number, is not known any more, and an earlier attempt may have been applied
 */
export type UnknownReason =
  | 'deadline'
  | 'leadership-lost'
  | 'aborted'
  | 'stopped'
  | 'snapshot-skipped'
  | 'result-forgotten'
  | 'session-expired';

/**
 * Why a read was not served:
 * - `busy`: too many reads wait on this member
 * - `no-leader`: none was known until the deadline
 * - `unconfirmed`: a leader was known, but no quorum confirmed it until the deadline
 * - `not-applied`: confirmed, but this member had not applied everything up to the confirmed index by the deadline
 * - `aborted`, `stopped`: as for commands
 */
export type ReadFailure = 'busy' | 'no-leader' | 'unconfirmed' | 'not-applied' | 'aborted' | 'stopped';

/**
 * Why the membership was not changed, or leadership not handed over.
 *
 * At once, because it makes no sense:
 * - `unknown-id`: the cluster has no member of this id
 * - `id-used`: the id belongs to another member, or to one that was removed; ids are never used twice
 * - `url-used`: another member has this address; `replaceMember` is what puts a new member in its place
 * - `last-voter`: it is the only one that votes
 * - `not-a-voter`: a learner cannot lead
 *
 * At the deadline, for what stood in the way until then:
 * - `no-leader`: no leader was known, or a quorum did not confirm it
 * - `refused`: the leader refuses it, for the reason that the message gives; most often another change is under way
 * - `unhealthy`: too few of the voters that would remain answer the leader: the cluster would stand still
 * - `not-caught-up`: the new member does not answer, or is too far behind to vote
 * - `needs-both`: one of two voters is to go, and both must confirm that, but no quorum answers
 * - `not-connected`: the leader does not hear from the member that is to lead
 * - `unseen`: it was handed over, and has not been carried out yet as far as this member has seen
 *
 * Any time: `busy` (too much waits on this member), `aborted` (by the signal), `stopped` (this member ends)
 */
export type MembershipRefusal =
  | 'unknown-id'
  | 'id-used'
  | 'url-used'
  | 'last-voter'
  | 'not-a-voter'
  | 'no-leader'
  | 'refused'
  | 'unhealthy'
  | 'not-caught-up'
  | 'needs-both'
  | 'not-connected'
  | 'unseen'
  | 'busy'
  | 'aborted'
  | 'stopped';

/** The command is certainly not in the log: a retry is safe. */
export class ProposalDropped extends RaftError {
  readonly outcome = 'dropped';
  declare readonly reason: DroppedReason;

  constructor(reason: DroppedReason, detail?: string, cause?: unknown) {
    super(ERR_DROPPED, `the command was dropped (${reason})${suffix(detail)}${adviceFor(reason)}`, {
      reason,
      cause,
    });
    this.name = 'ProposalDropped';
  }
}

function adviceFor(reason: DroppedReason): string {
  if (reason === 'too-large') return '';
  return reason === 'stopped' ? ': propose it on another member' : ': it may be proposed again';
}

/** The command may still be applied: a retry may apply it twice, except in a session. */
export class ProposalUnknown extends RaftError {
  readonly outcome = 'unknown';
  declare readonly reason: UnknownReason;
  /** The command's number, if it was proposed in a session: `Session.retry` takes it. */
  readonly sequence: number | undefined;

  constructor(reason: UnknownReason, detail?: string, cause?: unknown, sequence?: number) {
    const what =
      reason === 'result-forgotten' ? 'was applied, but its result is not kept' : 'may or may not be applied';
    super(ERR_UNKNOWN, `the command ${what} (${reason})${suffix(detail)}`, { reason, cause });
    this.name = 'ProposalUnknown';
    this.sequence = sequence;
    dropFrames(this);
  }
}

/** The command was applied at `index`, and its result on every member is this failure. */
export class CommandFailed extends RaftError {
  readonly outcome = 'failed';
  readonly index: number;
  readonly term: number;

  constructor({ index, term }: { readonly index: number; readonly term: number }, message: string, cause?: unknown) {
    super(ERR_COMMAND_FAILED, `the command at index ${index} failed: ${message}`, { cause });
    this.name = 'CommandFailed';
    dropFrames(this);
    this.index = index;
    this.term = term;
  }
}

/** The read was not served; reading again is safe. */
export class ReadFailed extends RaftError {
  declare readonly reason: ReadFailure;

  constructor(reason: ReadFailure, detail?: string, cause?: unknown) {
    super(ERR_READ_FAILED, `the read was not served (${reason})${suffix(detail)}`, { reason, cause });
    this.name = 'ReadFailed';
  }
}

/** The membership was not changed, or leadership not handed over, or it is not known yet. Calling again is safe. */
export class MembershipError extends RaftError {
  declare readonly reason: MembershipRefusal;
  /** The member in question. Of `addMember` and `replaceMember` the new one, once it has an id: pass it to go on. */
  readonly id: NodeId | undefined;
  /** Something was handed over that may still be carried out. */
  readonly mayStillHappen: boolean;

  constructor(
    reason: MembershipRefusal,
    message: string,
    { id, mayStillHappen = false, cause }: { id?: NodeId | undefined; mayStillHappen?: boolean; cause?: unknown } = {},
  ) {
    super(ERR_MEMBERSHIP, message, { reason, cause });
    this.name = 'MembershipError';
    this.id = id;
    this.mayStillHappen = mayStillHappen;
  }
}

/** It is made where the loop settles a call: the frames there say nothing to whoever made the call. */
function dropFrames(error: Error): void {
  error.stack = `${error.name}: ${error.message}`;
}

function suffix(detail: string | undefined): string {
  return detail === undefined ? '' : `: ${detail}`;
}

/** Returns what a call gets on a replica that has ended. */
export function replicaStopped(cause: unknown): RaftError {
  const why = cause === undefined ? 'it was stopped' : describe(cause);
  return new RaftError(ERR_REPLICA_STOPPED, `this replica takes nothing any more: ${why}`, { cause });
}

/** Returns what a member gets that was removed, and sends something. */
export function removedSender(id: NodeId): RaftError {
  return new RaftError(ERR_REFUSED, `member ${id} was removed from the cluster: nothing is taken from it any more`, {
    reason: 'removed',
  });
}

/** Returns the text of anything that was thrown. */
export function describe(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
