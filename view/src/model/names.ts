import { type Message, MessageType, messageName, type NodeId } from '@raft-ts/proto';
import type { StateType } from '@raft-ts/raft';
import type { Role } from './origin.js';

const roles: Readonly<Record<StateType, Role>> = {
  StateFollower: 'follower',
  StatePreCandidate: 'pre-candidate',
  StateCandidate: 'candidate',
  StateLeader: 'leader',
};

/** The role of a member that runs. */
export function roleIn(state: StateType): Role {
  return roles[state];
}

/** What a member is called on the page: `n1` is in slot 0. */
export function nameOf(slot: number): string {
  return `n${slot + 1}`;
}

/** As above, for an id; `nobody` for 0. */
export function nameOfId(id: NodeId): string {
  return id === 0n ? 'nobody' : `n${id}`;
}

/** Names in a row: `n1`, `n1 and n2`, `n1, n2 and n3`. */
export function namesOf(slots: readonly number[]): string {
  return listed(slots.map(nameOf));
}

export function listed(words: readonly string[]): string {
  if (words.length < 2) return words[0] ?? 'nobody';
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** A text as a sentence: it begins with a capital letter, and ends with a full stop. */
export function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** `1 entry`, `2 entries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Milliseconds of virtual time, as a clock shows them: `12.3 s`. */
export function clock(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** What a message is about: each family has a shape and a colour of its own. */
export type Family = 'vote' | 'append' | 'heartbeat' | 'snapshot' | 'read' | 'proposal' | 'other';

const families: Partial<Record<MessageType, Family>> = {
  [MessageType.MsgVote]: 'vote',
  [MessageType.MsgVoteResp]: 'vote',
  [MessageType.MsgPreVote]: 'vote',
  [MessageType.MsgPreVoteResp]: 'vote',
  [MessageType.MsgApp]: 'append',
  [MessageType.MsgAppResp]: 'append',
  [MessageType.MsgHeartbeat]: 'heartbeat',
  [MessageType.MsgHeartbeatResp]: 'heartbeat',
  [MessageType.MsgSnap]: 'snapshot',
  [MessageType.MsgReadIndex]: 'read',
  [MessageType.MsgReadIndexResp]: 'read',
  [MessageType.MsgProp]: 'proposal',
};

export function familyOf({ type }: Message): Family {
  return families[type] ?? 'other';
}

const answers: ReadonlySet<MessageType> = new Set([
  MessageType.MsgVoteResp,
  MessageType.MsgPreVoteResp,
  MessageType.MsgAppResp,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgReadIndexResp,
]);

/** Is this an answer? Answers are drawn hollow. */
export function isAnswer({ type }: Message): boolean {
  return answers.has(type);
}

/** A message in a line: `MsgApp n1 → n2, term 3, entries 5–7`. */
export function titleOf(m: Message, from: number): string {
  return `${messageName(m.type)} ${nameOf(from)} → ${nameOfId(m.to)}${m.term > 0 ? `, term ${m.term}` : ''}${details(m)}`;
}

function details({ type, entries, reject, snapshot }: Message): string {
  if (reject) return ', refused';
  if (snapshot !== undefined) return `, up to entry ${snapshot.metadata.index}`;
  const first = entries[0];
  const last = entries.at(-1);
  if (type !== MessageType.MsgApp || first === undefined || last === undefined) return '';
  return first.index === last.index ? `, entry ${first.index}` : `, entries ${first.index}–${last.index}`;
}
