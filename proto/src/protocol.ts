import { type MessageName, MessageType } from './records.js';

/** The fields of `Message`, apart from type, from and to, that a kind of message uses. */
type MessageField =
  | 'term'
  | 'logTerm'
  | 'index'
  | 'entries'
  | 'commit'
  | 'vote'
  | 'snapshot'
  | 'reject'
  | 'rejectHint'
  | 'context'
  | 'responses';

interface Row {
  /** The number on the wire. */
  readonly type: MessageType;
  /** Never crosses the network: a member sends it to itself or to its storage threads. */
  readonly local: boolean;
  /** Answers, or reports on, an earlier message. */
  readonly response: boolean;
  readonly fields: readonly MessageField[];
}

/** The protocol on one page: who a message is for, and what it carries. */
const table = {
  // A timer fired, or the application asks for an election.
  MsgHup: { type: 0, local: true, response: false, fields: [] },
  // The heartbeat timer of a leader fired.
  MsgBeat: { type: 1, local: true, response: false, fields: [] },
  // Append these entries; forwarded to the leader by followers, without a term.
  MsgProp: { type: 2, local: false, response: false, fields: ['entries'] },
  // AppendEntries of the paper: `index` and `logTerm` name the entry before the first of `entries`.
  MsgApp: { type: 3, local: false, response: false, fields: ['term', 'logTerm', 'index', 'entries', 'commit'] },
  // The answer: `index` is the last entry that now matches or, if rejected, the one that did not.
  MsgAppResp: { type: 4, local: false, response: true, fields: ['term', 'logTerm', 'index', 'reject', 'rejectHint'] },
  // RequestVote: `index` and `logTerm` are the candidate's last entry; `context` marks a leadership transfer.
  MsgVote: { type: 5, local: false, response: false, fields: ['term', 'logTerm', 'index', 'context'] },
  MsgVoteResp: { type: 6, local: false, response: true, fields: ['term', 'reject'] },
  // InstallSnapshot.
  MsgSnap: { type: 7, local: false, response: false, fields: ['term', 'snapshot'] },
  // `context` is the read-index counter to confirm, if reads wait.
  MsgHeartbeat: { type: 8, local: false, response: false, fields: ['term', 'commit', 'context'] },
  MsgHeartbeatResp: { type: 9, local: false, response: true, fields: ['term', 'context'] },
  // The transport could not reach `from`.
  MsgUnreachable: { type: 10, local: true, response: true, fields: [] },
  // The transport delivered a snapshot to `from` or, if rejected, failed to.
  MsgSnapStatus: { type: 11, local: true, response: false, fields: ['reject'] },
  // A timer of a leader fired: step down unless a quorum has been heard from.
  MsgCheckQuorum: { type: 12, local: true, response: false, fields: [] },
  // Make `from` the leader; forwarded to the leader by followers.
  MsgTransferLeader: { type: 13, local: false, response: false, fields: ['term'] },
  // The leader tells its successor to campaign at once.
  MsgTimeoutNow: { type: 14, local: false, response: false, fields: ['term'] },
  // A linearizable read; the one entry's data is the request's context.
  MsgReadIndex: { type: 15, local: false, response: false, fields: ['entries'] },
  MsgReadIndexResp: { type: 16, local: false, response: true, fields: ['term', 'index', 'entries'] },
  // Would you vote for me? `term` is the one in which the sender would campaign.
  MsgPreVote: { type: 17, local: false, response: false, fields: ['term', 'logTerm', 'index'] },
  MsgPreVoteResp: { type: 18, local: false, response: true, fields: ['term', 'reject'] },
  // To the append thread: make these durable, then deliver the responses. Term, vote and commit are the hard state.
  MsgStorageAppend: {
    type: 19,
    local: true,
    response: false,
    fields: ['term', 'entries', 'commit', 'vote', 'snapshot', 'responses'],
  },
  MsgStorageAppendResp: { type: 20, local: true, response: true, fields: ['term', 'logTerm', 'index', 'snapshot'] },
  // To the apply thread: apply these committed entries, then deliver the responses.
  MsgStorageApply: { type: 21, local: true, response: false, fields: ['entries', 'responses'] },
  MsgStorageApplyResp: { type: 22, local: true, response: true, fields: ['entries'] },
  // A follower acts as if it had no leader.
  MsgForgetLeader: { type: 23, local: false, response: false, fields: [] },
} as const;
table satisfies { readonly [Name in MessageName]: Row & { readonly type: (typeof MessageType)[Name] } };

/** What holds of each message type, as one table. */
export const protocol: typeof table = table;

const names: string[] = [];
const local: boolean[] = [];
const response: boolean[] = [];
for (const [name, row] of Object.entries(table)) {
  names[row.type] = name;
  local[row.type] = row.local;
  response[row.type] = row.response;
}

/** Returns the name of a message type as etcd prints it; the number itself if it is not in the table. */
export function messageName(type: MessageType): string {
  return names[type] ?? String(type);
}

/** Must this kind never be accepted from the network? */
export function isLocalMessage(type: MessageType): boolean {
  return local[type] === true;
}

/** Is this kind an answer to, or a report on, an earlier message? */
export function isResponseMessage(type: MessageType): boolean {
  return response[type] === true;
}
