import type { Entry } from '@raft-ts/raft';
import { LogSlice, RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { ents, expectPanic, id, idOf, logWith, recorder, snap, stored, storedAfter } from './fixtures.js';

// Section 5.3 of the paper: where two logs part, and how the follower's is made to follow.

describe('LG-001 TestFindConflict: the first entry that the log lacks or has with another term is the conflict', () => {
  const rows: [entries: Entry[], conflict: number][] = [
    [[], 0],
    [ents(1, 1, 2, 3), 0],
    [ents(2, 2, 3), 0],
    [ents(3, 3), 0],
    [ents(1, 1, 2, 3, 4, 4), 4],
    [ents(2, 2, 3, 4, 5), 4],
    [ents(3, 3, 4, 4), 4],
    [ents(4, 4, 4), 4],
    [ents(1, 4, 4), 1],
    [ents(2, 1, 4, 4), 2],
    [ents(3, 1, 2, 4, 4), 3],
  ];
  for (const [entries, conflict] of rows) {
    it(`finds ${conflict} for terms [${entries.map(({ term }) => term)}] from ${entries[0]?.index ?? 'nowhere'} on`, () => {
      const { log, lines } = logWith(stored(), ...ents(1, 1, 2, 3));
      expect(log.findConflict(entries)).to.equal(conflict);
      // Entries that only continue the log are no conflict worth a line.
      const conflicting = entries.find(({ index }) => index === conflict && index <= 3);
      expect(lines).to.deep.equal(
        conflicting === undefined
          ? []
          : [
              `INFO found conflict at index ${conflict} [existing term: ${conflict}, conflicting term: ${conflicting.term}]`,
            ],
      );
    });
  }
});

describe('LG-002 TestFindConflictByTerm: the last position at or below an index with at most a term', () => {
  const logs: [name: string, log: () => RaftLog, rows: [index: number, term: number, found: number][]][] = [
    [
      'a log from its beginning',
      () => new RaftLog(storedAfter(snap(0, 0), ...ents(1, 2, 2, 5, 5, 5)), recorder()),
      [
        [100, 2, 100],
        [5, 6, 5],
        [5, 5, 5],
        [5, 4, 2],
        [5, 2, 2],
        [5, 1, 0],
        [1, 2, 1],
        [1, 1, 0],
        [0, 0, 0],
      ],
    ],
    [
      'a log after a snapshot',
      () => new RaftLog(storedAfter(snap(10, 3), ...ents(11, 3, 3, 4, 4, 4)), recorder()),
      [
        [30, 3, 30],
        [14, 9, 14],
        [14, 4, 14],
        [14, 3, 12],
        [14, 2, 9],
        [11, 5, 11],
        [10, 5, 10],
        [10, 3, 10],
        [10, 2, 9],
        [9, 2, 9],
        [4, 2, 4],
        [0, 0, 0],
      ],
    ],
  ];
  for (const [name, make, rows] of logs) {
    for (const [index, term, found] of rows) {
      it(`stops at ${found} from ${index} with term ${term} in ${name}`, () => {
        const log = make();
        const position = log.findConflictByTerm(index, term);
        expect(position).to.deep.equal({ index: found, term: log.termOrZero(found) });
      });
    }
  }
});

describe('LG-003 TestIsUpToDate: a log with a later last term, or as long with the same one, is up to date', () => {
  // Section 5.4.1 of the paper.
  const rows: [lastIndex: number, term: number, upToDate: boolean][] = [
    [2, 4, true],
    [3, 4, true],
    [4, 4, true],
    [2, 2, false],
    [3, 2, false],
    [4, 2, false],
    [2, 3, false],
    [3, 3, true],
    [4, 3, true],
  ];
  for (const [index, term, upToDate] of rows) {
    it(`says ${upToDate} for a last entry ${term}/${index}`, () => {
      const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
      expect(log.isUpToDate({ index, term })).to.equal(upToDate);
    });
  }
});

describe('LG-004 TestAppend: entries replace what lies at their positions and behind', () => {
  const rows: [entries: Entry[], last: number, all: Entry[], offset: number][] = [
    [[], 2, ents(1, 1, 2), 3],
    [ents(3, 2), 3, ents(1, 1, 2, 2), 3],
    [ents(1, 2), 1, ents(1, 2), 1],
    [ents(2, 3, 3), 3, ents(1, 1, 3, 3), 2],
  ];
  for (const [entries, last, all, offset] of rows) {
    it(`ends at ${last}, unstable from ${offset} on`, () => {
      const log = new RaftLog(stored(...ents(1, 1, 2)), recorder());
      expect(log.append(entries)).to.equal(last);
      expect(log.entries(1, Number.POSITIVE_INFINITY)).to.deep.equal(all);
      expect(log.unstable.offset).to.equal(offset);
    });
  }

  it('never replaces what is committed', () => {
    const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
    log.commitTo(2);
    expectPanic(() => log.append(ents(2, 4)), 'after(1) is out of range [committed(2)]');
    expect(log.allEntries()).to.deep.equal(ents(1, 1, 2, 3));
  });
});

describe('LG-005 TestLogMaybeAppend: entries are taken where the logs meet, and committed as far as they reach', () => {
  const rows: [
    prev: [term: number, index: number],
    leaderCommit: number,
    entries: Entry[],
    last: number | undefined,
    committed: number,
  ][] = [
    [[2, 3], 3, ents(4, 4), undefined, 1],
    [[3, 4], 3, ents(5, 4), undefined, 1],
    [[3, 3], 3, [], 3, 3],
    [[3, 3], 4, [], 3, 3],
    [[3, 3], 2, [], 3, 2],
    [[3, 3], 0, [], 3, 1],
    [[0, 0], 3, [], 0, 1],
    [[3, 3], 3, ents(4, 4), 4, 3],
    [[3, 3], 4, ents(4, 4), 4, 4],
    [[3, 3], 5, ents(4, 4), 4, 4],
    [[3, 3], 5, ents(4, 4, 4), 5, 5],
    [[2, 2], 3, ents(3, 4), 3, 3],
    [[1, 1], 3, ents(2, 4), 2, 2],
    [[1, 1], 3, ents(2, 4, 4), 3, 3],
  ];
  for (const [[term, index], leaderCommit, entries, last, committed] of rows) {
    const verdict = last === undefined ? 'refuses' : `ends at ${last} with`;
    it(`${verdict} ${entries.length} entries after ${term}/${index} when ${leaderCommit} is committed`, () => {
      const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
      log.committed = 1;
      expect(log.maybeAppend(new LogSlice(id(term, index), entries), leaderCommit)).to.equal(last);
      expect(log.committed).to.equal(committed);
      if (last === undefined) {
        expect(log.allEntries()).to.deep.equal(ents(1, 1, 2, 3));
      } else if (entries.length > 0) {
        const tail = log.slice(log.lastIndex() - entries.length + 1, log.lastIndex() + 1, Number.POSITIVE_INFINITY);
        expect(tail).to.deep.equal(entries);
      }
    });
  }

  it('panics at a conflict with a committed entry', () => {
    const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
    log.committed = 1;
    expectPanic(
      () => log.maybeAppend(new LogSlice(id(0, 0), ents(1, 4)), 3),
      'entry 1 conflict with committed entry [committed(1)]',
    );
  });

  it('leaves entries that it holds alone, and appends only from the conflict on', () => {
    const storage = stored(...ents(1, 1, 2, 3));
    const { log } = logWith(storage);
    expect(log.maybeAppend(new LogSlice(id(1, 1), ents(2, 2, 3, 4)), 0)).to.equal(4);
    expect(log.unstable.entries.map(idOf)).to.deep.equal([id(4, 4)]);
    expect(log.allEntries()).to.deep.equal(ents(1, 1, 2, 3, 4));
  });

  // The two ways in which a slice can fail to continue `prev`; what comes from the network is checked before.
  it('panics at entries that begin after a gap', () => {
    const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
    expectPanic(() => log.maybeAppend(new LogSlice(id(1, 1), ents(4, 4)), 3), 'index, 2, is out of range [1]');
  });

  it('panics at entries that begin before the position they are to follow', () => {
    const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
    expectPanic(() => log.maybeAppend(new LogSlice(id(3, 3), ents(2, 4)), 3), /^index, .+, is out of range \[1\]$/);
    expect(log.allEntries()).to.deep.equal(ents(1, 1, 2, 3));
  });
});
