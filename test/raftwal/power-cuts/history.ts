import type { Entry, HardState } from '@raft-ts/proto';

/** The content of a log that recovery returns and a test passes in, with entries in a form that is quick to compare. */
export interface LogState {
  /** The snapshot at which the log was opened. Index 0 means none. */
  readonly snapshot: SnapshotMark;
  readonly hardState: HardState;
  /** One key for each entry above the snapshot, in order. */
  readonly entries: readonly string[];
}

export interface SnapshotMark {
  readonly index: number;
  readonly term: number;
}

export type LogRecord =
  | { readonly kind: 'entry'; readonly index: number; readonly key: string }
  | { readonly kind: 'state'; readonly hardState: HardState }
  | { readonly kind: 'snapshot'; readonly snapshot: SnapshotMark };

/** Tells one entry from every other that a scenario ever writes: index, term and contents. */
export function entryKey(entry: Entry): string {
  const data = entry.data ?? new Uint8Array(0);
  let sum = 0;
  for (const byte of data) sum = (Math.imul(sum, 31) + byte) >>> 0;
  return `${entry.index}.${entry.term}.${data.length}.${sum.toString(36)}`;
}

/** A snapshot record that was handed in. */
interface KnownSnapshot extends SnapshotMark {
  /**
   * It replaced a log that did not lead to it: read from here, entries that were handed in before this record are not
   * there.
   */
  readonly entriesAfter: number;
}

interface KnownEntry {
  readonly key: string;
  /** Its record's place among all records. */
  readonly record: number;
}

/**
 * The state of the log after some of its records. Entries that were released stay here, so that any snapshot can be the
 * start.
 */
interface Version {
  readonly entries: ReadonlyMap<number, KnownEntry>;
  /** Number of records, including earlier runs. */
  readonly records: number;
  /** The index of the last entry; a snapshot beyond it leaves a gap before the next one. */
  readonly last: number;
  readonly hardState: HardState;
  readonly snapshots: readonly KnownSnapshot[];
}

const EMPTY: Version = {
  entries: new Map(),
  records: 0,
  last: 0,
  hardState: { term: 0, vote: 0n, commit: 0 },
  snapshots: [],
};

/**
 * The records that one run of the log was given, in order, and the rule for what a power cut may leave of them: the
 * state after some number of records, not fewer than were acknowledged and not more than were handed in. Of the commit
 * nothing is promised but that it is none that was never handed in by then. Snapshot records may come later than where
 * they were handed in: their files are written first.
 */
export class History {
  readonly #versions: Version[];
  readonly #seen: Map<string, boolean> = new Map();

  private constructor(base: Version) {
    this.#versions = [base];
  }

  static empty(): History {
    return new History(EMPTY);
  }

  /** Number of records passed in. */
  get length(): number {
    return this.#versions.length - 1;
  }

  add(record: LogRecord): void {
    const before = this.#versions[this.length] as Version;
    const version = { ...before, records: before.records + 1 };
    if (record.kind === 'state') {
      this.#versions.push({ ...version, hardState: record.hardState });
    } else if (record.kind === 'snapshot') {
      const { index, term } = record.snapshot;
      const leadsToIt = before.entries.get(index)?.key.startsWith(`${index}.${term}.`) === true;
      const known = { index, term, entriesAfter: leadsToIt ? 0 : version.records };
      this.#versions.push({ ...version, snapshots: [...before.snapshots, known] });
    } else {
      const entries = new Map(before.entries);
      for (let index = record.index + 1; index <= before.last; index++) entries.delete(index);
      entries.set(record.index, { key: record.key, record: version.records });
      this.#versions.push({ ...version, entries, last: record.index });
    }
  }

  /** Whether a log that holds between `acknowledged` and `issued` of the records may be recovered as this. */
  allows(state: LogState, acknowledged: number, issued: number, id: number): boolean {
    const question = `${id} ${acknowledged} ${issued}`;
    const known = this.#seen.get(question);
    if (known !== undefined) return known;
    const answer = this.#matches(state, acknowledged, issued).length > 0;
    this.#seen.set(question, answer);
    return answer;
  }

  /** The history of the next run, which starts from what recovery answered. Undefined if that was not allowed. */
  continuedFrom(state: LogState, acknowledged: number, issued: number): History | undefined {
    const most = this.#matches(state, acknowledged, issued).at(-1);
    if (most === undefined) return undefined;
    // Recovery may know all records that do not show in its result.
    return new History({ ...(this.#versions[most] as Version), hardState: state.hardState });
  }

  /** A sentence about what was expected, for a failure. */
  describe(acknowledged: number, issued: number): string {
    const one = (count: number): string => {
      const { last, hardState, snapshots } = this.#versions[count] as Version;
      const { term, vote, commit } = hardState;
      return `after ${count} records: last index ${last}, term ${term}, vote ${vote}, commit ${commit}, snapshot ${snapshots.at(-1)?.index ?? 0}`;
    };
    return `acknowledged ${one(acknowledged)}; handed in ${one(issued)}`;
  }

  #matches(state: LogState, acknowledged: number, issued: number): number[] {
    const matches: number[] = [];
    for (let count = acknowledged; count <= issued; count++) {
      if (isState(this.#versions[count] as Version, state)) matches.push(count);
    }
    return matches;
  }
}

function isState(version: Version, state: LogState): boolean {
  const { snapshot, hardState, entries } = state;
  const { term, vote, commit } = hardState;
  if (term !== version.hardState.term || vote !== version.hardState.vote) return false;
  if (commit > version.hardState.commit || snapshot.index > commit) return false;
  // A member that finds a commit beyond its log does not start.
  if (commit > snapshot.index + entries.length) return false;
  const known = version.snapshots.findLast((one) => one.index === snapshot.index && one.term === snapshot.term);
  if (known === undefined && snapshot.index > 0) return false;
  const expected: string[] = [];
  for (let index = snapshot.index + 1; index <= version.last; index++) {
    const entry = version.entries.get(index);
    if (entry === undefined || entry.record > (known?.entriesAfter ?? 0)) expected.push(entry?.key ?? 'missing');
  }
  return expected.length === entries.length && entries.every((key, i) => key === expected[i]);
}

/** As text, to compare two recoveries and to show one. */
export function stateText(state: LogState): string {
  const { term, vote, commit } = state.hardState;
  return `snapshot ${state.snapshot.index}/${state.snapshot.term} term ${term} vote ${vote} commit ${commit} entries ${state.entries.join(' ')}`;
}
