import { type ConfState, type Entry, MemoryStorage, type Snapshot } from '@raft-ts/raft';
import type { EntryId } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { compactAnyway } from '../../helpers/index.js';
import { compactedAt, dump, ents, expectPanic, expectRefusal, idOf, rising, snap, stored } from '../log/fixtures.js';

const unlimited = Number.POSITIVE_INFINITY;
const data = new TextEncoder().encode('data');
const voters: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function snapshotAt(index: number, term: number): Snapshot {
  return { data, metadata: { confState: voters, index, term } };
}

describe('ST-001 TestStorageTerm: terms are known from the last compacted position to the end', () => {
  const rows: [index: number, term: number | string][] = [
    [2, 'ERR_RAFT_COMPACTED'],
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 'ERR_RAFT_UNAVAILABLE'],
  ];
  for (const [index, term] of rows) {
    it(`answers ${term} at ${index}`, () => {
      const storage = compactedAt(...ents(3, 3, 4, 5));
      if (typeof term === 'number') expect(storage.term(index)).to.equal(term);
      else expectRefusal(() => storage.term(index), term);
    });
  }
});

describe('ST-002 TestStorageEntries: entries are cut to their size, but never to none', () => {
  const rows: [lo: number, hi: number, maxSize: number, entries: Entry[] | string][] = [
    [2, 6, unlimited, 'ERR_RAFT_COMPACTED'],
    [3, 4, unlimited, 'ERR_RAFT_COMPACTED'],
    [4, 5, unlimited, ents(4, 4)],
    [4, 6, unlimited, ents(4, 4, 5)],
    [4, 7, unlimited, ents(4, 4, 5, 6)],
    [4, 7, 0, ents(4, 4)],
    [4, 7, 8, ents(4, 4, 5)],
    [4, 7, 10, ents(4, 4, 5)],
    [4, 7, 11, ents(4, 4, 5)],
    [4, 7, 12, ents(4, 4, 5, 6)],
  ];
  for (const [lo, hi, maxSize, entries] of rows) {
    it(`gives ${typeof entries === 'string' ? entries : `${entries.length} entries`} for [${lo},${hi}) within ${maxSize} bytes`, () => {
      const storage = compactedAt(...ents(3, 3, 4, 5, 6));
      if (typeof entries === 'string') expectRefusal(() => storage.entries(lo, hi, maxSize), entries);
      else expect(storage.entries(lo, hi, maxSize)).to.deep.equal(entries);
    });
  }

  it('panics beyond the end', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5, 6));
    const panic = expectPanic(() => storage.entries(4, 8, unlimited), "entries' hi(8) is out of bound lastindex(6)");
    expect(panic.rule).to.equal('index-in-log');
  });

  it('panics at a range that ends before it begins', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5, 6));
    expectPanic(() => storage.entries(6, 4, unlimited), "entries' range [6,4) ends before it begins");
  });

  it('has nothing to give where all is compacted, not even an empty range', () => {
    expectRefusal(() => compactedAt(...ents(3, 3)).entries(4, 4, unlimited), 'ERR_RAFT_UNAVAILABLE');
  });
});

describe('ST-003 TestStorageLastIndex: the last index follows what is appended', () => {
  it('is that of the last entry', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    expect(storage.lastIndex()).to.equal(5);
    storage.append(ents(6, 5));
    expect(storage.lastIndex()).to.equal(6);
  });

  it('is that of the snapshot where there is no entry', () => {
    const storage = new MemoryStorage();
    expect(storage.lastIndex()).to.equal(0);
    storage.applySnapshot(snap(7, 2));
    expect(storage.lastIndex()).to.equal(7);
  });
});

describe('ST-004 TestStorageFirstIndex: the first index follows what is compacted', () => {
  it('lies behind the last compacted position', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    expect(storage.firstIndex()).to.equal(4);
    compactAnyway(storage, 4);
    expect(storage.firstIndex()).to.equal(5);
  });
});

describe('ST-005 TestStorageCompact: the entry compacted last leaves its index and term', () => {
  const rows: [index: number, code: string | undefined, first: EntryId, length: number][] = [
    [2, 'ERR_RAFT_COMPACTED', { index: 3, term: 3 }, 3],
    [3, 'ERR_RAFT_COMPACTED', { index: 3, term: 3 }, 3],
    [4, undefined, { index: 4, term: 4 }, 2],
    [5, undefined, { index: 5, term: 5 }, 1],
  ];
  for (const [index, code, first, length] of rows) {
    it(`${code === undefined ? 'takes' : `answers ${code} to`} ${index}`, () => {
      const storage = compactedAt(...ents(3, 3, 4, 5));
      if (code === undefined) compactAnyway(storage, index);
      else expectRefusal(() => compactAnyway(storage, index), code);
      expect(dump(storage)[0]).to.deep.equal(first);
      expect(dump(storage)).to.have.length(length);
    });
  }

  it('serves every position of a long log that is compacted bit by bit', () => {
    const storage = stored(...rising(1, 1, 401));
    for (let to = 1; to <= 400; to += 3) {
      compactAnyway(storage, to);
      expect([storage.firstIndex(), storage.lastIndex(), storage.term(to)]).to.deep.equal([to + 1, 400, to]);
      if (to < 400) expect(storage.entries(to + 1, 401, unlimited)).to.deep.equal(rising(to + 1, to + 1, 401));
    }
  });
});

describe('ST-006 TestStorageCreateSnapshot: a snapshot has the term of its position, membership and data', () => {
  for (const index of [4, 5]) {
    it(`at ${index}`, () => {
      const storage = compactedAt(...ents(3, 3, 4, 5));
      const created = storage.createSnapshot(index, voters, data);
      expect(created).to.deep.equal(snapshotAt(index, index));
      expect(storage.snapshot()).to.deep.equal(created);
      expect(dump(storage), 'the entries stay').to.have.length(3);
    });
  }

  it('is refused at or before the previous one', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    storage.createSnapshot(4, voters, data);
    for (const index of [3, 4]) {
      const refusal = expectRefusal(() => storage.createSnapshot(index, voters, data), 'ERR_RAFT_SNAP_OUT_OF_DATE');
      expect(refusal.message).to.equal('requested index is older than the existing snapshot');
    }
    expect(storage.snapshot()).to.deep.equal(snapshotAt(4, 4));
  });

  it('panics beyond the end', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    expectPanic(() => storage.createSnapshot(6, voters, data), 'snapshot 6 is out of bound lastindex(5)');
    expect(storage.snapshot().metadata.index).to.equal(0);
  });

  it('panics where the position is compacted', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    expectPanic(() => storage.createSnapshot(2, voters, data), 'snapshot 2 is older than the compacted index 3');
    expect(storage.createSnapshot(3, voters, data), 'its term is still known').to.deep.equal(snapshotAt(3, 3));
  });

  it('keeps the previous membership where none is given', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    storage.createSnapshot(4, voters, data);
    const { metadata } = storage.createSnapshot(5, undefined, undefined);
    expect(metadata).to.deep.equal({ confState: voters, index: 5, term: 5 });
  });
});

describe('ST-007 TestStorageAppend: entries replace the tail, and never what is compacted', () => {
  const rows: [added: Entry[], all: Entry[]][] = [
    [ents(1, 1, 2), ents(3, 3, 4, 5)],
    [ents(3, 3, 4, 5), ents(3, 3, 4, 5)],
    [ents(3, 3, 6, 6), ents(3, 3, 6, 6)],
    [ents(3, 3, 4, 5, 5), ents(3, 3, 4, 5, 5)],
    [ents(2, 3, 3, 5), ents(3, 3, 5)],
    [ents(4, 5), ents(3, 3, 5)],
    [ents(6, 5), ents(3, 3, 4, 5, 5)],
    [[], ents(3, 3, 4, 5)],
  ];
  for (const [added, all] of rows) {
    it(`has terms [${all.map(({ term }) => term)}] after [${added.map(({ term }) => term)}] from ${added[0]?.index} on`, () => {
      const storage = compactedAt(...ents(3, 3, 4, 5));
      storage.append(added);
      expect(dump(storage)).to.deep.equal(all.map(idOf));
    });
  }

  it('panics at a gap', () => {
    const storage = compactedAt(...ents(3, 3, 4, 5));
    const panic = expectPanic(() => storage.append(ents(7, 5)), 'missing log entry [last: 5, append at: 7]');
    expect(panic.rule).to.equal('append-without-gap');
    expect(dump(storage)).to.have.length(3);
  });
});

describe('ST-008 TestStorageApplySnapshot: a snapshot replaces everything, but only a newer one', () => {
  it('is taken by a new store', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotAt(4, 4));
    expect(storage.snapshot()).to.deep.equal(snapshotAt(4, 4));
    expect(dump(storage)).to.deep.equal([{ index: 4, term: 4 }]);
  });

  it('is refused where it is older or the same', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotAt(4, 4));
    for (const index of [3, 4]) {
      expectRefusal(() => storage.applySnapshot(snapshotAt(index, 3)), 'ERR_RAFT_SNAP_OUT_OF_DATE');
    }
    expect(storage.snapshot()).to.deep.equal(snapshotAt(4, 4));
  });

  it('sets the membership alone where it has no index', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snapshotAt(0, 0));
    expect(storage.initialState()).to.deep.equal({ hardState: undefined, confState: voters });
    expect([storage.firstIndex(), storage.lastIndex(), storage.term(0)]).to.deep.equal([1, 0, 0]);
  });

  it('drops the entries', () => {
    const storage = stored(...ents(1, 1, 1, 2));
    storage.applySnapshot(snapshotAt(2, 1));
    expect(dump(storage)).to.deep.equal([{ index: 2, term: 1 }]);
  });
});

describe('memory storage: the initial state', () => {
  it('is empty where nothing was saved', () => {
    const confState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    const storage = new MemoryStorage();
    expect(storage.initialState()).to.deep.equal({ hardState: undefined, confState });
    expect(storage.snapshot()).to.deep.equal(snap(0, 0));
  });

  it('has the hard state that was saved last', () => {
    const storage = new MemoryStorage();
    storage.setHardState({ term: 2, vote: 1n, commit: 0 });
    storage.setHardState({ term: 3, vote: 2n, commit: 1 });
    expect(storage.initialState().hardState).to.deep.equal({ term: 3, vote: 2n, commit: 1 });
  });
});
