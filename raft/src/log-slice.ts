import type { Entry, Message, NodeId } from '@raft-ts/proto';

/** Identifies an entry in any log: two logs that hold the same id agree up to it (section 5.3 of the paper). */
export interface EntryId {
  readonly term: number;
  readonly index: number;
}

/** Formats an entry as etcd's log lines do, optionally with the vote of the member that logs it. */
export function describePosition({ term, index }: EntryId, vote?: NodeId): string {
  const voted = vote === undefined ? '' : `, vote: ${vote.toString(16)}`;
  return `[logterm: ${term}, index: ${index}${voted}]`;
}

/**
 * A stretch of a leader's log: the entries that follow `prev`. `validate-incoming.ts` has checked that they are
 * contiguous and their terms do not decrease, when their message came in; the log trusts that.
 */
export class LogSlice {
  readonly prev: EntryId;
  readonly entries: readonly Entry[];

  constructor(prev: EntryId, entries: readonly Entry[]) {
    this.prev = prev;
    this.entries = entries;
  }

  /** The slice that a MsgApp carries. */
  static fromAppend(m: Message): LogSlice {
    return new LogSlice({ term: m.logTerm, index: m.index }, m.entries);
  }

  get lastIndex(): number {
    return this.prev.index + this.entries.length;
  }
}
