import type { Entry, MemoryStorage } from '@raft-ts/raft';
import { entriesSize, RaftLog, RaftPanic } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { compactAnyway } from '../../helpers/index.js';
import {
  expectPanic,
  expectRefusal,
  id,
  indexesOf,
  logWith,
  recorder,
  rising,
  snap,
  stored,
  storedAfter,
} from './fixtures.js';

const unlimited = Number.POSITIVE_INFINITY;

describe('LG-006 TestCompactionSideEffects: compaction leaves the entries after it as they were', () => {
  it('keeps terms, matches and unstable entries', () => {
    const storage = stored(...rising(1, 1, 751));
    const { log } = logWith(storage, ...rising(751, 751, 1001));
    expect(log.maybeCommit(1000, 1000)).to.equal(true);
    log.appliedTo(log.committed, 0);
    compactAnyway(storage, 500);

    expect(log.lastIndex()).to.equal(1000);
    for (let index = 500; index <= 1000; index++) {
      expect(log.term(index)).to.equal(index);
      expect(log.matchTerm(id(index, index))).to.equal(true);
    }
    expect(log.unstable.nextEntries()).to.have.length(250);
    expect(log.unstable.nextEntries()[0]?.index).to.equal(751);

    expect(log.append(rising(1001, 1001, 1002))).to.equal(1001);
    expect(log.lastIndex()).to.equal(1001);
    expect(log.entries(1001, unlimited)).to.deep.equal(rising(1001, 1001, 1002));
  });
});

describe('LG-015 TestCompaction: what is compacted is gone, and cannot be compacted again', () => {
  it('panics beyond the end', () => {
    const storage = stored(...rising(1, 1, 1001));
    const panic = expectPanic(() => compactAnyway(storage, 1001), 'compact 1001 is out of bound lastindex(1000)');
    expect(panic.rule).to.equal('index-in-log');
    expect(new RaftLog(storage, recorder()).allEntries()).to.have.length(1000);
  });

  it('leaves the entries behind', () => {
    const storage = stored(...rising(1, 1, 1001));
    const log = new RaftLog(storage, recorder());
    for (const [to, left] of [
      [300, 700],
      [500, 500],
      [800, 200],
      [900, 100],
    ] as const) {
      compactAnyway(storage, to);
      expect(log.allEntries()).to.have.length(left);
    }
  });

  it('is refused before the last compaction', () => {
    const storage = stored(...rising(1, 1, 1001));
    const log = new RaftLog(storage, recorder());
    compactAnyway(storage, 300);
    expect(log.allEntries()).to.have.length(700);
    const refusal = expectRefusal(() => compactAnyway(storage, 299), 'ERR_RAFT_COMPACTED');
    expect(refusal.message).to.equal('requested index is unavailable due to compaction');
    expect(log.allEntries()).to.have.length(700);
  });
});

describe('LG-017 TestIsOutOfBounds: a range must begin after the snapshot and end with the log', () => {
  const make = () => logWith(storedAfter(snap(100, 0)), ...rising(101, 101, 201)).log;
  for (const lo of [99, 100]) {
    it(`finds [${lo},102) compacted`, () => {
      expect(make().slice(lo, 102, unlimited)).to.equal('compacted');
    });
  }
  for (const at of [101, 151, 200, 201]) {
    it(`takes [${at},${at})`, () => {
      expect(make().slice(at, at, unlimited)).to.deep.equal([]);
    });
  }
  for (const [lo, hi] of [
    [201, 202],
    [202, 202],
  ] as const) {
    it(`panics at [${lo},${hi})`, () => {
      expectPanic(() => make().slice(lo, hi, unlimited), `slice[${lo},${hi}) out of bound [101,200]`);
    });
  }
});

describe('LG-018 TestTerm: terms are known from the snapshot to the end of the log', () => {
  const rows: [index: number, term: number | 'compacted' | 'unavailable'][] = [
    [99, 'compacted'],
    [100, 1],
    [150, 50],
    [199, 99],
    [200, 'unavailable'],
  ];
  for (const [index, term] of rows) {
    it(`is ${term} at ${index}`, () => {
      const { log } = logWith(storedAfter(snap(100, 1)), ...rising(101, 1, 100));
      expect(log.term(index)).to.equal(term);
      expect(log.termOrZero(index)).to.equal(typeof term === 'number' ? term : 0);
    });
  }
});

describe('LG-019 TestTermWithUnstableSnapshot: a received snapshot hides what storage still has', () => {
  const rows: [index: number, term: number | 'compacted' | 'unavailable'][] = [
    [100, 'compacted'],
    [101, 'compacted'],
    [104, 'compacted'],
    [105, 1],
    [106, 'unavailable'],
  ];
  for (const [index, term] of rows) {
    it(`is ${term} at ${index}`, () => {
      const { log } = logWith(storedAfter(snap(100, 1)));
      log.restore(snap(105, 1));
      expect(log.term(index)).to.equal(term);
    });
  }
});

describe('LG-020 TestSlice: a slice is cut to its size wherever the border of the unstable part lies', () => {
  const entry = entriesSize(rising(150, 150, 151));
  const make = () => logWith(storedAfter(snap(100, 0), ...rising(101, 101, 150)), ...rising(150, 150, 200)).log;

  it('begins where the entries take eight bytes', () => {
    expect(entry).to.equal(8);
    const log = make();
    expect([log.firstIndex(), log.unstable.offset, log.lastIndex()]).to.deep.equal([101, 150, 199]);
  });

  for (const lo of [99, 100]) {
    it(`finds [${lo},101) compacted`, () => {
      expect(make().slice(lo, 101, unlimited)).to.equal('compacted');
    });
  }
  it('panics at a range that ends before it begins', () => {
    expectPanic(() => make().slice(150, 149, unlimited), 'invalid slice 150 > 149');
  });
  it('panics beyond the end', () => {
    expectPanic(() => make().slice(200, 201, unlimited), 'slice[200,201) out of bound [101,199]');
  });

  const rows: [lo: number, hi: number, limit: number, end: number][] = [
    [101, 101, unlimited, 101],
    [101, 149, unlimited, 149],
    [101, 150, unlimited, 150],
    [101, 151, unlimited, 151],
    [101, 200, unlimited, 200],
    [149, 150, unlimited, 150],
    [149, 151, unlimited, 151],
    [149, 200, unlimited, 200],
    [150, 151, unlimited, 151],
    [150, 200, unlimited, 200],
    [199, 200, unlimited, 200],
    [101, 200, 0, 102],
    [149, 151, 0, 150],
    [150, 200, 0, 151],
    [151, 200, 0, 152],
    ...[entry - 1, entry, entry + 1].flatMap((limit): [number, number, number, number][] => [
      [101, 200, limit, 102],
      [149, 151, limit, 150],
      [150, 200, limit, 151],
    ]),
    [101, 200, 2 * entry, 103],
    [148, 151, 2 * entry, 150],
    [149, 151, 2 * entry, 151],
    [150, 200, 2 * entry, 152],
    [148, 151, 3 * entry - 1, 150],
    [149, 152, 3 * entry, 152],
  ];
  for (const [lo, hi, limit, end] of rows) {
    it(`gives [${lo},${end}) of [${lo},${hi}) within ${limit} bytes`, () => {
      expect(make().slice(lo, hi, limit)).to.deep.equal(rising(lo, lo, end));
    });
  }
});

describe('LG-021 TestScan: a scan sees every entry once, in pages of the given size', () => {
  const make = () => logWith(storedAfter(snap(47, 0), ...rising(48, 48, 57)), ...rising(57, 57, 67)).log;
  const entry = entriesSize(rising(57, 57, 58));

  for (const pageSize of [0, 1, 10, 100, entry, entry + 1]) {
    it(`in pages of ${pageSize} bytes`, () => {
      const log = make();
      for (let lo = 48; lo <= 66; lo++) {
        for (let hi = lo; hi <= 67; hi++) {
          const seen: Entry[] = [];
          const stopped = log.scan(lo, hi, pageSize, (page) => {
            expect(page.length === 1 || entriesSize(page) <= pageSize).to.equal(true);
            seen.push(...page);
            return false;
          });
          expect(stopped).to.equal(false);
          expect(seen).to.deep.equal(log.slice(lo, hi, unlimited));
        }
      }
    });
  }

  it('fills its pages', () => {
    const pages: (readonly Entry[])[] = [];
    make().scan(48, 58, 2 * entry, (page) => {
      pages.push(page);
      return false;
    });
    expect(pages.map(indexesOf)).to.deep.equal([
      [48, 49],
      [50, 51],
      [52, 53],
      [54, 55],
      [56, 57],
    ]);
    for (const page of pages) expect(entriesSize(page)).to.equal(2 * entry);
  });

  it('ends when its visitor has seen enough', () => {
    let calls = 0;
    expect(make().scan(48, 57, 0, () => ++calls === 2)).to.equal(true);
    expect(calls).to.equal(2);
  });

  it('passes on what its visitor throws', () => {
    let calls = 0;
    const scan = () =>
      make().scan(48, 57, 0, () => {
        if (++calls === 2) throw new Error('break');
        return false;
      });
    expect(scan).to.throw('break');
    expect(calls).to.equal(2);
  });

  it('says why it cannot read', () => {
    expect(make().scan(47, 50, 0, () => false)).to.equal('requested index is unavailable due to compaction');
  });

  it('does not run in circles over storage that gives nothing', () => {
    const storage: MemoryStorage = storedAfter(snap(47, 0), ...rising(48, 48, 57));
    const log = new RaftLog(storage, recorder());
    storage.entries = () => [];
    expect(() => log.scan(48, 57, 0, () => false)).to.throw(RaftPanic, 'Storage.entries(48, 57).length is 0');
  });
});
