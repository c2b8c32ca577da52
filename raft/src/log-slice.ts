import type { Entry, Message, NodeId } from '@raft-ts/proto';

/** Names one entry of any log: two logs that hold the same id agree up to it (section 5.3 of the paper). */
export interface EntryId {
  readonly term: number;
  readonly index: number;
}

/** An entry as etcd's log lines name it, and with it whom the member that tells has voted for. */
export function describePosition({ term, index }: EntryId, vote?: NodeId): string {
  const voted = vote === undefined ? '' : `, vote: ${vote.toString(16)}`;
  return `[logterm: ${term}, index: ${index}${voted}]`;
}

/**
 * A stretch of a leader's log: the entries that follow `prev`. That they are contiguous, and their terms do not fall,
 * was checked when the message that brought them came in (`validate-incoming.ts`); the log trusts it.
 */
export class LogSlice {
  readonly prev: EntryId;
  readonly entries: readonly Entry[];

  constructor(prev: EntryId, entries: readonly Entry[]) {
    this.prev = prev;
    this.entries = entries;
  }

  /** What a MsgApp carries. */
  static fromAppend(m: Message): LogSlice {
    return new LogSlice({ term: m.logTerm, index: m.index }, m.entries);
  }

  get lastIndex(): number {
    return this.prev.index + this.entries.length;
  }
}
