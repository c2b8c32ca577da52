import type { Entry } from '@raft-ts/raft';
import { RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { ents, expectPanic, id, logWith, recorder, snap, stored, storedAfter } from './fixtures.js';

describe('LG-011 TestNextUnstableEnts: what storage lacks is unstable until it is acknowledged', () => {
  const rows: [from: number, unstable: Entry[]][] = [
    [3, []],
    [1, ents(1, 1, 2)],
  ];
  for (const [from, unstable] of rows) {
    it(`has ${unstable.length} unstable entries where those before ${from} are stored`, () => {
      const all = ents(1, 1, 2);
      const { log } = logWith(stored(...all.slice(0, from - 1)), ...all.slice(from - 1));
      expect(log.unstable.nextEntries()).to.deep.equal(unstable);
      expect(log.unstable.hasNextEntries()).to.equal(unstable.length > 0);
      const last = unstable.at(-1);
      if (last !== undefined) log.unstable.stableTo(last);
      expect(log.unstable.offset).to.equal(3);
      expect(log.unstable.nextEntries()).to.deep.equal([]);
    });
  }
});

describe('LG-013 TestStableTo: an acknowledgement counts only for the entry that is there', () => {
  const rows: [term: number, index: number, offset: number][] = [
    [1, 1, 2],
    [2, 2, 3],
    [1, 2, 1],
    [1, 3, 1],
  ];
  for (const [term, index, offset] of rows) {
    it(`is unstable from ${offset} on after ${term}/${index}`, () => {
      const { log } = logWith(stored(), ...ents(1, 1, 2));
      log.unstable.stableTo(id(term, index));
      expect(log.unstable.offset).to.equal(offset);
      expect(log.unstable.length).to.equal(3 - offset);
    });
  }
});

describe('LG-014 TestStableToWithSnap: acknowledgements at or before the snapshot change nothing', () => {
  const rows: [fresh: Entry[], term: number, index: number, offset: number][] = [
    ...[2, 3].flatMap((term) => [6, 5, 4].map((index): [Entry[], number, number, number] => [[], term, index, 6])),
    [ents(6, 2), 2, 6, 7],
    [ents(6, 2), 2, 5, 6],
    [ents(6, 2), 2, 4, 6],
    [ents(6, 2), 3, 6, 6],
    [ents(6, 2), 3, 5, 6],
    [ents(6, 2), 3, 4, 6],
  ];
  for (const [fresh, term, index, offset] of rows) {
    it(`is unstable from ${offset} on after ${term}/${index} with ${fresh.length} new entries`, () => {
      const { log } = logWith(storedAfter(snap(5, 2)), ...fresh);
      log.unstable.stableTo(id(term, index));
      expect(log.unstable.offset).to.equal(offset);
    });
  }
});

describe('LG-016 TestLogRestore: a log over a snapshot begins after it, with the snapshot committed', () => {
  it('has no entries', () => {
    const log = new RaftLog(storedAfter(snap(1000, 1000)), recorder());
    expect(log.allEntries()).to.deep.equal([]);
    expect(log.firstIndex()).to.equal(1001);
    expect(log.lastIndex()).to.equal(1000);
    expect(log.committed).to.equal(1000);
    expect(log.unstable.offset).to.equal(1001);
    expect(log.term(1000)).to.equal(1000);
  });

  it('forgets its entries for a snapshot, and says where it stood', () => {
    const { log, lines } = logWith(stored(...ents(1, 1)), ...ents(2, 1, 1));
    log.commitTo(2);
    log.restore(snap(7, 3));
    expect(lines).to.deep.equal([
      'INFO log [committed=2, applied=0, applying=0, unstable.offset=2, unstable.offsetInProgress=2, ' +
        'len(unstable.Entries)=2] starts to restore snapshot [index: 7, term: 3]',
    ]);
    expect([log.firstIndex(), log.lastIndex(), log.committed, log.applied]).to.deep.equal([8, 7, 7, 0]);
    expect(log.allEntries()).to.deep.equal([]);
    expect(log.hasNextOrInProgressSnapshot()).to.equal(true);
    expect(log.snapshot()).to.deep.equal(snap(7, 3));
    log.unstable.stableSnapTo(7);
    expect(log.hasNextOrInProgressSnapshot()).to.equal(false);
  });
});

describe('raft log as a text', () => {
  it('names its positions', () => {
    const { log } = logWith(stored(...ents(1, 1, 1)), ...ents(3, 1, 1));
    log.commitTo(3);
    log.acceptApplying(2, 0, true);
    log.appliedTo(1, 0);
    log.unstable.acceptInProgress();
    expect(String(log)).to.equal(
      'committed=3, applied=1, applying=2, unstable.offset=3, unstable.offsetInProgress=5, len(unstable.Entries)=2',
    );
  });
});

describe('LG-012 TestCommitTo: the commit index never falls, and never passes the end of the log', () => {
  const rows: [to: number, committed: number][] = [
    [3, 3],
    [1, 2],
  ];
  for (const [to, committed] of rows) {
    it(`is at ${committed} after ${to}`, () => {
      const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
      log.committed = 2;
      log.commitTo(to);
      expect(log.committed).to.equal(committed);
    });
  }

  it('panics beyond the end', () => {
    const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
    log.committed = 2;
    const panic = expectPanic(
      () => log.commitTo(4),
      'tocommit(4) is out of range [lastIndex(3)]. Was the raft log corrupted, truncated, or lost?',
    );
    expect(panic.rule).to.equal('storage-lost-entries');
    expect(log.committed).to.equal(2);
  });

  it('commits by counting only an entry of the given term that is news', () => {
    // Section 5.4.2 of the paper.
    const { log } = logWith(stored(), ...ents(1, 1, 2, 3));
    log.committed = 1;
    const { log: odd } = logWith(stored(), ...ents(1, 0));
    expect(odd.maybeCommit(1, 0), 'no leader has term 0').to.equal(false);
    expect(log.maybeCommit(1, 1), 'old news').to.equal(false);
    expect(log.maybeCommit(2, 3), 'an entry of another term').to.equal(false);
    expect(log.maybeCommit(4, 3), 'no entry').to.equal(false);
    expect(log.committed).to.equal(1);
    expect(log.maybeCommit(3, 3)).to.equal(true);
    expect(log.committed).to.equal(3);
  });
});
