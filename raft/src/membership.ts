import {
  type ConfState,
  type Entry,
  EntryType,
  ERR_DECODE,
  ERR_POSITION_RANGE,
  MessageType,
  NONE,
  newMessage,
  RaftError,
  type Snapshot,
} from '@raft-ts/proto';
import { isCoded } from '@raft-ts/proto/internal';
import { type ChangeResult, Changer } from './confchange/changer.js';
import { type AnyConfChange, asV2, decodeConfChangeEntry } from './confchange/conf-change.js';
import { checkConfStatesEquivalent } from './confchange/conf-state.js';
import { restoreConfig } from './confchange/restore.js';
import { confStateText } from './describe.js';
import { ERR_CONF_CHANGE_LIMIT, RaftPanic } from './errors.js';
import type { Raft } from './raft.js';
import { bcastAppend, maybeCommit, maybeSendAppend, names } from './replication.js';

/** What a change of membership reads, changes and calls of a member. */
type Reach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'state'
  | 'isLearner'
  | 'raftLog'
  | 'trk'
  | 'leadTransferee'
  | 'stepDownOnRemoval'
  | 'maxMsgSize'
  | 'logger'
  | 'send'
  | 'limitsForeignSnapshots'
  | 'becomeFollower'
  | 'areChangesInHand'
>;

/**
 * Returns what a membership change would lead to, without carrying it out.
 * @throws ERR_RAFT_CONF_CHANGE_INVALID if it is not allowed
 */
export function tryConfChange(r: Pick<Raft, 'trk' | 'raftLog'>, cc: AnyConfChange): ChangeResult {
  return new Changer(r.trk, r.raftLog.lastIndex()).apply(asV2(cc));
}

/**
 * Carries out a committed membership change.
 * @throws ERR_RAFT_CONF_CHANGE_INVALID if it is not allowed; the configuration is then unchanged
 */
export function applyConfChange(r: Reach, cc: AnyConfChange): ConfState {
  return switchToConfig(r, tryConfChange(r, cc));
}

/**
 * Carries out the membership change of a committed entry. A change that etcd cannot decode or carry out either is
 * skipped on every member alike, with a warning: it is in every log, and would end each member that treated it as an
 * error.
 * @throws ERR_RAFT_CONF_CHANGE_LIMIT if only this implementation refuses it
 */
export function applyConfChangeEntry(r: Reach & Pick<Raft, 'warnings'>, entry: Entry): ConfState {
  let next: ChangeResult;
  try {
    next = tryConfChange(r, decodeConfChangeEntry(entry));
  } catch (error) {
    if (!isCoded(error)) throw error;
    if (isOwnLimit(error)) throw beyondLimit(entry, error);
    r.warnings.warn(
      'skipped change',
      () =>
        `${r.id.toString(16)} skipped the membership change at index ${entry.index}, which no member can carry out, and keeps configuration ${r.trk.config}: ${error.message}. If the change is still wanted, propose a valid one`,
    );
    return r.trk.config.confState();
  }
  return switchToConfig(r, next);
}

/** May etcd have carried this out? Its limits and nesting are larger, and its positions have 64 bits. */
function isOwnLimit({ code, reason }: RaftError): boolean {
  return code === ERR_POSITION_RANGE || (code === ERR_DECODE && (reason === 'limit' || reason === 'nesting'));
}

function beyondLimit({ index, term }: Entry, cause: RaftError): RaftError {
  return new RaftError(
    ERR_CONF_CHANGE_LIMIT,
    `the committed membership change at index ${index} of term ${term} exceeds what this implementation can carry out: ${cause.message}. Members that run etcd may have carried it out, so this one must not continue without it: remove it from the cluster, or replace it with a member that runs etcd`,
    { reason: cause.reason ?? cause.code, cause },
  );
}

/** Installs this configuration and does what follows from it. */
export function switchToConfig(r: Reach, { config, progress }: ChangeResult): ConfState {
  r.trk.install(config, progress);
  r.logger.info(`${r.id.toString(16)} switched to configuration ${config}`);
  const cs = config.confState();
  const own = progress.get(r.id);
  r.isLearner = own?.isLearner ?? false;

  if (r.state === 'StateLeader' && (own === undefined || own.isLearner)) {
    // It could keep leading until a successor is elected (section 4.2.2 of the dissertation), provided that it does not
    // count itself; applications usually expect it to step down at once.
    if (r.stepDownOnRemoval) r.becomeFollower(r.term, NONE);
    return cs;
  }
  if (r.state !== 'StateLeader' || config.voters.incoming.size === 0) return cs;

  if (maybeCommit(r)) {
    // The new quorum may already have what the old one was waiting for.
    bcastAppend(r);
  } else {
    for (const pr of r.trk.ordered) {
      if (pr.id !== r.id) maybeSendAppend(r, pr, false);
    }
  }
  if (r.leadTransferee !== NONE && !config.voters.has(r.leadTransferee)) r.leadTransferee = NONE;
  return cs;
}

/** Installs the configuration from storage or a snapshot. */
export function restoreConfState(r: Reach, cs: ConfState): void {
  const next = orPanic(() => restoreFor(r, cs));
  const restored = switchToConfig(r, next);
  orPanic(() => checkConfStatesEquivalent(cs, restored));
}

/**
 * Checks that `restoreConfState` would accept this configuration.
 * @throws ERR_RAFT_CONF_CHANGE_INVALID, ERR_RAFT_CONF_STATE if raft cannot have written it
 */
export function tryRestore(r: Pick<Raft, 'raftLog' | 'trk'>, cs: ConfState): void {
  checkConfStatesEquivalent(cs, restoreFor(r, cs).config.confState());
}

function restoreFor(r: Pick<Raft, 'raftLog' | 'trk'>, cs: ConfState): ChangeResult {
  const { maxInflight, maxInflightBytes } = r.trk;
  return restoreConfig(cs, { lastIndex: r.raftLog.lastIndex(), maxInflight, maxInflightBytes });
}

function orPanic<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new RaftPanic('conf-state-mismatch', (error as Error).message, error);
  }
}

/** Replaces the log and the membership by those of a snapshot, if it is newer. Returns whether it did. */
export function restore(r: Reach, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata;
  if (index <= r.raftLog.committed) return false;
  if (r.state !== 'StateFollower') {
    r.logger.warn(`${r.id.toString(16)} attempted to restore snapshot as leader; should never happen`);
    r.becomeFollower(r.term + 1, NONE);
    return false;
  }
  if (!names(confState, r.id)) {
    r.logger.warn(
      `${r.id.toString(16)} attempted to restore snapshot but it is not in the ConfState ${confStateText(confState)}; should never happen`,
    );
    return false;
  }
  if (r.raftLog.matchTerm({ term, index })) {
    // The log already holds all of it: committing is enough, and keeps the entries after it.
    r.logger.info(`${describeLog(r)} fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`);
    r.raftLog.commitTo(index);
    return false;
  }
  if (r.areChangesInHand()) {
    // Carried out on top of the snapshot's membership, they would leave one that no other member has. The answer says
    // that nothing was restored, and the snapshot comes again.
    r.logger.info(
      `${describeLog(r)} ignored snapshot [index: ${index}, term: ${term}] until the membership changes in hand are carried out`,
    );
    return false;
  }
  r.raftLog.restore(snapshot);
  restoreConfState(r, confState);
  r.logger.info(`${describeLog(r)} restored snapshot [index: ${index}, term: ${term}]`);
  return true;
}

function describeLog(r: Pick<Raft, 'id' | 'raftLog'>): string {
  const last = r.raftLog.lastEntryId();
  return `${r.id.toString(16)} [commit: ${r.raftLog.committed}, lastindex: ${last.index}, lastterm: ${last.term}]`;
}

const leaveJoint: readonly Entry[] = [{ type: EntryType.EntryConfChangeV2, term: 0, index: 0, data: undefined }];

type LeaveReach = Pick<Raft, 'raftLog' | 'trk' | 'state' | 'pendingConfIndex' | 'logger' | 'step'>;

/** The application has applied entries up to `index`. */
export function appliedTo(r: LeaveReach, index: number, size: number): void {
  r.raftLog.appliedTo(Math.max(index, r.raftLog.applied), size);
  leaveJointByItself(r);
}

/**
 * In a joint configuration with automatic leave, the leader proposes to leave it once the change that entered it has
 * been applied.
 */
export function leaveJointByItself(r: LeaveReach): void {
  const { applied } = r.raftLog;
  const { config } = r.trk;
  if (!config.autoLeave || applied < r.pendingConfIndex || r.state !== 'StateLeader') return;
  const proposal = newMessage(MessageType.MsgProp, NONE);
  proposal.entries = leaveJoint;
  if (r.step(proposal).kind !== 'dropped') {
    r.logger.info(`initiating automatic transition out of joint configuration ${config}`);
  } else if (r.logger.debugEnabled) {
    // The next applied entry triggers another attempt, and so does the next election timeout.
    r.logger.debug(`not initiating automatic transition out of joint configuration ${config}: raft proposal dropped`);
  }
}
