import { emptyConfState } from '@raft-ts/proto';
import { type Entry, MemoryStorage, type Snapshot } from '@raft-ts/raft';
import { entriesSize, LogSlice, RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { compactAnyway } from '../../helpers/index.js';
import { id, idOf, recorder } from './fixtures.js';

/** The longest prefix that fits, and one entry at least: the rule of every size limit, written down once more. */
function within(entries: readonly Entry[], limit: number): readonly Entry[] {
  let fit = Math.min(1, entries.length);
  while (fit < entries.length && entriesSize(entries.slice(0, fit + 1)) <= limit) fit++;
  return entries.slice(0, fit);
}

interface Write {
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
}

/** A RaftLog over a MemoryStorage, and the same log as plain arrays. Every step works on both. */
class Pair {
  readonly storage = new MemoryStorage();
  readonly budget: number;
  readonly log: RaftLog;

  // The model: entries by index from `first` on; what is before has only the term of the position before it.
  first = 1;
  before = 0;
  all: Entry[] = [];
  /** Up to here storage has what the log has. */
  stable = 0;
  /** Up to here it was handed out to be written. */
  handed = 0;
  received: Snapshot | undefined;
  receivedHanded = false;
  committed = 0;
  applying = 0;
  applied = 0;
  underWay = 0;
  paused = false;
  /** Of the present leader: an index and a term name one entry for ever, as elections guarantee. */
  term = 1;

  readonly writes: Write[] = [];
  readonly pages: { last: number; size: number }[] = [];
  /** Everything that was handed out, with what it was then. */
  readonly handouts: { given: readonly Entry[]; then: string }[] = [];

  constructor(budget: number) {
    this.budget = budget;
    this.log = new RaftLog(this.storage, recorder(), budget);
  }

  get last(): number {
    return this.first + this.all.length - 1;
  }

  range(lo: number, hi: number): readonly Entry[] {
    return this.all.slice(lo - this.first, hi - this.first);
  }

  termAt(index: number): number | 'compacted' | 'unavailable' {
    if (index < this.first - 1) return 'compacted';
    if (index > this.last) return 'unavailable';
    return index === this.first - 1 ? this.before : (this.all[index - this.first] as Entry).term;
  }

  keep<T>(given: T): T {
    if (Array.isArray(given)) this.handouts.push({ given, then: JSON.stringify(given.map(idOf)) });
    return given;
  }

  fresh(from: number, count: number, size: number): Entry[] {
    return Array.from({ length: count }, (_, i) => ({
      type: undefined,
      term: this.term,
      index: from + i,
      data: size === 0 ? undefined : new Uint8Array(size),
    }));
  }

  append(from: number, entries: Entry[]): void {
    const handedIn = [...entries];
    expect(this.log.append(handedIn)).to.equal(from + entries.length - 1);
    // The caller's array stays the caller's.
    handedIn.length = 0;
    this.all = [...this.range(this.first, from), ...entries];
    this.stable = Math.min(this.stable, from - 1);
    this.handed = Math.min(this.handed, from - 1);
  }

  appendSlice(prev: number, entries: Entry[], commit: number): void {
    const slice = new LogSlice(id(this.log.termOrZero(prev), prev), entries);
    expect(this.log.maybeAppend(slice, commit)).to.equal(slice.lastIndex);
    const conflict = entries.find((entry) => this.termAt(entry.index) !== entry.term);
    if (conflict !== undefined) {
      const from = conflict.index;
      this.all = [...this.range(this.first, from), ...entries.filter(({ index }) => index >= from)];
      this.stable = Math.min(this.stable, from - 1);
      this.handed = Math.min(this.handed, from - 1);
    }
    this.committed = Math.max(this.committed, Math.min(commit, slice.lastIndex));
  }

  handOut(): void {
    const { unstable } = this.log;
    const entries = this.keep(unstable.nextEntries());
    const snapshot = unstable.nextSnapshot();
    expect(entries).to.deep.equal(this.range(this.handed + 1, this.last + 1));
    expect(unstable.hasNextEntries()).to.equal(entries.length > 0);
    expect(snapshot).to.equal(this.receivedHanded ? undefined : this.received);
    unstable.acceptInProgress();
    this.handed = this.last;
    this.receivedHanded = this.received !== undefined;
    if (entries.length > 0 || snapshot !== undefined) this.writes.push({ entries, snapshot });
  }

  /** The oldest write is done, and its acknowledgement arrives: it may tell of entries that were replaced meanwhile. */
  write(): void {
    const write = this.writes.shift();
    if (write === undefined) return;
    const { entries, snapshot } = write;
    if (snapshot !== undefined) this.storage.applySnapshot(snapshot);
    this.storage.append(entries);
    const last = entries.at(-1);
    if (last !== undefined) this.acknowledge(last.term, last.index);
    if (snapshot === undefined) return;
    const { index } = snapshot.metadata;
    this.log.unstable.stableSnapTo(index);
    if (this.received?.metadata.index !== index) return;
    this.received = undefined;
    this.receivedHanded = false;
    this.applied = Math.max(this.applied, index);
    this.applying = Math.max(this.applying, index);
    this.paused = this.underWay >= this.budget;
    this.log.appliedTo(this.applied, 0);
  }

  acknowledge(term: number, index: number): void {
    this.log.unstable.stableTo({ term, index });
    if (index <= this.stable || this.termAt(index) !== term) return;
    this.stable = index;
    this.handed = Math.max(this.handed, index);
  }

  restore(index: number): void {
    this.term++;
    const confState = { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    const snapshot = { data: undefined, metadata: { confState, index, term: this.term } };
    this.log.restore(snapshot);
    this.first = index + 1;
    this.before = this.term;
    this.all = [];
    this.stable = index;
    this.handed = index;
    this.committed = index;
    this.received = snapshot;
    this.receivedHanded = false;
  }

  compact(index: number): void {
    const { storage } = this;
    if (index > storage.snapshot().metadata.index)
      storage.createSnapshot(index, { ...emptyConfState(), voters: [1n] }, undefined);
    compactAnyway(storage, index);
    // Behind a received snapshot storage no longer counts.
    if (this.received !== undefined) return;
    this.before = this.termAt(index) as number;
    this.all = [...this.range(index + 1, this.last + 1)];
    this.first = index + 1;
  }

  appliable(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.stable);
  }

  apply(allowUnstable: boolean): void {
    const entries = this.keep(this.log.nextCommittedEnts(allowUnstable));
    const end = this.appliable(allowUnstable);
    const open = !this.paused && this.received === undefined && this.applying < end;
    const page = open ? within(this.range(this.applying + 1, end + 1), this.budget - this.underWay) : [];
    expect(this.log.hasNextCommittedEnts(allowUnstable)).to.equal(open);
    expect(entries).to.deep.equal(page);
    const last = page.at(-1)?.index;
    if (last === undefined) return;
    const size = entriesSize(page);
    this.log.acceptApplying(last, size, allowUnstable);
    this.applying = last;
    this.underWay += size;
    this.paused = this.underWay >= this.budget || last < end;
    this.pages.push({ last, size });
  }

  confirm(): void {
    const page = this.pages.shift();
    if (page === undefined) return;
    const index = Math.max(page.last, this.applied);
    this.log.appliedTo(index, page.size);
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.underWay = Math.max(0, this.underWay - page.size);
    this.paused = this.underWay >= this.budget;
  }

  check(a: number, b: number): void {
    const { log, last, first } = this;
    expect([log.firstIndex(), log.lastIndex()]).to.deep.equal([first, last]);
    expect([log.committed, log.applying, log.applied]).to.deep.equal([this.committed, this.applying, this.applied]);
    expect([log.applyingEntsSize, log.applyingEntsPaused]).to.deep.equal([this.underWay, this.paused]);
    expect(log.hasNextOrInProgressSnapshot()).to.equal(this.received !== undefined);
    const { unstable } = log;
    expect([unstable.offset, unstable.offsetInProgress]).to.deep.equal([this.stable + 1, this.handed + 1]);
    expect(unstable.snapshotInProgress).to.equal(this.receivedHanded);
    expect(unstable.entries).to.deep.equal(this.range(this.stable + 1, last + 1));
    for (let index = Math.max(0, first - 3); index <= last + 2; index++) {
      expect(log.term(index)).to.equal(this.termAt(index));
    }
    expect(log.lastEntryId()).to.deep.equal(id(this.termAt(last) as number, last));
    expect(this.keep(log.allEntries())).to.deep.equal(this.all);
    this.checkReads(a, b);
  }

  private checkReads(a: number, b: number): void {
    const { log, last, first } = this;
    const lo = first + (a % (last - first + 2));
    const hi = lo + (b % (last - lo + 2));
    const limit = (a * 31 + b) % 60;
    expect(this.keep(log.slice(lo, hi, limit))).to.deep.equal(within(this.range(lo, hi), limit));
    expect(this.keep(log.entries(lo, limit))).to.deep.equal(within(this.range(lo, last + 1), limit));
    if (first > 1) expect(log.slice(first - 1, hi, limit)).to.equal('compacted');

    const index = a % (last + 3);
    const term = b % (this.term + 2);
    let at = index;
    while (at > 0 && typeof this.termAt(at) === 'number' && (this.termAt(at) as number) > term) at--;
    const there = this.termAt(at);
    const found = at === 0 || typeof there !== 'number' ? { index: at, term: 0 } : { index: at, term: there };
    expect(log.findConflictByTerm(index, term)).to.deep.equal(found);
    const ours = this.termAt(last) as number;
    expect(log.isUpToDate({ term, index })).to.equal(term > ours || (term === ours && index >= last));
    expect(log.matchTerm({ term, index })).to.equal(this.termAt(index) === term);
  }
}

const operations = {
  /** The leader goes on. */
  append: (p: Pair, a: number, b: number) => p.append(p.last + 1, p.fresh(p.last + 1, 1 + (a % 4), b % 12)),
  /** Another leader replaces what is not committed. */
  replace: (p: Pair, a: number, b: number) => {
    p.term++;
    const from = p.committed + 1 + (a % (p.last - p.committed + 1));
    p.append(from, p.fresh(from, 1 + (b % 3), b % 12));
  },
  /** A leader's slice, part of which may be known already. */
  slice: (p: Pair, a: number, b: number) => {
    const prev = Math.max(p.committed, p.first - 1);
    const known = p.range(prev + 1, prev + 1 + (a % (p.last - prev + 1)));
    const from = prev + 1 + known.length;
    // Only a new leader contradicts what is there.
    if (from <= p.last) p.term++;
    p.appendSlice(prev, [...known, ...p.fresh(from, b % 3, b % 12)], p.committed + (b % 5));
  },
  handOut: (p: Pair) => p.handOut(),
  write: (p: Pair) => p.write(),
  /** An acknowledgement of what is not there, or not with this term. */
  wrongAck: (p: Pair, a: number, b: number) => {
    const index = a % (p.last + 3);
    const term = b % (p.term + 2);
    if (p.termAt(index) !== term) p.acknowledge(term, index);
  },
  commit: (p: Pair, a: number, b: number) => {
    const index = p.committed + (a % (p.last - p.committed + 1));
    const term = b % 2 === 0 ? p.log.termOrZero(index) : p.term;
    const moves = index > p.committed && term !== 0 && p.termAt(index) === term;
    expect(p.log.maybeCommit(index, term)).to.equal(moves);
    if (moves) p.committed = index;
  },
  apply: (p: Pair, a: number) => p.apply(a % 2 === 0),
  confirm: (p: Pair) => p.confirm(),
  restore: (p: Pair, a: number) => p.restore(Math.max(p.committed, p.storage.lastIndex()) + 1 + (a % 5)),
  compact: (p: Pair, a: number) => {
    // An application compacts what it has applied and written.
    const kept = p.received === undefined ? Math.min(p.applied, p.stable) : 0;
    const from = p.storage.firstIndex();
    if (kept >= from) p.compact(from + (a % (kept - from + 1)));
  },
};
type Operation = keyof typeof operations;

describe('raft log, unstable part and memory storage against arrays', () => {
  it('agree after every operation, and what was handed out never changes', () => {
    const step = fc.tuple(
      fc.constantFrom<Operation>(...(Object.keys(operations) as Operation[]), 'append', 'commit', 'handOut', 'write'),
      fc.nat(1000),
      fc.nat(1000),
    );
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
        fc.constantFrom(1, 20, 60, Number.POSITIVE_INFINITY),
        (steps, budget) => {
          const pair = new Pair(budget);
          for (const [operation, a, b] of steps) {
            operations[operation](pair, a, b);
            pair.check(a, b);
          }
          for (const { given, then } of pair.handouts) expect(JSON.stringify(given.map(idOf))).to.equal(then);
        },
      ),
      { numRuns: 200 },
    );
  });
});
