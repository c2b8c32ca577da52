import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  NONE,
  type NodeId,
  payloadSize,
} from '@raft-ts/proto';
import { decodeConfChangeEntry, isConfChangeEntry } from './confchange/conf-change.js';
import { hasLease, isTransferVote } from './election.js';
import { tryRestore } from './membership.js';
import type { Raft } from './raft.js';
import { readCounter, readsAreFull } from './read-only.js';
import { payloadsSize } from './sizes.js';

/** The rule that a message breaks. */
export type Refusal =
  | 'position-too-high'
  | 'from-self'
  | 'from-storage-thread'
  | 'storage-response'
  | 'append-entries'
  | 'append-response'
  | 'heartbeat-commit'
  | 'vote-term'
  | 'pre-vote-at-term-0'
  | 'term-missing'
  | 'empty-proposal'
  | 'conf-change-data'
  | 'heartbeat-context'
  | 'read-index-entries'
  | 'snapshot';

/** `drop`: legitimate, but too late, or one too many, to be of use. A refusal names what no correct member does. */
export type Verdict = Refusal | 'drop' | undefined;

type Reach = Pick<
  Raft,
  | 'id'
  | 'term'
  | 'state'
  | 'lead'
  | 'checkQuorum'
  | 'electionElapsed'
  | 'electionTimeout'
  | 'raftLog'
  | 'trk'
  | 'readOnly'
  | 'pendingReadIndexMessages'
  | 'pendingReadBytes'
>;

// The next election needs a higher term, and the next entry a higher index: leaves room for four billion of each.
const LIMIT = 2 ** 53 - 2 ** 32;

/**
 * Most ids in a membership: far above any cluster, and each blocks for about ten microseconds. There are three bounds
 * on members, for three purposes:
 * - `MAX_GUARDED_MEMBERS` (256): how far a leader lets its own cluster grow; a proposal beyond it is refused;
 * - `MAX_SNAPSHOT_MEMBERS` (512, in rafthttp): how much a stranger who reaches the port can make a member look at;
 *   twice the former, because a joint configuration names the old and the new members;
 * - this one: what the core accepts from any transport. It is this high because a leader that runs etcd has no guard,
 *   and a member that refuses what was committed is of no use.
 */
export const MAX_MEMBERS = 16_384;

function inRange(position: number): boolean {
  return Number.isSafeInteger(position) && position >= 0 && position <= LIMIT;
}

export function isStorageThread(id: NodeId): boolean {
  // Theirs are the two highest ids, and each comparison of bigints is a call.
  return id >= LOCAL_APPLY_THREAD;
}

/**
 * Decides whether a message may be stepped. `Raft.step` trusts its input and panics, as etcd does, if a message
 * contradicts what this member knows; a message from another process deserves no such trust. Changes nothing.
 *
 * Messages that the term gate ignores anyway pass, so that they are logged as in etcd.
 */
export function validateIncoming(r: Reach, m: Message, asyncStorageWrites: boolean): Verdict {
  if (!(inRange(m.term) && inRange(m.logTerm) && inRange(m.index) && inRange(m.rejectHint))) return 'position-too-high';
  if (isStorageThread(m.from)) return validateStorageResponse(r, m, asyncStorageWrites);
  if (!mayComeFromSelf(m) && m.from === r.id) return 'from-self';
  const ignored = m.term !== 0 && m.term < r.term;
  switch (m.type) {
    case MessageType.MsgApp:
      return ignored ? undefined : (validateAppend(m) ?? validateTerm(r, m));
    case MessageType.MsgHeartbeat:
      return ignored ? undefined : (validateHeartbeat(r, m) ?? validateTerm(r, m));
    case MessageType.MsgSnap:
      return ignored ? undefined : (validateSnapshot(r, m) ?? validateTerm(r, m));
    case MessageType.MsgVote:
      return m.term === 0 ? 'vote-term' : undefined;
    case MessageType.MsgPreVote:
      return m.term === 0 ? 'vote-term' : validatePreVote(r, m);
    case MessageType.MsgVoteResp:
      // A candidate that was removed while it campaigned must not win.
      return r.state === 'StateCandidate' && !ignored && !r.trk.progress.has(r.id) ? 'drop' : undefined;
    case MessageType.MsgAppResp:
      // A follower of this term has acknowledged nothing that its leader does not have.
      return countsAtLeader(r, m) && !m.reject && m.index > r.raftLog.lastIndex() ? 'append-response' : undefined;
    case MessageType.MsgHeartbeatResp:
      return validateHeartbeatResp(r, m);
    case MessageType.MsgProp:
      return validateProposal(m.entries) ?? dropIfLogIsAhead(r, m.entries) ?? dropIfForwardedAgain(r, m);
    case MessageType.MsgReadIndex:
      if (m.entries.length !== 1) return 'read-index-entries';
      return readsAreFull(r, payloadsSize(m.entries)) === undefined ? dropIfForwardedAgain(r, m) : 'drop';
    case MessageType.MsgTransferLeader:
      return dropIfForwardedAgain(r, m);
    default:
      return undefined;
  }
}

/**
 * Validates an answer of a storage thread, which only exists with asynchronous writes. It may only report what has been
 * handed out; an answer that comes too early cannot be told from the real one.
 */
function validateStorageResponse(r: Reach, m: Message, asyncStorageWrites: boolean): Verdict {
  if (!asyncStorageWrites) return 'from-storage-thread';
  if (m.type === MessageType.MsgStorageAppendResp && m.from === LOCAL_APPEND_THREAD) {
    return m.term > r.term || toldTooMuch(r, m) ? 'storage-response' : undefined;
  }
  if (m.type === MessageType.MsgStorageApplyResp && m.from === LOCAL_APPLY_THREAD) {
    const last = m.entries.at(-1);
    return m.term !== 0 || (last !== undefined && last.index > r.raftLog.applying) ? 'storage-response' : undefined;
  }
  return 'from-storage-thread';
}

/** Does this report an entry or a snapshot that was not handed out to be written? */
function toldTooMuch({ term, raftLog }: Reach, m: Message): boolean {
  const { unstable, committed } = raftLog;
  const outdated = m.term !== 0 && m.term < term;
  // A legitimate answer about entries that have since been replaced does not match in term.
  const isNext = m.index >= unstable.offsetInProgress && unstable.maybeTerm(m.index) === m.logTerm;
  if (m.index !== 0 && !outdated && isNext) return true;
  if (m.snapshot === undefined) return false;
  const { index } = m.snapshot.metadata;
  return index > committed || unstable.nextSnapshot()?.metadata.index === index;
}

function mayComeFromSelf(m: Message): boolean {
  switch (m.type) {
    case MessageType.MsgAppResp:
    case MessageType.MsgVoteResp:
    case MessageType.MsgPreVoteResp:
      // Asynchronous storage delivers a member's own votes and acknowledgements.
      return !m.reject;
    case MessageType.MsgProp:
    case MessageType.MsgReadIndex:
      // Forwarded to a former leader, they come back to the current one.
      return true;
    case MessageType.MsgTransferLeader:
      // Its sender is the member that is to lead.
      return true;
    default:
      return false;
  }
}

/** Does this member lead, and does the message belong to its term? */
function countsAtLeader(r: Reach, m: Message): boolean {
  return r.state === 'StateLeader' && (m.term === 0 || m.term === r.term);
}

/** On a candidate, a leader's message without a term would reset the term to 0. */
function validateTerm(r: Reach, m: Message): Verdict {
  const campaigns = r.state === 'StateCandidate' || r.state === 'StatePreCandidate';
  return m.term === 0 && r.term > 0 && campaigns ? 'term-missing' : undefined;
}

/** The only check of what a `LogSlice` promises: entries are contiguous, and none has a later term than the leader. */
function validateAppend(m: Message): Verdict {
  let index = m.index;
  let term = m.logTerm;
  for (const entry of m.entries) {
    index++;
    if (entry.index !== index || entry.term < term) return 'append-entries';
    term = entry.term;
  }
  if (!inRange(index) || !inRange(term)) return 'position-too-high';
  // A leader's log holds no entries of terms later than its own.
  return m.entries.length > 0 && term > m.term ? 'append-entries' : undefined;
}

function validateHeartbeat(r: Reach, m: Message): Verdict {
  // A leader ignores it. On a follower, the leader commits no further than this log is known to reach: entries beyond
  // its end have been lost here.
  return !countsAtLeader(r, m) && !(m.commit <= r.raftLog.lastIndex()) ? 'heartbeat-commit' : undefined;
}

function validateSnapshot(r: Reach, m: Message): Verdict {
  if (m.snapshot === undefined) return undefined;
  const { index, term, confState } = m.snapshot.metadata;
  if (!inRange(index) || !inRange(term)) return 'position-too-high';
  if (term > (m.term === 0 ? r.term : m.term)) return 'snapshot';
  if (index <= r.raftLog.committed) return undefined;
  const { voters, votersOutgoing, learners, learnersNext } = confState;
  if (voters.length + votersOutgoing.length + learners.length + learnersNext.length > MAX_MEMBERS) return 'snapshot';
  try {
    tryRestore(r, confState);
    return undefined;
  } catch {
    return 'snapshot';
  }
}

/** At term 0 a pre-vote cannot be refused: the refusal would look like a message without a term. */
function validatePreVote(r: Reach, m: Message): Verdict {
  if (r.term !== 0 || r.raftLog.isUpToDate({ term: m.logTerm, index: m.index })) return undefined;
  return hasLease(r) && !isTransferVote(m) ? undefined : 'pre-vote-at-term-0';
}

function validateHeartbeatResp(r: Reach, m: Message): Verdict {
  const { context } = m;
  if (context === undefined || context.length === 0) return undefined;
  if (context.length < 8) return 'heartbeat-context';
  return countsAtLeader(r, m) && readCounter(context) > r.readOnly.lastRead ? 'heartbeat-context' : undefined;
}

/** Changes are proposed one at a time, and the leader tries out each one of a message. */
const MAX_PROPOSED_CHANGES = 16;

/** The size of MAX_MEMBERS steps, and as much again for the context. */
const MAX_PROPOSED_CHANGE_SIZE = 2 ** 20;

function validateProposal(entries: readonly Entry[]): Verdict {
  if (entries.length === 0) return 'empty-proposal';
  let changes = 0;
  for (const entry of entries) {
    if (!isConfChangeEntry(entry)) continue;
    if (++changes > MAX_PROPOSED_CHANGES || payloadSize(entry) > MAX_PROPOSED_CHANGE_SIZE) return 'conf-change-data';
    try {
      decodeConfChangeEntry(entry);
    } catch {
      return 'conf-change-data';
    }
  }
  return undefined;
}

/**
 * Most entries that a leader appends for other members beyond what is committed. The quota of payload bytes does not
 * bound empty ones.
 */
export const MAX_UNCOMMITTED_ENTRIES = 262_144;

function dropIfLogIsAhead({ state, raftLog }: Reach, entries: readonly Entry[]): Verdict {
  const uncommitted = raftLog.lastIndex() - raftLog.committed;
  return state === 'StateLeader' && uncommitted + entries.length > MAX_UNCOMMITTED_ENTRIES ? 'drop' : undefined;
}

/** A request that was given a term when it was forwarded cannot be forwarded again. */
function dropIfForwardedAgain(r: Reach, m: Message): Verdict {
  const forwards = r.state === 'StateFollower' && r.lead !== NONE;
  return forwards && m.term !== 0 && m.term === r.term ? 'drop' : undefined;
}
