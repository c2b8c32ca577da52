/**
 * What any durable storage must do, as a suite of mocha tests: see docs/writing-a-storage.md. It depends on nothing of
 * this project but the types of raft.
 */
import { strict as assert } from 'node:assert';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfState, Entry, HardState, Snapshot, Storage } from '@raft-ts/raft';

/** A raft log that survives its process. */
export interface DurableLog extends Storage {
  /**
   * Raft sees everything at once. Resolves when it is durable, if there are entries or a snapshot, or the term or vote
   * changed. With only a new commit it may resolve at once, and a crash may bring an older one back.
   */
  save(unsaved: {
    readonly hardState?: HardState | undefined;
    readonly entries?: readonly Entry[];
    readonly snapshot?: Snapshot | undefined;
  }): Promise<void>;
  /** A snapshot of what is applied up to `index`, which is committed. */
  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array | undefined): Promise<Snapshot>;
  /** Drops entries up to `index`, which a snapshot covers. */
  compact(index: number): void;
  close(): Promise<void>;
}

export interface DurableStorageContract {
  /** Opens what is in the folder, or starts there. The folder may not exist yet. */
  readonly open: (dir: string) => Promise<DurableLog>;
  /**
   * Ends without closing, as a process does that is killed: whatever the process alone held is lost, and locks are
   * free. Left out where that cannot be done in a test.
   */
  readonly kill?: (log: DurableLog) => Promise<void>;
}

const voters: ConfState = {
  voters: [1n, 2n, 3n],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

function entry(index: number, term: number, size = 10): Entry {
  return { type: 0, term, index, data: new Uint8Array(size).fill(index) };
}

function entries(from: number, to: number, term: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term));
}

function state(term: number, vote: bigint, commit: number): HardState {
  return { term, vote, commit };
}

function snapshotAt(index: number, term: number): Snapshot {
  return { data: new Uint8Array(100).fill(index), metadata: { confState: voters, index, term } };
}

function terms(log: DurableLog): [index: number, term: number][] {
  const found: [number, number][] = [];
  for (let i = log.firstIndex(); i <= log.lastIndex(); i++) found.push([i, log.term(i)]);
  return found;
}

const refusedWith = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

/** Declares the suite. Call it at the top of a test file. */
export function testDurableStorage(name: string, { open, kill }: DurableStorageContract): void {
  describe(`${name} is a durable storage`, () => {
    let dir = '';
    let log: DurableLog;

    beforeEach(async () => {
      dir = join(await mkdtemp(join(tmpdir(), 'raft-storage-')), 'member');
      log = await open(dir);
    });

    afterEach(async () => {
      await log.close();
      await rm(join(dir, '..'), { recursive: true, force: true });
    });

    const reopen = async (): Promise<void> => {
      await log.close();
      log = await open(dir);
    };

    it('begins empty', () => {
      const { hardState, confState } = log.initialState();
      assert.equal(hardState, undefined);
      assert.deepEqual(confState.voters, []);
      assert.equal(log.firstIndex(), 1);
      assert.equal(log.lastIndex(), 0);
      assert.equal(log.term(0), 0);
      assert.equal(log.snapshot().metadata.index, 0);
    });

    it('gives back what was saved, before and after it is opened again', async () => {
      await log.save({ hardState: state(2, 3n, 1), entries: [...entries(1, 3, 1), ...entries(4, 5, 2)] });
      for (const again of [false, true]) {
        if (again) await reopen();
        assert.deepEqual(log.initialState().hardState, state(2, 3n, 1));
        assert.deepEqual(terms(log), [
          [1, 1],
          [2, 1],
          [3, 1],
          [4, 2],
          [5, 2],
        ]);
        const [one] = log.entries(4, 5, Number.POSITIVE_INFINITY);
        assert.deepEqual([one?.index, one?.term, one?.data], [4, 2, new Uint8Array(10).fill(4)]);
      }
    });

    it('shows raft what is being saved', async () => {
      const saved = log.save({ hardState: state(1, 1n, 0), entries: entries(1, 3, 1) });
      assert.equal(log.lastIndex(), 3);
      assert.deepEqual(log.initialState().hardState, state(1, 1n, 0));
      await saved;
    });

    it('cuts entries to a size, and never gives none', async () => {
      await log.save({ hardState: state(1, 1n, 0), entries: entries(1, 5, 1) });
      assert.equal(log.entries(1, 6, Number.POSITIVE_INFINITY).length, 5);
      assert.equal(log.entries(1, 6, 0).length, 1);
      assert.equal(log.entries(2, 6, 1).length, 1);
      const [one] = log.entries(2, 6, 1000);
      assert.equal(one?.index, 2);
      const few = log.entries(1, 6, 40).length;
      assert.ok(few >= 1 && few < 5, `${few} entries of more than 13 bytes in 40`);
    });

    it('replaces the end of the log from the first new entry on', async () => {
      await log.save({ hardState: state(1, 1n, 0), entries: entries(1, 6, 1) });
      await log.save({ hardState: state(2, 0n, 0), entries: [entry(4, 2)] });
      for (const again of [false, true]) {
        if (again) await reopen();
        assert.deepEqual(terms(log), [
          [1, 1],
          [2, 1],
          [3, 1],
          [4, 2],
        ]);
      }
    });

    it('refuses positions that it does not have, by code', async () => {
      await log.save({ hardState: state(1, 1n, 3), entries: entries(1, 5, 1) });
      assert.throws(() => log.term(6), refusedWith('ERR_RAFT_UNAVAILABLE'));
      assert.throws(() => log.entries(5, 7, Number.POSITIVE_INFINITY), refusedWith('ERR_RAFT_UNAVAILABLE'));
      await log.createSnapshot(3, voters, undefined);
      log.compact(3);
      assert.throws(() => log.term(2), refusedWith('ERR_RAFT_COMPACTED'));
      assert.throws(() => log.entries(3, 5, Number.POSITIVE_INFINITY), refusedWith('ERR_RAFT_COMPACTED'));
      assert.throws(() => log.compact(3), refusedWith('ERR_RAFT_COMPACTED'));
      assert.equal(log.term(3), 1);
      assert.equal(log.firstIndex(), 4);
    });

    it('refuses a gap, and stays as it was', async () => {
      await log.save({ hardState: state(1, 1n, 0), entries: entries(1, 3, 1) });
      await assert.rejects(async () => log.save({ entries: [entry(5, 1)] }));
      assert.equal(log.lastIndex(), 3);
      await log.save({ entries: [entry(4, 1)] });
      await reopen();
      assert.equal(log.lastIndex(), 4);
    });

    it('keeps a snapshot, its membership and what follows it', async () => {
      await log.save({ hardState: state(1, 1n, 4), entries: entries(1, 6, 1) });
      const made = await log.createSnapshot(4, voters, new Uint8Array([1, 2, 3]));
      assert.deepEqual(made.metadata, { confState: voters, index: 4, term: 1 });
      log.compact(2);
      assert.equal(log.firstIndex(), 3);
      await reopen();
      assert.deepEqual(log.snapshot(), made);
      assert.deepEqual(log.initialState().confState, voters);
      assert.ok(log.firstIndex() <= 5);
      assert.equal(log.term(4), 1);
      assert.equal(log.lastIndex(), 6);
    });

    it('refuses a snapshot that is not newer', async () => {
      await log.save({ hardState: state(1, 1n, 5), entries: entries(1, 6, 1) });
      await log.createSnapshot(4, voters, undefined);
      await assert.rejects(log.createSnapshot(4, voters, undefined), refusedWith('ERR_RAFT_SNAP_OUT_OF_DATE'));
      await assert.rejects(log.createSnapshot(7, voters, undefined), refusedWith('ERR_RAFT_UNAVAILABLE'));
    });

    it("is replaced by a leader's snapshot, which does not bring the old end back", async () => {
      await log.save({ hardState: state(1, 1n, 2), entries: entries(1, 20, 1) });
      const saved = log.save({ hardState: state(3, 0n, 10), entries: [entry(11, 3)], snapshot: snapshotAt(10, 2) });
      assert.equal(log.firstIndex(), 11);
      await saved;
      for (const again of [false, true]) {
        if (again) await reopen();
        assert.deepEqual(terms(log), [[11, 3]]);
        assert.equal(log.term(10), 2);
        assert.deepEqual(log.snapshot(), snapshotAt(10, 2));
        assert.deepEqual(log.initialState(), { hardState: state(3, 0n, 10), confState: voters });
      }
    });

    it("is replaced by a leader's snapshot alone, too", async () => {
      await log.save({ hardState: state(1, 1n, 2), entries: entries(1, 20, 1) });
      await log.save({ hardState: state(3, 0n, 10), snapshot: snapshotAt(10, 2) });
      for (const again of [false, true]) {
        if (again) await reopen();
        assert.deepEqual([log.firstIndex(), log.lastIndex(), log.term(10)], [11, 10, 2]);
      }
    });

    it('keeps the order of calls that do not wait for each other', async () => {
      await Promise.all([
        log.save({ hardState: state(1, 1n, 0), entries: entries(1, 3, 1) }),
        log.save({ hardState: state(2, 0n, 1), entries: [entry(2, 2)] }),
        log.save({ hardState: state(2, 0n, 30), entries: [], snapshot: snapshotAt(30, 2) }),
        log.save({ hardState: state(2, 0n, 30), entries: entries(31, 33, 2) }),
        log.save({ hardState: state(3, 2n, 31), entries: [entry(33, 3)] }),
      ]);
      await reopen();
      assert.deepEqual(terms(log), [
        [31, 2],
        [32, 2],
        [33, 3],
      ]);
      assert.deepEqual(log.initialState().hardState, state(3, 2n, 31));
    });

    it('opens any number of times to the same', async () => {
      for (let index = 1; index <= 300; index++) {
        await log.save({ hardState: state(1, 1n, index - 1), entries: [entry(index, 1, 200)] });
        if (index % 100 === 0) await log.createSnapshot(index - 10, voters, new Uint8Array([index]));
      }
      await reopen();
      const before = { terms: terms(log), state: log.initialState(), snapshot: log.snapshot() };
      for (let i = 0; i < 3; i++) {
        await reopen();
        assert.deepEqual({ terms: terms(log), state: log.initialState(), snapshot: log.snapshot() }, before);
      }
      assert.equal(log.lastIndex(), 300);
    });

    if (kill === undefined) return;

    it('holds after a kill what was acknowledged with entries, term or vote', async () => {
      await log.save({ hardState: state(1, 1n, 0), entries: entries(1, 3, 1) });
      await log.save({ hardState: state(4, 2n, 0) });
      await log.save({ hardState: state(4, 2n, 3) });
      await kill(log);
      log = await open(dir);
      const { hardState } = log.initialState();
      assert.deepEqual([hardState?.term, hardState?.vote], [4, 2n]);
      assert.equal(log.lastIndex(), 3);
    });
  });
}
