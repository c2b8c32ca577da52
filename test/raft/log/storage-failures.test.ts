import {
  ERR_COMPACTED,
  ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE,
  ERR_UNAVAILABLE,
  MemoryStorage,
  RaftError,
  type Storage,
  storageError,
} from '@raft-ts/raft';
import { RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { compactAnyway } from '../../helpers/index.js';
import { ents, expectPanic, id, logWith, recorder, snap, stored } from './fixtures.js';

const unlimited = Number.POSITIVE_INFINITY;

function failing(method: keyof Storage, error: unknown, storage: MemoryStorage = stored(...ents(1, 1, 2, 3))) {
  storage[method] = () => {
    throw error;
  };
  return storage;
}

/** A log over sound storage, of which this method then fails. */
function failingLater(method: keyof Storage, error: unknown): RaftLog {
  const storage = stored(...ents(1, 1, 2, 3));
  const log = new RaftLog(storage, recorder());
  log.commitTo(3);
  failing(method, error, storage);
  return log;
}

const disk = new Error('input/output error');

describe('raft log over failing storage', () => {
  for (const method of ['firstIndex', 'lastIndex'] as const) {
    it(`cannot be built when ${method} fails`, () => {
      const panic = expectPanic(() => new RaftLog(failing(method, disk), recorder()), 'input/output error');
      expect(panic.rule).to.equal('storage-failed');
      expect(panic.cause).to.equal(disk);
    });
  }

  it('cannot tell the initial state when storage cannot', () => {
    const storage = stored();
    expect(new RaftLog(storage, recorder()).initialState()).to.deep.equal(storage.initialState());
    expectPanic(() => failingLater('initialState', disk).initialState(), 'input/output error');
  });

  // Storage's refusals have meaning for terms and entries only: a member whose storage cannot say where its log begins
  // or ends cannot go on.
  for (const method of ['firstIndex', 'lastIndex'] as const) {
    for (const error of [disk, storageError(ERR_UNAVAILABLE)]) {
      it(`panics when ${method} fails later with "${error.message}"`, () => {
        const panic = expectPanic(() => failingLater(method, error)[method](), error.message);
        expect(panic.rule).to.equal('storage-failed');
        expect(panic.cause).to.equal(error);
      });
    }
  }

  for (const [code, missing] of [
    [ERR_COMPACTED, 'compacted'],
    [ERR_UNAVAILABLE, 'unavailable'],
  ] as const) {
    it(`passes on that a term is ${missing}`, () => {
      const log = failingLater('term', storageError(code));
      expect(log.term(2)).to.equal(missing);
      expect(log.termOrZero(2)).to.equal(0);
      expect(log.matchTerm(id(2, 2))).to.equal(false);
      expect(log.findConflictByTerm(2, 9)).to.deep.equal({ index: 2, term: 0 });
    });

    it(`panics when the last term is ${missing}`, () => {
      const panic = expectPanic(
        () => failingLater('term', storageError(code)).lastEntryId(),
        `unexpected error when getting the last term at 3: ${storageError(code).message}`,
      );
      expect(panic.rule).to.equal('storage-lost-entries');
    });
  }

  for (const [error, text] of [
    [disk, 'input/output error'],
    ['no object', 'no object'],
    [new RaftError('ERR_RAFT_OTHER', 'of another kind'), 'of another kind'],
  ] as const) {
    it(`panics at ${JSON.stringify(text)} from anywhere else`, () => {
      for (const panic of [
        expectPanic(() => failingLater('term', error).term(2), text),
        expectPanic(() => failingLater('entries', error).slice(1, 3, unlimited), text),
        expectPanic(() => failingLater('snapshot', error).snapshot(), text),
      ]) {
        expect(panic.rule).to.equal('storage-failed');
        expect(panic.cause).to.equal(error);
      }
    });
  }

  it('passes on that entries are compacted', () => {
    const log = failingLater('entries', storageError(ERR_COMPACTED));
    expect(log.slice(1, 3, unlimited)).to.equal('compacted');
    expect(log.entries(1, unlimited)).to.equal('compacted');
    expect(log.scan(1, 3, 0, () => false)).to.equal('requested index is unavailable due to compaction');
  });

  it('panics when entries within its bounds are unavailable', () => {
    const panic = expectPanic(
      () => failingLater('entries', storageError(ERR_UNAVAILABLE)).slice(1, 3, unlimited),
      'entries[1:3) is unavailable from storage',
    );
    expect(panic.rule).to.equal('storage-lost-entries');
  });

  it('panics when committed entries are compacted before they were applied', () => {
    const panic = expectPanic(
      () => failingLater('entries', storageError(ERR_COMPACTED)).nextCommittedEnts(true),
      'unexpected error when getting unapplied entries (requested index is unavailable due to compaction)',
    );
    expect(panic.rule).to.equal('storage-lost-entries');
  });

  it('has no snapshot while storage makes one', () => {
    expect(failingLater('snapshot', storageError(ERR_SNAPSHOT_TEMPORARILY_UNAVAILABLE)).snapshot()).to.equal(undefined);
  });

  it('gives the snapshot of storage if none was received', () => {
    const storage = new MemoryStorage();
    storage.applySnapshot(snap(5, 2));
    const { log } = logWith(storage);
    expect(log.snapshot()).to.deep.equal(snap(5, 2));
    log.restore(snap(9, 3));
    expect(log.snapshot(), 'a received one is newer').to.deep.equal(snap(9, 3));
    log.unstable.acceptInProgress();
    expect(log.snapshot(), 'also while it is written').to.deep.equal(snap(9, 3));
  });

  it('reads all entries again when storage is compacted meanwhile', () => {
    const storage = stored(...ents(1, 1, 2, 3));
    const log = new RaftLog(storage, recorder());
    const entries = storage.entries.bind(storage);
    storage.entries = (lo, hi, maxSize) => {
      storage.entries = entries;
      compactAnyway(storage, 1);
      return entries(lo, hi, maxSize);
    };
    expect(log.allEntries()).to.deep.equal(ents(2, 2, 3));
  });

  it('gives what storage gives if storage keeps to a smaller limit', () => {
    const storage = stored(...ents(1, 1, 2, 3));
    const { log } = logWith(storage, ...ents(4, 4));
    const entries = storage.entries.bind(storage);
    storage.entries = (lo, hi) => entries(lo, hi, 0);
    expect(log.slice(1, 5, unlimited), 'never a gap').to.deep.equal(ents(1, 1));
  });

  it('has no entries after its end', () => {
    const { log } = logWith(stored(...ents(1, 1)), ...ents(2, 1));
    expect(log.entries(3, unlimited)).to.deep.equal([]);
    expect(log.entries(7, unlimited)).to.deep.equal([]);
  });
});
