import { encodeConfChange, encodeConfChangeV2, encodeMessage } from '@raft-ts/proto';
import {
  type AnyConfChange,
  type ConfState,
  decodeConfChangeEntry,
  type Entry,
  EntryType,
  isConfChangeEntry,
  isEmptySnap,
  type Message,
  MessageType,
  type NodeId,
  RaftError,
  type Ready,
} from '@raft-ts/raft';
import { payloadText } from './inspect.js';
import type { Choices } from './random.js';
import type { Member } from './session.js';

/** A message as a line delivers it. */
export function stepLine(m: Message): string {
  return `step ${m.to} ${payloadText(encodeMessage(m))}`;
}

/**
 * The application above a member of a session, as the generator plays it: what is left to do of the last Ready, and
 * what has been applied.
 */
export class Application {
  readonly id: NodeId;
  readonly member: () => Member;
  /** Options of the member's `new`, without what only its first start needs. */
  readonly options: readonly string[];
  readonly async: boolean;
  /** Index up to which everything is applied. */
  applied: number;
  /** The membership there. */
  confState: ConfState;
  /** With synchronous storage: entries to be applied before `advance`; undefined if no Ready is outstanding. */
  outstanding: { readonly changes: Entry[]; readonly applied: number } | undefined;
  /** With asynchronous storage: answers of the storage threads, to be delivered in order. */
  answers: Message[] = [];
  /** With asynchronous storage: writes whose answers are due once they are done. */
  writes: Message[] = [];
  /** With asynchronous storage: what is to be applied. */
  applies: Message[] = [];

  constructor(init: {
    id: NodeId;
    member: () => Member;
    options: readonly string[];
    applied: number;
    confState: ConfState;
  }) {
    this.id = init.id;
    this.member = init.member;
    this.options = init.options;
    this.async = init.options.includes('async');
    this.applied = init.applied;
    this.confState = init.confState;
  }

  /** Takes note of a Ready; the messages to other members come back. */
  take(rd: Ready): Message[] {
    if (!isEmptySnap(rd.snapshot)) {
      this.applied = rd.snapshot.metadata.index;
      this.confState = rd.snapshot.metadata.confState;
    }
    if (!this.async) {
      const last = rd.committedEntries.at(-1);
      const applied = last?.index ?? this.applied;
      this.outstanding = { changes: rd.committedEntries.filter(isConfChangeEntry), applied };
      return [...rd.messages];
    }
    const others: Message[] = [];
    for (const m of rd.messages) {
      if (m.type === MessageType.MsgStorageAppend) this.writes.push(m);
      else if (m.type === MessageType.MsgStorageApply) this.applies.push(m);
      else others.push(m);
    }
    return others;
  }

  /** Everything that was not on stable storage is lost; what storage has decides. */
  restarted(applied: number, confState: ConfState): void {
    this.outstanding = undefined;
    this.answers = [];
    this.writes = [];
    this.applies = [];
    this.applied = applied;
    this.confState = confState;
  }

  /** Is there anything to do but to take a Ready? */
  get busy(): boolean {
    return (
      this.outstanding !== undefined || this.answers.length > 0 || this.writes.length > 0 || this.applies.length > 0
    );
  }
}

/**
 * The line that applies a membership change; an application may decide that it shall change nothing. Undefined where
 * nobody can read what a forged entry holds.
 */
export function applyLine(id: NodeId, entry: Entry, choices: Choices): string | undefined {
  const first = entry.type === EntryType.EntryConfChange;
  const change = readChange(entry);
  if (change === undefined) return undefined;
  if (choices.chance(0.97)) {
    return `apply ${id} ${first ? 1 : 2} ${payloadText(entry.data ?? new Uint8Array(0))}`;
  }
  if (!('changes' in change)) {
    return `apply ${id} 1 ${payloadText(encodeConfChange({ ...change, nodeId: 0n }))}`;
  }
  const changes = change.changes.map((single) => ({ ...single, nodeId: 0n }));
  return `apply ${id} 2 ${payloadText(encodeConfChangeV2({ ...change, changes }))}`;
}

function readChange(entry: Entry): AnyConfChange | undefined {
  try {
    return decodeConfChangeEntry(entry);
  } catch (error) {
    if (error instanceof RaftError) return undefined;
    throw error;
  }
}
