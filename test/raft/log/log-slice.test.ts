import { type Entry, MessageType, newMessage, RawNode } from '@raft-ts/raft';
import { type EntryId, LogSlice, validateIncoming } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { newTestConfig, newTestMemoryStorage, withPeers } from '../../helpers/index.js';
import { ents, id, idOf, logWith, snap, stored, storedAfter } from './fixtures.js';

describe('TY-001 TestEntryID: an entry is named by its term and index together', () => {
  it('matches the log only if both agree', () => {
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
      const storage = entry.index > 1 ? storedAfter(snap(entry.index - 1, entry.term)) : stored();
      const { log } = logWith(storage, ...(entry.index > 0 ? [entry] : []));
      expect(idOf(log.lastEntryId())).to.deep.equal(named);
    }
  });
});

describe('TY-002 TestLogSlice: a slice is contiguous, its terms do not fall, and none is above its leader’s', () => {
  type Position = [index: number, term: number];
  const entry = ([index, term]: Position): Entry => ({ type: undefined, term, index, data: undefined });
  const rows: [leaderTerm: number, prev: Position, entries: Position[], last: Position | string][] = [
    [0, [0, 0], [], [0, 0]],
    // etcd's check refuses these two as well. They bring nothing, and the log is asked for the entry before them
    // anyway.
    [0, [123, 10], [], [123, 10]],
    [9, [123, 10], [], [123, 10]],
    [10, [123, 10], [], [123, 10]],
    [11, [123, 10], [], [123, 10]],
    [0, [0, 0], [[1, 1]], 'append-entries'],
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
      'append-entries',
    ],
    [
      1,
      [1, 1],
      [
        [2, 1],
        [3, 1],
        [4, 2],
      ],
      'append-entries',
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
    [10, [123, 5], [[111, 5]], 'append-entries'],
    [10, [123, 5], [[124, 4]], 'append-entries'],
    [10, [123, 5], [[234, 6]], 'append-entries'],
    [10, [123, 5], [[124, 6]], [124, 6]],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [12, 2],
      ],
      'append-entries',
    ],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [15, 2],
      ],
      'append-entries',
    ],
    [
      10,
      [12, 2],
      [
        [13, 2],
        [14, 1],
      ],
      'append-entries',
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
    const written = positions.map(([i, t]) => `${t}/${i}`).join(' ');
    it(`${typeof last === 'string' ? 'refuses' : 'takes'} [${written}] after ${term}/${index} in term ${leaderTerm}`, () => {
      const m = newMessage(MessageType.MsgApp, 1n);
      Object.assign(m, { from: 2n, term: leaderTerm, logTerm: term, index, entries: positions.map(entry) });
      const { raft } = new RawNode(newTestConfig(1n, newTestMemoryStorage(withPeers(1n, 2n, 3n))));
      expect(validateIncoming(raft, m, false)).to.equal(typeof last === 'string' ? last : undefined);
      if (typeof last === 'string') return;
      const { prev, entries, lastIndex } = LogSlice.fromAppend(m);
      expect([lastIndex, (entries.at(-1) ?? prev).term]).to.deep.equal(last);
    });
  }

  it('is what a MsgApp carries', () => {
    const m = newMessage(MessageType.MsgApp, 2n);
    m.term = 4;
    m.logTerm = 3;
    m.index = 7;
    m.entries = ents(8, 4, 4);
    const slice = LogSlice.fromAppend(m);
    expect(slice.prev).to.deep.equal(id(3, 7));
    expect(slice.entries).to.deep.equal(ents(8, 4, 4));
    expect(slice.lastIndex).to.equal(9);
  });
});
