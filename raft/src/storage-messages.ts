import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  newMessage,
  type Snapshot,
} from '@raft-ts/proto';
import type { Raft } from './raft.js';
import type { Ready } from './ready.js';

/** What these messages are made of. */
type Reach = Pick<Raft, 'id' | 'term' | 'raftLog' | 'msgs' | 'msgsAfterAppend' | 'holdsVoteRequests'>;

/**
 * Returns everything that a Ready of a member with asynchronous storage writes asks for, as messages: those to other
 * members, one to the append thread with what is promised once it is written, and one to the apply thread.
 */
export function asyncMessages(r: Reach, { hardState, entries, snapshot, committedEntries }: Ready): readonly Message[] {
  const { msgs, msgsAfterAppend } = afterWrites(r);
  const writes = entries.length > 0 || hardState !== undefined || snapshot !== undefined || msgsAfterAppend.length > 0;
  const messages = writes
    ? withLast(msgs, storageAppend(r, { hardState, entries, snapshot }, msgsAfterAppend))
    : msgs.slice();
  return committedEntries.length > 0 ? withLast(messages, storageApply(r, committedEntries)) : messages;
}

/**
 * Requests for votes wait too, until the term, the candidate's own vote and the log that they name are stored. If they
 * left earlier, a candidate that crashed could campaign in the same term once more, with a shorter log, and answers to
 * the first request would elect it.
 */
function afterWrites(r: Reach): Pick<Reach, 'msgs' | 'msgsAfterAppend'> {
  const { msgs, msgsAfterAppend } = r;
  if (!r.holdsVoteRequests || !msgs.some(isVoteRequest)) return r;
  const requests = msgs.filter(isVoteRequest);
  return { msgs: msgs.filter((m) => !isVoteRequest(m)), msgsAfterAppend: [...requests, ...msgsAfterAppend] };
}

function isVoteRequest({ type }: Message): boolean {
  return type === MessageType.MsgVote;
}

function storageAppend(
  r: Reach,
  { entries, hardState, snapshot }: Pick<Ready, 'entries' | 'hardState' | 'snapshot'>,
  msgsAfterAppend: readonly Message[],
): Message {
  const m = newMessage(MessageType.MsgStorageAppend, LOCAL_APPEND_THREAD);
  m.from = r.id;
  m.entries = entries;
  if (hardState !== undefined) {
    m.term = hardState.term;
    m.vote = hardState.vote;
    m.commit = hardState.commit;
  }
  m.snapshot = snapshot;
  m.responses = needsStorageAppendResp(r, snapshot)
    ? withLast(msgsAfterAppend, storageAppendResp(r, snapshot))
    : msgsAfterAppend.slice();
  return m;
}

/** Is there anything unstable that the write will make stable? */
export function needsStorageAppendResp(r: Reach, snapshot: Snapshot | undefined): boolean {
  return r.raftLog.unstable.length > 0 || snapshot !== undefined;
}

/**
 * Acknowledges the whole log up to its current end, whether or not this write holds the entries: writes are done in
 * order. The term is the member's own, so that an acknowledgement that outlives the term is not believed: entries may
 * have been replaced and replaced again by ones of the same term and index that are not written yet. The next term's
 * first write, its hard state at least, acknowledges them anew.
 */
export function storageAppendResp(r: Reach, snapshot: Snapshot | undefined): Message {
  const m = newMessage(MessageType.MsgStorageAppendResp, r.id);
  m.from = LOCAL_APPEND_THREAD;
  m.term = r.term;
  if (r.raftLog.unstable.length > 0) {
    const last = r.raftLog.lastEntryId();
    m.index = last.index;
    m.logTerm = last.term;
  }
  m.snapshot = snapshot;
  return m;
}

function storageApply(r: Reach, entries: readonly Entry[]): Message {
  const m = newMessage(MessageType.MsgStorageApply, LOCAL_APPLY_THREAD);
  m.from = r.id;
  m.entries = entries;
  m.responses = [storageApplyResp(r, entries)];
  return m;
}

/** Reports that these entries were applied. */
export function storageApplyResp(r: Pick<Reach, 'id'>, entries: readonly Entry[]): Message {
  const m = newMessage(MessageType.MsgStorageApplyResp, r.id);
  m.from = LOCAL_APPLY_THREAD;
  m.entries = entries;
  return m;
}

/** Returns a new list. The usual short ones are written out, because a push would allocate room for seventeen. */
function withLast(messages: readonly Message[], last: Message): readonly Message[] {
  if (messages.length === 0) return [last];
  if (messages.length === 1) return [messages[0] as Message, last];
  return [...messages, last];
}
