import { type ConfState, type Entry, MemoryStorage, RaftError, RaftPanic, type Snapshot } from '@raft-ts/raft';
import { entriesSize } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { compactAnyway } from '../../helpers/index.js';
import { ents, stored } from '../log/fixtures.js';

type Outcome = { readonly gave: unknown } | { readonly code: string };

function outcomeOf(act: () => unknown): Outcome {
  try {
    return { gave: act() };
  } catch (error) {
    if (error instanceof RaftError) return { code: error.code };
    if (error instanceof RaftPanic) return { code: `panic ${error.rule}` };
    throw error;
  }
}

function refused(code: string): Outcome {
  return { code };
}

/** What a memory storage holds, as one array that begins at index 1 and an index up to which it counts no more. */
class Model {
  offset = 0;
  offsetTerm = 0;
  entries: Entry[] = [];
  snapshot: Snapshot = new MemoryStorage().snapshot();

  get last(): number {
    return this.offset + this.entries.length;
  }

  range(lo: number, hi: number): Entry[] {
    return this.entries.slice(lo - this.offset - 1, hi - this.offset - 1);
  }

  termAt(index: number): Outcome {
    if (index < this.offset) return refused('ERR_RAFT_COMPACTED');
    if (index > this.last) return refused('ERR_RAFT_UNAVAILABLE');
    return { gave: index === this.offset ? this.offsetTerm : this.range(index, index + 1)[0]?.term };
  }

  read(lo: number, hi: number, maxSize: number): Outcome {
    if (lo <= this.offset) return refused('ERR_RAFT_COMPACTED');
    if (hi > this.last + 1) return refused('panic index-in-log');
    if (this.entries.length === 0) return refused('ERR_RAFT_UNAVAILABLE');
    const all = this.range(lo, hi);
    let fit = Math.min(1, all.length);
    while (fit < all.length && entriesSize(all.slice(0, fit + 1)) <= maxSize) fit++;
    return { gave: all.slice(0, fit) };
  }

  append(from: number, added: Entry[]): Outcome {
    if (from > this.last + 1 && added.length > 0) return refused('panic append-without-gap');
    const counted = added.filter(({ index }) => index > this.offset);
    const head = counted[0];
    if (head !== undefined) this.entries = [...this.range(this.offset + 1, head.index), ...counted];
    return { gave: undefined };
  }

  compact(index: number): Outcome {
    if (index <= this.offset) return refused('ERR_RAFT_COMPACTED');
    if (index > this.last) return refused('panic index-in-log');
    const [entry] = this.range(index, index + 1);
    this.entries = this.range(index + 1, this.last + 1);
    this.offset = index;
    this.offsetTerm = entry?.term ?? 0;
    return { gave: undefined };
  }

  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array | undefined): Outcome {
    if (index <= this.snapshot.metadata.index) return refused('ERR_RAFT_SNAP_OUT_OF_DATE');
    if (index > this.last || index < this.offset) return refused('panic index-in-log');
    const known = this.snapshot.metadata.confState.voters.length > 0;
    if (confState === undefined && !known) return refused('ERR_RAFT_SNAPSHOT_MEMBERSHIP');
    const term = this.termAt(index) as { gave: number };
    const metadata = { confState: confState ?? this.snapshot.metadata.confState, index, term: term.gave };
    this.snapshot = { data, metadata };
    return { gave: this.snapshot };
  }

  applySnapshot(snapshot: Snapshot): Outcome {
    const { index, term } = snapshot.metadata;
    const present = this.snapshot.metadata.index;
    if (present !== 0 && index <= present) return refused('ERR_RAFT_SNAP_OUT_OF_DATE');
    this.snapshot = snapshot;
    this.offset = index;
    this.offsetTerm = term;
    this.entries = [];
    return { gave: undefined };
  }
}

function confStateOf(n: number): ConfState {
  const voters = Array.from({ length: 1 + (n % 3) }, (_, i) => BigInt(i + 1));
  return { voters, learners: [BigInt(10 + n)], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** A copy of records, to tell later whether they were changed. */
function written(value: unknown): string {
  return JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v));
}

describe('memory storage against an array', () => {
  it('answers alike, and never changes what it gave before', () => {
    const operations = ['append', 'append', 'entries', 'entries', 'compact', 'create', 'apply', 'term'] as const;
    const step = fc.tuple(fc.constantFrom(...operations), fc.nat(1000), fc.nat(1000), fc.nat(4));
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        const storage = new MemoryStorage();
        const model = new Model();
        const given: { value: unknown; then: string }[] = [];
        let term = 1;
        for (const [operation, a, b, c] of steps) {
          const near = Math.max(0, model.offset - 2) + (a % (model.entries.length + 5));
          let real: Outcome;
          let expected: Outcome;
          switch (operation) {
            case 'append': {
              term += b % 2;
              const from = Math.max(1, near);
              const added = ents(from, ...new Array<number>(c).fill(term));
              const handedIn = [...added];
              real = outcomeOf(() => storage.append(handedIn));
              // What was handed in stays the caller's.
              handedIn.length = 0;
              expected = model.append(from, added);
              break;
            }
            case 'entries': {
              const hi = near + (b % 6);
              real = outcomeOf(() => storage.entries(near, hi, c * 5));
              expected = model.read(near, hi, c * 5);
              break;
            }
            case 'compact':
              real = outcomeOf(() => compactAnyway(storage, near));
              expected = model.compact(near);
              break;
            case 'create': {
              const confState = b % 2 === 0 ? undefined : confStateOf(b);
              const data = new Uint8Array([a % 256, c]);
              real = outcomeOf(() => storage.createSnapshot(near, confState, data));
              expected = model.createSnapshot(near, confState, data);
              break;
            }
            case 'apply': {
              const snapshot = {
                data: new Uint8Array([c]),
                metadata: { confState: confStateOf(b), index: near, term: ++term },
              };
              real = outcomeOf(() => storage.applySnapshot(snapshot));
              expected = model.applySnapshot(structuredClone(snapshot));
              // A snapshot is copied on its way in.
              snapshot.data[0] = 255;
              break;
            }
            case 'term':
              real = outcomeOf(() => storage.term(near));
              expected = model.termAt(near);
              break;
          }
          expect(real).to.deep.equal(expected);
          const values = [real, storage.snapshot(), storage.initialState()];
          expect(values[1]).to.deep.equal(model.snapshot);
          expect(storage.initialState().confState).to.deep.equal(model.snapshot.metadata.confState);
          expect([storage.firstIndex(), storage.lastIndex()]).to.deep.equal([model.offset + 1, model.last]);
          for (const value of values) given.push({ value, then: written(value) });
        }
        for (const { value, then } of given) expect(written(value)).to.equal(then);
      }),
      { numRuns: 200 },
    );
  });

  it('keeps its own copy of snapshots that it gave', () => {
    const storage = stored(...ents(1, 1, 1));
    const created = storage.createSnapshot(1, confStateOf(1), new Uint8Array([1]));
    const read = storage.snapshot();
    for (const copy of [created, read]) {
      (copy.data as Uint8Array)[0] = 9;
      (copy.metadata.confState.voters as bigint[]).push(9n);
    }
    expect(storage.snapshot().data).to.deep.equal(new Uint8Array([1]));
    expect(storage.snapshot().metadata.confState).to.deep.equal(confStateOf(1));
  });

  it('copies the membership that a snapshot is made with', () => {
    const storage = stored(...ents(1, 1, 1));
    const confState = confStateOf(1);
    storage.createSnapshot(1, confState, undefined);
    (confState.voters as bigint[]).push(9n);
    expect(storage.snapshot().metadata.confState).to.deep.equal(confStateOf(1));
  });
});
