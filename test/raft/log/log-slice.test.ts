import { type Entry, MessageType, newMessage } from '@raft-ts/raft';
import { type EntryId, LogSlice } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { ents, id, idOf, logWith, stored } from './fixtures.js';

describe('TY-001 TestEntryID: an entry is named by its term and index together', () => {
  it('matches the log only where both agree', () => {
    const rows: [other: EntryId, same: boolean][] = [
      [id(5, 10), true],
      [id(4, 10), false],
      [id(5, 9), false],
    ];
    const { log } = logWith(stored(...ents(1, ...new Array<number>(9).fill(4))), ...ents(10, 5));
    for (const [other, same] of rows) {
      expect(log.matchTerm(other)).to.equal(same);
    }
  });

  it('is read off an entry', () => {
    const rows: [entry: Entry, named: EntryId][] = [
      [{ type: undefined, term: 0, index: 0, data: undefined }, id(0, 0)],
      [{ type: undefined, term: 1, index: 2, data: new TextEncoder().encode('data') }, id(1, 2)],
      [{ type: undefined, term: 10, index: 123, data: undefined }, id(10, 123)],
    ];
    for (const [entry, named] of rows) {
      expect(idOf(new LogSlice(10, id(0, 0), [entry]).lastEntryId)).to.deep.equal(named);
    }
  });
});

describe('TY-002 TestLogSlice: a slice is contiguous, its terms do not fall, and none is above its leader’s', () => {
  type Position = [index: number, term: number];
  const entry = ([index, term]: Position): Entry => ({ type: undefined, term, index, data: undefined });
  const rows: [leaderTerm: number, prev: Position, entries: Position[], last: Position | string][] = [
    [0, [0, 0], [], [0, 0]],
    [0, [123, 10], [], 'leader term 0: entry {term:10 index:123} has a newer term'],
    [9, [123, 10], [], 'leader term 9: entry {term:10 index:123} has a newer term'],
    [10, [123, 10], [], [123, 10]],
    [11, [123, 10], [], [123, 10]],
    [0, [0, 0], [[1, 1]], 'leader term 0: entry {term:1 index:1} has a newer term'],
    [1, [0, 0], [[1, 1]], [1, 1]],
    [2, [0, 0], [[1, 1]], [1, 1]],
    [
      2,
      [0, 0],
      [
        [2, 1],
        [3, 1],
        [4, 2],
      ],
      'leader term 2: entries {term:0 index:0} and {term:1 index:2} not consistent',
    ],
    [
      1,
      [1, 1],
      [
        [2, 1],
        [3, 1],
        [4, 2],
      ],
      'leader term 1: entry {term:2 index:4} has a newer term',
    ],
    [
      2,
      [1, 1],
      [
        [2, 1],
        [3, 1],
        [4, 2],
      ],
      [4, 2],
    ],
    [10, [123, 5], [[111, 5]], 'leader term 10: entries {term:5 index:123} and {term:5 index:111} not consistent'],
    [10, [123, 5], [[124, 4]], 'leader term 10: entries {term:5 index:123} and {term:4 index:124} not consistent'],
    [10, [123, 5], [[234, 6]], 'leader term 10: entries {term:5 index:123} and {term:6 index:234} not consistent'],
    [10, [123, 5], [[124, 6]], [124, 6]],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [12, 2],
      ],
      'leader term 10: entries {term:2 index:13} and {term:2 index:12} not consistent',
    ],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [15, 2],
      ],
      'leader term 10: entries {term:2 index:13} and {term:2 index:15} not consistent',
    ],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [14, 1],
      ],
      'leader term 10: entries {term:2 index:13} and {term:1 index:14} not consistent',
    ],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [14, 3],
      ],
      [14, 3],
    ],
  ];
  for (const [leaderTerm, [index, term], positions, last] of rows) {
    const slice = new LogSlice(leaderTerm, { term, index }, positions.map(entry));
    const written = positions.map(([i, t]) => `${t}/${i}`).join(' ');
    const valid = typeof last !== 'string';
    it(`${valid ? 'takes' : 'refuses'} [${written}] after ${term}/${index} in term ${leaderTerm}`, () => {
      expect(slice.problem()).to.equal(valid ? undefined : last);
      if (valid) {
        expect(idOf(slice.lastEntryId)).to.deep.equal({ index: last[0], term: last[1] });
        expect(slice.lastIndex).to.equal(last[0]);
      }
    });
  }

  it('is what a MsgApp carries', () => {
    const m = newMessage(MessageType.MsgApp, 2n);
    m.term = 4;
    m.logTerm = 3;
    m.index = 7;
    m.entries = ents(8, 4, 4);
    const slice = LogSlice.fromAppend(m);
    expect(slice.term).to.equal(4);
    expect(slice.prev).to.deep.equal(id(3, 7));
    expect(slice.entries).to.deep.equal(ents(8, 4, 4));
    expect(slice.lastIndex).to.equal(9);
    expect(slice.problem()).to.equal(undefined);
  });
});
