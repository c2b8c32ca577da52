import { type Entry, EntryType, type NodeId } from '@raft-ts/proto';
import type { RaftLog } from '@raft-ts/raft/internal';

const utf8 = new TextEncoder();

export function bytes(text: string): Uint8Array {
  return utf8.encode(text);
}

/** An entry without a type, with this text as its data, or without data. */
export function entry(term: number, at: number, text?: string): Entry {
  return { type: undefined, term, index: at, data: text === undefined ? undefined : bytes(text) };
}

/** Consecutive entries without data from index `first` on. */
export function index(first: number): {
  /** One for each of these terms, without a type. */
  terms(...terms: readonly number[]): Entry[];
  /** One for each term of [from, to), with the type set, which takes two bytes more on the wire. */
  termRange(from: number, to: number): Entry[];
} {
  return {
    terms: (...terms) => terms.map((term, i) => entry(term, first + i)),
    termRange: (from, to) =>
      Array.from({ length: to - from }, (_, i) => ({
        type: EntryType.EntryNormal,
        term: from + i,
        index: first + i,
        data: undefined,
      })),
  };
}

/** `[1, …, n]` */
export function idsBySize(n: number): NodeId[] {
  return Array.from({ length: n }, (_, i) => BigInt(i + 1));
}

/** The term at this index, which the log must hold. */
export function mustTerm(log: RaftLog, at: number): number {
  const term = log.term(at);
  if (typeof term !== 'number') throw new Error(`no term at ${at}: ${term}`);
  return term;
}
