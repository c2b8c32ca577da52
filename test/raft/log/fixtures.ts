import {
  type Entry,
  EntryType,
  emptyConfState,
  type Logger,
  MemoryStorage,
  type RaftError,
  RaftPanic,
  type Snapshot,
} from '@raft-ts/raft';
import { type EntryId, RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { compactAnyway } from '../../helpers/index.js';

/** Entries from `index` on with these terms, without type or data. */
export function ents(index: number, ...terms: number[]): Entry[] {
  return terms.map((term, i) => ({ type: undefined, term, index: index + i, data: undefined }));
}

/** Entries from `index` on with the terms `from`, `from + 1`, … below `to`, their type written out. */
export function rising(index: number, from: number, to: number): Entry[] {
  return Array.from({ length: to - from }, (_, i) => ({
    type: EntryType.EntryNormal,
    term: from + i,
    index: index + i,
    data: undefined,
  }));
}

export function snap(index: number, term: number): Snapshot {
  return { data: undefined, metadata: { confState: emptyConfState(), index, term } };
}

export function id(term: number, index: number): EntryId {
  return { term, index };
}

export function idOf({ term, index }: EntryId): EntryId {
  return { term, index };
}

export function indexesOf(entries: readonly Entry[]): number[] {
  return entries.map((entry) => entry.index);
}

/** Storage with these entries. */
export function stored(...entries: Entry[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.append(entries);
  return storage;
}

/** Storage that begins at a snapshot. */
export function storedAfter(snapshot: Snapshot, ...entries: Entry[]): MemoryStorage {
  const storage = new MemoryStorage();
  storage.applySnapshot(snapshot);
  storage.append(entries);
  return storage;
}

/** Storage whose last compacted position is the first of these entries, with the others after it and no snapshot. */
export function compactedAt(...[first, ...rest]: Entry[]): MemoryStorage {
  if (first === undefined) throw new Error('names no position');
  const storage = stored(...ents(1, ...new Array<number>(first.index).fill(first.term)), ...rest);
  compactAnyway(storage, first.index);
  return storage;
}

/** What storage holds: the last compacted position, and the entries after it. */
export function dump(storage: MemoryStorage): EntryId[] {
  const [first, last] = [storage.firstIndex(), storage.lastIndex()];
  const entries = last < first ? [] : storage.entries(first, last + 1, Number.POSITIVE_INFINITY);
  return [id(storage.term(first - 1), first - 1), ...entries.map(idOf)];
}

export interface RecordingLogger extends Logger {
  readonly lines: string[];
}

/** A logger that keeps what it is told, as `LEVEL text`. */
export function recorder(): RecordingLogger {
  const lines: string[] = [];
  const keep = (level: string) => (message: string) => {
    lines.push(`${level} ${message}`);
  };
  return {
    lines,
    debugEnabled: true,
    debug: keep('DEBUG'),
    info: keep('INFO'),
    warn: keep('WARN'),
    error: keep('ERROR'),
  };
}

/** A log over this storage, with these entries unstable. */
export function logWith(storage: MemoryStorage, ...unstable: Entry[]): { log: RaftLog; lines: string[] } {
  const logger = recorder();
  const log = new RaftLog(storage, logger);
  log.append(unstable);
  return { log, lines: logger.lines };
}

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return expect.fail('nothing was thrown');
}

/** Asserts that this breaks an invariant, with exactly this text. */
export function expectPanic(act: () => unknown, text: string | RegExp): RaftPanic {
  const error = thrownBy(act);
  expect(error).to.be.instanceOf(RaftPanic);
  const panic = error as RaftPanic;
  if (typeof text === 'string') expect(panic.message).to.equal(text);
  else expect(panic.message).to.match(text);
  return panic;
}

/** Asserts that this is refused with this code. */
export function expectRefusal(act: () => unknown, code: string): RaftError {
  const error = thrownBy(act) as RaftError;
  expect(error).to.have.property('code', code);
  return error;
}
