import { EntryType, LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD, type Message, MessageType } from '@raft-ts/raft';
import { TRANSFER_CONTEXT } from '@raft-ts/raft/internal';
import {
  addNode,
  bytes,
  confChangeEntry,
  entry,
  index,
  message,
  type Overrides,
  proposed,
  snapshotOf,
  withPeers,
} from '../../helpers/index.js';
import type { State } from './member-in-state.js';

const HIGHEST = 2 ** 53 - 1;

export interface Case {
  /** What no correct member sends. */
  readonly name: string;
  readonly reason: string;
  readonly state: State;
  /** What it has stepped just before. */
  readonly before?: Message;
  readonly m: Message;
  readonly overrides?: Overrides;
  /** What `Raft.step`, which trusts its input, makes of it. */
  readonly untrusted: 'panics' | 'throws' | 'breaks an invariant' | 'forgets its term' | 'forgets its log' | 'goes on';
}

function from2(type: MessageType, fields: Partial<Message> = {}): Message {
  return message({ type, from: 2n, to: 1n, ...fields });
}

function fromSelf(type: MessageType, fields: Partial<Message> = {}): Message {
  return message({ type, from: 1n, to: 1n, ...fields });
}

const invalidChange = { type: EntryType.EntryConfChange, term: 0, index: 0, data: Uint8Array.of(0xff) };
const short = { type: EntryType.EntryConfChangeV2, term: 0, index: 0, data: Uint8Array.of(0x12, 0x7f) };

export const cases: readonly Case[] = [
  // positions
  {
    name: 'a term that leaves none for later elections',
    reason: 'position-too-high',
    state: 'follower',
    m: from2(MessageType.MsgHeartbeat, { term: HIGHEST }),
    untrusted: 'goes on',
  },
  {
    name: 'an index that leaves none for later entries',
    reason: 'position-too-high',
    state: 'leader',
    m: from2(MessageType.MsgAppResp, { term: 4, index: HIGHEST }),
    untrusted: 'panics',
  },
  {
    name: 'entries that reach beyond the highest index',
    reason: 'position-too-high',
    state: 'new',
    m: from2(MessageType.MsgApp, { term: 1, index: 2 ** 53 - 2 ** 32, entries: [entry(1, 2 ** 53 - 2 ** 32 + 1)] }),
    untrusted: 'goes on',
  },
  {
    name: 'a snapshot at the highest index',
    reason: 'position-too-high',
    state: 'follower',
    m: from2(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(HIGHEST, 3, withPeers(1n, 2n)) }),
    untrusted: 'goes on',
  },
  // sender
  {
    name: 'a request for its own vote',
    reason: 'from-self',
    state: 'leader',
    m: fromSelf(MessageType.MsgVote, { term: 4 }),
    untrusted: 'goes on',
  },
  {
    name: 'a heartbeat answer that a leader sends to itself',
    reason: 'from-self',
    state: 'leader',
    m: fromSelf(MessageType.MsgHeartbeatResp, { term: 4 }),
    untrusted: 'panics',
  },
  {
    name: 'a heartbeat that a follower sends to itself',
    reason: 'from-self',
    state: 'follower',
    m: fromSelf(MessageType.MsgHeartbeat, { term: 3 }),
    untrusted: 'panics',
  },
  {
    name: 'a snapshot that a follower sends to itself',
    reason: 'from-self',
    state: 'follower',
    m: fromSelf(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(9, 3, withPeers(1n, 2n)) }),
    untrusted: 'goes on',
  },
  {
    name: 'an acknowledgement of its own of entries that it does not have',
    reason: 'append-response',
    state: 'leader',
    m: fromSelf(MessageType.MsgAppResp, { term: 4, index: 9 }),
    untrusted: 'goes on',
  },
  {
    name: 'a refusal of its own append',
    reason: 'from-self',
    state: 'leader',
    m: fromSelf(MessageType.MsgAppResp, { term: 4, index: 4, reject: true }),
    untrusted: 'panics',
  },
  // storage threads
  {
    name: 'a storage answer where storage is written synchronously',
    reason: 'from-storage-thread',
    state: 'follower',
    m: message({
      type: MessageType.MsgStorageApplyResp,
      from: LOCAL_APPLY_THREAD,
      to: 1n,
      entries: index(1).terms(1, 2, 3),
    }),
    untrusted: 'panics',
  },
  {
    name: 'another kind from a storage thread',
    reason: 'from-storage-thread',
    state: 'leader',
    m: message({ type: MessageType.MsgHup, from: LOCAL_APPEND_THREAD, to: 1n }),
    overrides: { asyncStorageWrites: true },
    untrusted: 'goes on',
  },
  {
    name: 'a report of applied entries that are not committed',
    reason: 'storage-response',
    state: 'follower',
    m: message({
      type: MessageType.MsgStorageApplyResp,
      from: LOCAL_APPLY_THREAD,
      to: 1n,
      entries: index(2).terms(2, 3),
    }),
    overrides: { asyncStorageWrites: true },
    untrusted: 'panics',
  },
  {
    name: 'a report of a stored snapshot that nobody sent',
    reason: 'storage-response',
    state: 'follower',
    m: message({
      type: MessageType.MsgStorageAppendResp,
      from: LOCAL_APPEND_THREAD,
      to: 1n,
      term: 3,
      snapshot: snapshotOf(9, 3, withPeers(1n)),
    }),
    overrides: { asyncStorageWrites: true },
    untrusted: 'panics',
  },
  {
    name: 'a report of written entries that nobody was asked to write',
    reason: 'storage-response',
    state: 'follower',
    overrides: { asyncStorageWrites: true },
    before: from2(MessageType.MsgApp, { term: 3, index: 3, logTerm: 3, entries: [entry(3, 4)] }),
    m: message({
      type: MessageType.MsgStorageAppendResp,
      from: LOCAL_APPEND_THREAD,
      to: 1n,
      term: 3,
      index: 4,
      logTerm: 3,
    }),
    untrusted: 'forgets its log',
  },
  {
    name: 'a report of a stored snapshot that nobody was asked to store',
    reason: 'storage-response',
    state: 'follower',
    overrides: { asyncStorageWrites: true },
    before: from2(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(9, 3, withPeers(1n, 2n)) }),
    m: message({
      type: MessageType.MsgStorageAppendResp,
      from: LOCAL_APPEND_THREAD,
      to: 1n,
      term: 3,
      snapshot: snapshotOf(9, 3, withPeers(1n, 2n)),
    }),
    untrusted: 'forgets its log',
  },
  {
    name: 'a report of applied entries that nobody was asked to apply',
    reason: 'storage-response',
    state: 'follower',
    overrides: { asyncStorageWrites: true },
    m: message({
      type: MessageType.MsgStorageApplyResp,
      from: LOCAL_APPLY_THREAD,
      to: 1n,
      entries: index(1).terms(1),
    }),
    untrusted: 'goes on',
  },
  {
    name: 'an acknowledgement of entries that the leader does not have',
    reason: 'append-response',
    state: 'leader',
    m: from2(MessageType.MsgAppResp, { term: 4, index: 6 }),
    untrusted: 'panics',
  },
  // appends
  {
    name: 'entries that do not follow the position before them',
    reason: 'append-entries',
    state: 'follower',
    m: from2(MessageType.MsgApp, { term: 3, index: 3, logTerm: 3, entries: [entry(3, 9)] }),
    untrusted: 'panics',
  },
  {
    name: 'entries with a gap',
    reason: 'append-entries',
    state: 'follower',
    m: from2(MessageType.MsgApp, { term: 3, index: 3, logTerm: 3, entries: [entry(3, 4), entry(3, 6)] }),
    untrusted: 'breaks an invariant',
  },
  {
    name: 'entries that begin before the position they follow',
    reason: 'append-entries',
    state: 'follower',
    m: from2(MessageType.MsgApp, { term: 3, index: 3, logTerm: 3, commit: 3, entries: [entry(3, 2), entry(3, 3)] }),
    untrusted: 'panics',
  },
  {
    name: 'entries of falling terms',
    reason: 'append-entries',
    state: 'follower',
    m: from2(MessageType.MsgApp, { term: 3, index: 3, logTerm: 3, entries: [entry(3, 4), entry(2, 5)] }),
    untrusted: 'breaks an invariant',
  },
  {
    name: "entries of terms beyond the leader's",
    reason: 'append-entries',
    state: 'follower',
    m: from2(MessageType.MsgApp, { term: 3, index: 3, logTerm: 3, entries: [entry(4, 4)] }),
    untrusted: 'goes on',
  },
  // heartbeats
  {
    name: 'a heartbeat that commits what is not in the log',
    reason: 'heartbeat-commit',
    state: 'follower',
    m: from2(MessageType.MsgHeartbeat, { term: 3, commit: 4 }),
    untrusted: 'panics',
  },
  {
    name: 'the same to a candidate',
    reason: 'heartbeat-commit',
    state: 'candidate',
    m: from2(MessageType.MsgHeartbeat, { term: 4, commit: 4 }),
    untrusted: 'panics',
  },
  {
    name: 'the same to a leader, with a later term',
    reason: 'heartbeat-commit',
    state: 'leader',
    m: from2(MessageType.MsgHeartbeat, { term: 9, commit: 9 }),
    untrusted: 'panics',
  },
  {
    name: 'an answer to a heartbeat with half a counter',
    reason: 'heartbeat-context',
    state: 'leader',
    m: from2(MessageType.MsgHeartbeatResp, { term: 4, context: bytes('1234') }),
    untrusted: 'throws',
  },
  {
    name: 'an answer to a heartbeat that confirms reads that nobody asked for',
    reason: 'heartbeat-context',
    state: 'leader',
    m: from2(MessageType.MsgHeartbeatResp, { term: 4, context: Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0) }),
    untrusted: 'goes on',
  },
  // votes
  {
    name: 'a vote request without a term',
    reason: 'vote-term',
    state: 'new',
    m: from2(MessageType.MsgVote, { index: 9, logTerm: 9 }),
    untrusted: 'panics',
  },
  {
    name: 'a pre-vote request without a term',
    reason: 'vote-term',
    state: 'new',
    m: from2(MessageType.MsgPreVote, { index: 9, logTerm: 9 }),
    untrusted: 'panics',
  },
  {
    name: 'an append without a term to a candidate',
    reason: 'term-missing',
    state: 'candidate',
    m: from2(MessageType.MsgApp),
    untrusted: 'forgets its term',
  },
  {
    name: 'a heartbeat without a term to a pre-candidate',
    reason: 'term-missing',
    state: 'pre-candidate',
    m: from2(MessageType.MsgHeartbeat),
    untrusted: 'forgets its term',
  },
  {
    name: 'a pre-vote request at term 0 that would have to be refused',
    reason: 'pre-vote-at-term-0',
    state: 'given a snapshot',
    m: from2(MessageType.MsgPreVote, { term: 1, index: 5, logTerm: 1 }),
    untrusted: 'panics',
  },
  {
    name: 'the same, of a transfer, while a leader of no term is heard',
    reason: 'pre-vote-at-term-0',
    state: 'given a snapshot',
    overrides: { checkQuorum: true },
    before: from2(MessageType.MsgHeartbeat),
    m: from2(MessageType.MsgPreVote, { term: 1, index: 5, logTerm: 1, context: TRANSFER_CONTEXT }),
    untrusted: 'panics',
  },
  // requests
  {
    name: 'a proposal of nothing',
    reason: 'empty-proposal',
    state: 'leader',
    m: from2(MessageType.MsgProp),
    untrusted: 'panics',
  },
  {
    name: 'a membership change that cannot be decoded',
    reason: 'conf-change-data',
    state: 'leader',
    m: from2(MessageType.MsgProp, { entries: [proposed('ok'), invalidChange] }),
    untrusted: 'goes on',
  },
  {
    name: 'a membership change of the second form that cannot be decoded',
    reason: 'conf-change-data',
    state: 'leader',
    m: from2(MessageType.MsgProp, { entries: [short] }),
    untrusted: 'goes on',
  },
  {
    name: 'more membership changes than one proposal holds',
    reason: 'conf-change-data',
    state: 'leader',
    m: from2(MessageType.MsgProp, { entries: Array.from({ length: 17 }, () => confChangeEntry(addNode(4n))) }),
    untrusted: 'goes on',
  },
  {
    name: 'a membership change of more than a mebibyte',
    reason: 'conf-change-data',
    state: 'follower',
    m: from2(MessageType.MsgProp, {
      entries: [confChangeEntry({ ...addNode(4n), context: new Uint8Array(2 ** 20) })],
    }),
    untrusted: 'goes on',
  },
  {
    name: 'a read without a context',
    reason: 'read-index-entries',
    state: 'leader',
    m: from2(MessageType.MsgReadIndex),
    untrusted: 'goes on',
  },
  {
    name: 'a read with two contexts',
    reason: 'read-index-entries',
    state: 'follower',
    m: from2(MessageType.MsgReadIndex, { entries: [proposed('a'), proposed('b')] }),
    untrusted: 'goes on',
  },
  // snapshots
  {
    name: 'a snapshot whose learners are voters too',
    reason: 'snapshot',
    state: 'follower',
    m: from2(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(9, 3, { voters: [1n, 2n], learners: [2n] }) }),
    untrusted: 'panics',
  },
  {
    name: 'a snapshot without voters',
    reason: 'snapshot',
    state: 'follower',
    m: from2(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(9, 3, { learners: [1n] }) }),
    untrusted: 'panics',
  },
  {
    name: 'a snapshot that leaves a joint configuration which it is not in',
    reason: 'snapshot',
    state: 'follower',
    m: from2(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(9, 3, { voters: [1n, 2n], autoLeave: true }) }),
    untrusted: 'panics',
  },
  {
    name: 'a snapshot of a term beyond that of its leader',
    reason: 'snapshot',
    state: 'follower',
    m: from2(MessageType.MsgSnap, { term: 3, snapshot: snapshotOf(9, 7, { voters: [1n, 2n] }) }),
    untrusted: 'goes on',
  },
];

/** What is honest, and would panic all the same: it comes too late to be of use. */
export const late: readonly Omit<Case, 'reason'>[] = [
  {
    name: 'a vote for a candidate that was removed meanwhile',
    state: 'removed candidate',
    m: from2(MessageType.MsgVoteResp, { term: 4 }),
    untrusted: 'panics',
  },
  {
    name: 'a proposal that a member of another term has forwarded, with its term',
    state: 'follower',
    m: from2(MessageType.MsgProp, { term: 3, entries: [proposed('a')] }),
    untrusted: 'panics',
  },
  {
    name: 'a read that was forwarded with a term',
    state: 'follower',
    m: from2(MessageType.MsgReadIndex, { term: 3, entries: [proposed('a')] }),
    untrusted: 'panics',
  },
  {
    name: 'a transfer that was forwarded to a leader that was',
    state: 'follower',
    m: from2(MessageType.MsgTransferLeader, { term: 3 }),
    untrusted: 'panics',
  },
];
