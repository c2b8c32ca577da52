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

/** A stretch of a leader's log: the entries that follow `prev`, contiguous, as that leader of `term` has them. */
export class LogSlice {
  /** Term of the leader whose log this is. */
  readonly term: number;
  readonly prev: EntryId;
  readonly entries: readonly Entry[];

  constructor(term: number, prev: EntryId, entries: readonly Entry[]) {
    this.term = term;
    this.prev = prev;
    this.entries = entries;
  }

  /** What a MsgApp carries. */
  static fromAppend(m: Message): LogSlice {
    return new LogSlice(m.term, { term: m.logTerm, index: m.index }, m.entries);
  }

  get lastIndex(): number {
    return this.prev.index + this.entries.length;
  }

  get lastEntryId(): EntryId {
    return this.entries.at(-1) ?? this.prev;
  }

  /** Why this cannot be a stretch of a log; `undefined` where it can. */
  problem(): string | undefined {
    let last: EntryId = this.prev;
    for (const entry of this.entries) {
      if (entry.term < last.term || entry.index !== last.index + 1) {
        return `leader term ${this.term}: entries ${describeId(last)} and ${describeId(entry)} not consistent`;
      }
      last = entry;
    }
    return this.term < last.term ? `leader term ${this.term}: entry ${describeId(last)} has a newer term` : undefined;
  }
}

function describeId({ term, index }: EntryId): string {
  return `{term:${term} index:${index}}`;
}
