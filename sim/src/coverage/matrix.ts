import { type Message, MessageType, messageName } from '@raft-ts/proto';
import type { RawNode } from '@raft-ts/raft';

/** Messages that travel between members. */
const TYPES: readonly MessageType[] = [
  MessageType.MsgProp,
  MessageType.MsgApp,
  MessageType.MsgAppResp,
  MessageType.MsgVote,
  MessageType.MsgVoteResp,
  MessageType.MsgSnap,
  MessageType.MsgHeartbeat,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgTransferLeader,
  MessageType.MsgTimeoutNow,
  MessageType.MsgReadIndex,
  MessageType.MsgReadIndexResp,
  MessageType.MsgPreVote,
  MessageType.MsgPreVoteResp,
];
const ROLES = ['StateFollower', 'StatePreCandidate', 'StateCandidate', 'StateLeader'] as const;
/** The term of the message, compared with that of the member that it comes to. */
const RELATIONS = ['lower', 'same', 'higher'] as const;
/** The configuration of the member that it comes to, as that member has applied it. */
const CONFIGURATIONS = ['voters only', 'with learners', 'joint', 'not its own'] as const;

const WIDTH = RELATIONS.length * CONFIGURATIONS.length;

/** Number of cells: role × message × relation of terms × configuration. */
export const CELLS: number = ROLES.length * TYPES.length * WIDTH;

const places = new Map(TYPES.map((type, i) => [type, i]));

/** The cell of a message that is about to be stepped; undefined for kinds that do not travel. */
export function cellOf(node: RawNode, m: Message): number | undefined {
  const { raft } = node;
  const type = places.get(m.type);
  if (type === undefined) return undefined;
  const role = ROLES.indexOf(raft.state);
  // A forwarded request has no term of its own, and counts as one of the same.
  const relation = m.term === 0 || m.term === raft.term ? 1 : m.term < raft.term ? 0 : 2;
  return ((role * TYPES.length + type) * RELATIONS.length + relation) * CONFIGURATIONS.length + configurationOf(node);
}

function configurationOf({ raft }: RawNode): number {
  const { trk, id } = raft;
  if (!trk.progress.has(id)) return 3;
  if (trk.config.voters.isJoint) return 2;
  return trk.config.learners.length > 0 ? 1 : 0;
}

/** The names of a cell's parts. */
export function nameOf(cell: number): { role: string; type: string; relation: string; configuration: string } {
  const [head, tail] = [Math.floor(cell / WIDTH), cell % WIDTH];
  return {
    role: ROLES[Math.floor(head / TYPES.length)] as string,
    type: messageName(TYPES[head % TYPES.length] as MessageType),
    relation: RELATIONS[Math.floor(tail / CONFIGURATIONS.length)] as string,
    configuration: CONFIGURATIONS[tail % CONFIGURATIONS.length] as string,
  };
}

/** Kinds that a member sends to whom it takes for the leader of its term, or that answer a leader of that term. */
const TO_LEADERS = ['MsgTransferLeader', 'MsgHeartbeatResp'];
/** Kinds that only the leader of their term sends. */
const FROM_LEADERS = ['MsgApp', 'MsgHeartbeat', 'MsgSnap', 'MsgTimeoutNow'];

/** Why no run of correct members leads to a cell; undefined if one may, however seldom. */
export function whyNever(cell: number): string | undefined {
  const { role, type, relation, configuration } = nameOf(cell);
  if ((type === 'MsgProp' || type === 'MsgReadIndex') && relation !== 'same') return 'forwarded requests carry no term';
  const campaigns = role === 'StateCandidate' || role === 'StatePreCandidate';
  if (campaigns && configuration === 'not its own') {
    return 'a member campaigns in its own configuration only, after applying every change that it knows to be committed';
  }
  if (relation === 'higher') return whyNeverHigher(role, type);
  if (relation === 'same') return whyNeverSame(role, type);
  return undefined;
}

function whyNeverHigher(role: string, type: string): string | undefined {
  if (TO_LEADERS.includes(type)) return 'it goes to the leader of its term, which has stored that term';
  if (type === 'MsgTimeoutNow') return 'it is sent to a member that has acknowledged entries in that term';
  // Its receiver was heard from in that term, but may have lost the term in a crash: heartbeats are answered before.
  if (type === 'MsgSnap' && role === 'StateLeader') {
    return 'a majority has stored the term of its sender, and elects nobody in an earlier one';
  }
  return undefined;
}

function whyNeverSame(role: string, type: string): string | undefined {
  if (role === 'StateLeader') {
    if (FROM_LEADERS.includes(type)) return 'a term has one leader';
    if (type === 'MsgReadIndexResp') return 'a leader answers its own reads without a message';
  }
  if (role !== 'StateCandidate') return undefined;
  if (TO_LEADERS.includes(type)) return 'whoever leads a term does not campaign in it';
  if (type === 'MsgTimeoutNow') {
    return 'its receiver has acknowledged entries of the leader of that term, and campaigns in a later one';
  }
  return undefined;
}
