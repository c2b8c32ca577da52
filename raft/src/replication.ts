import { type ConfState, type Entry, type Message, MessageType, type NodeId, newMessage } from '@raft-ts/proto';
import { RaftPanic } from './errors.js';
import type { Raft } from './raft.js';
import { payloadsSize } from './sizes.js';
import type { Progress } from './tracker/progress.js';

/** What replication reads, changes and calls of a member. */
export type ReplicationReach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'raftLog'
  | 'trk'
  | 'readOnly'
  | 'uncommittedSize'
  | 'maxUncommittedSize'
  | 'maxMsgSize'
  | 'logger'
  | 'send'
  | 'limitsForeignSnapshots'
>;
type SendReach = Pick<
  ReplicationReach,
  'id' | 'raftLog' | 'trk' | 'maxMsgSize' | 'logger' | 'send' | 'limitsForeignSnapshots'
>;
type HeartbeatReach = Pick<ReplicationReach, 'id' | 'raftLog' | 'trk' | 'readOnly' | 'send'>;

const noEntries: readonly Entry[] = [];

/**
 * Appends a leader's entries to its own log, giving them its term and their places. Returns false, and appends nothing,
 * if that would exceed the quota of uncommitted payload. A single proposal larger than the quota is accepted when
 * nothing else is uncommitted, and empty entries always are: neither may keep a leader from making progress.
 */
export function appendEntry(r: ReplicationReach, proposed: readonly Entry[]): boolean {
  const size = payloadsSize(proposed);
  if (r.uncommittedSize > 0 && size > 0 && r.uncommittedSize + size > r.maxUncommittedSize) {
    r.logger.warn(
      `${r.id.toString(16)} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
    );
    return false;
  }
  r.uncommittedSize += size;
  const { term } = r;
  const last = r.raftLog.lastIndex();
  const index = r.raftLog.append(proposed.map((entry, i) => placed(entry, term, last + 1 + i)));
  // The leader's own log counts towards the quorum only once it is stable, so its acknowledgement is a message too.
  const ack = newMessage(MessageType.MsgAppResp, r.id);
  ack.index = index;
  r.send(ack);
  return true;
}

/** Returns the entry with this term and index. It changes none: a copy of the message may hold the same entries. */
function placed(entry: Entry, term: number, index: number): Entry {
  if (entry.term === term && entry.index === index) return entry;
  return { type: entry.type, term, index, data: entry.data };
}

/** This much payload has been applied, and therefore committed. */
export function reduceUncommittedSize(r: Pick<Raft, 'uncommittedSize'>, size: number): void {
  // Entries that an earlier leader appended were never counted here.
  r.uncommittedSize = Math.max(0, r.uncommittedSize - size);
}

/** Commits what a quorum has; returns whether the commit index moved. */
export function maybeCommit(r: Pick<Raft, 'raftLog' | 'trk' | 'term'>): boolean {
  if (!r.trk.quorumBeyond(r.raftLog.committed)) return false;
  return r.raftLog.maybeCommit(r.trk.committed(), r.term);
}

/** Sends the follower what it needs next, even if that is only the commit index. */
export function sendAppend(r: SendReach, pr: Progress): void {
  maybeSendAppend(r, pr, true);
}

/**
 * Sends entries to a follower, or a snapshot if the entries it needs are compacted. Returns whether a message left.
 * @param sendIfEmpty send an append even without entries: it probes, and carries the commit index
 */
export function maybeSendAppend(r: SendReach, pr: Progress, sendIfEmpty: boolean): boolean {
  if (pr.isPaused()) return false;
  const prev = pr.next - 1;
  // After most acknowledgements nothing is left to send: the term before it need not be read.
  if (!sendIfEmpty && prev === r.raftLog.lastIndex()) return false;
  const prevTerm = r.raftLog.term(prev);
  if (typeof prevTerm !== 'number') return maybeSendSnapshot(r, pr);
  // With a full window only an empty append may leave.
  const entries =
    pr.state === 'StateReplicate' && pr.inflights.full() ? noEntries : r.raftLog.entries(pr.next, r.maxMsgSize);
  if (typeof entries === 'string') return sendIfEmpty && maybeSendSnapshot(r, pr);
  if (entries.length === 0 && !sendIfEmpty) return false;
  const m: Message = newMessage(MessageType.MsgApp, pr.id);
  m.index = prev;
  m.logTerm = prevTerm;
  m.entries = entries;
  m.commit = r.raftLog.committed;
  r.send(m);
  pr.sentEntries(entries.length, payloadsSize(entries));
  pr.sentCommit = m.commit;
  return true;
}

function maybeSendSnapshot(r: SendReach, pr: Progress): boolean {
  const { logger, raftLog } = r;
  if (!pr.recentActive) {
    if (logger.debugEnabled) {
      logger.debug(`ignore sending snapshot to ${pr.id.toString(16)} since it is not recently active`);
    }
    return false;
  }
  const self = r.id.toString(16);
  const peer = pr.id.toString(16);
  const snapshot = raftLog.snapshot();
  if (snapshot === undefined) {
    if (logger.debugEnabled) {
      logger.debug(`${self} failed to send snapshot to ${peer} because snapshot is temporarily unavailable`);
    }
    return false;
  }
  const { index, term } = snapshot.metadata;
  if (index === 0) throw new RaftPanic('snapshot-not-empty', 'need non-empty snapshot');
  if (!names(snapshot.metadata.confState, pr.id) && !maySendForeign(r, pr, index)) return false;
  if (logger.debugEnabled) {
    logger.debug(
      `${self} [firstindex: ${raftLog.firstIndex()}, commit: ${raftLog.committed}] sent snapshot[index: ${index}, term: ${term}] to ${peer} [${pr}]`,
    );
  }
  pr.becomeSnapshot(index);
  if (logger.debugEnabled) logger.debug(`${self} paused sending replication messages to ${peer} [${pr}]`);
  const m = newMessage(MessageType.MsgSnap, pr.id);
  m.snapshot = snapshot;
  r.send(m);
  return true;
}

/** Does this membership include the member? */
export function names({ voters, learners, votersOutgoing }: ConfState, id: NodeId): boolean {
  return voters.includes(id) || learners.includes(id) || votersOutgoing.includes(id);
}

/**
 * May a snapshot from before the member was added be sent to it? The member ignores it, and would be sent it again
 * after each answer, so at most one goes out per heartbeat. A withheld snapshot counts as failed: progress does not
 * wait for it, and a newer snapshot that names the member is sent as soon as there is one.
 */
function maySendForeign(r: SendReach, pr: Progress, index: number): boolean {
  if (pr.toldForeignSnapshot !== index) {
    pr.toldForeignSnapshot = index;
    r.logger.warn(
      `${r.id.toString(16)} has only a snapshot at index ${index} for ${pr.id.toString(16)}, and its membership does not name ${pr.id.toString(16)}, which therefore cannot start from it: make a new snapshot, with the ConfState that applyConfChange() returned last`,
    );
  }
  if (pr.sentForeignSnapshot && r.limitsForeignSnapshots) return false;
  pr.sentForeignSnapshot = true;
  return true;
}

/** Sends appends to all other members. */
export function bcastAppend(r: SendReach): void {
  for (const pr of r.trk.ordered) {
    if (pr.id !== r.id) sendAppend(r, pr);
  }
}

/** Sends heartbeats to all other members, paused or not. */
export function bcastHeartbeat(r: HeartbeatReach): void {
  const context = r.readOnly.heartbeatCtx();
  for (const pr of r.trk.ordered) {
    if (pr.id === r.id) continue;
    const m = newMessage(MessageType.MsgHeartbeat, pr.id);
    // A follower must not commit beyond what is known to match: the rest of its log may be another leader's.
    m.commit = Math.min(pr.match, r.raftLog.committed);
    m.context = context;
    r.send(m);
    pr.sentCommit = m.commit;
  }
}
