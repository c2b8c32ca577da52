import type { Entry } from '@raft-ts/raft';
import { EntryType } from '@raft-ts/raft';
import { entriesSize, limitSize, payloadsSize } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import fc from 'fast-check';
import { ents } from '../log/fixtures.js';

describe('UT-002 TestLimitSize: a list is cut to its size, but never to none', () => {
  const entries = ents(4, 4, 5, 6);
  const rows: [limit: number, count: number][] = [
    [Number.POSITIVE_INFINITY, 3],
    [0, 1],
    [8, 2],
    [10, 2],
    [11, 2],
    [12, 3],
  ];
  for (const [limit, count] of rows) {
    it(`keeps ${count} of three within ${limit} bytes`, () => {
      const kept = limitSize(entries, limit);
      expect(kept).to.deep.equal(entries.slice(0, count));
      expect(kept.length === 1 || entriesSize(kept) <= limit).to.equal(true);
    });
  }

  it('keeps nothing of nothing', () => {
    expect(limitSize([], 0)).to.deep.equal([]);
    expect(limitSize([], Number.POSITIVE_INFINITY)).to.deep.equal([]);
  });
});

describe('UT-005 TestPayloadSizeOfEmptyEntry: an entry without data has no payload', () => {
  it('so that a new leader’s empty entry counts against no quota', () => {
    expect(payloadsSize([{ type: undefined, term: 7, index: 9, data: undefined }])).to.equal(0);
    expect(payloadsSize([])).to.equal(0);
  });

  it('and one with data has its length, whatever surrounds it', () => {
    const data = new Uint8Array(300);
    const entry: Entry = { type: EntryType.EntryNormal, term: 7, index: 9, data };
    expect(payloadsSize([entry, ...ents(10, 7), entry])).to.equal(600);
    expect(entriesSize([entry])).to.equal(2 + 2 + 2 + 3 + 300);
  });
});

describe('size limits', () => {
  it('keep the longest prefix that fits, and one entry at least', () => {
    const entry = fc.record({
      type: fc.constantFrom(undefined, EntryType.EntryNormal, EntryType.EntryConfChangeV2),
      term: fc.constantFrom(0, 1, 127, 128, 20_000),
      index: fc.constantFrom(0, 1, 127, 128, 20_000),
      data: fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), fc.nat(700), (entries, limit) => {
        const copy = [...entries];
        const kept = limitSize(entries, limit);
        expect(kept).to.deep.equal(entries.slice(0, kept.length));
        expect(kept.length).to.be.at.least(Math.min(1, entries.length));
        if (kept.length > 1) expect(entriesSize(kept)).to.be.at.most(limit);
        if (kept.length < entries.length) {
          expect(entriesSize(entries.slice(0, kept.length + 1))).to.be.greaterThan(limit);
        }
        expect(entries, 'the list stays as it is').to.deep.equal(copy);
        expect(limitSize(entries, Number.POSITIVE_INFINITY)).to.deep.equal(entries);
      }),
      { numRuns: 500 },
    );
  });
});
