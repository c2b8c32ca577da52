import type { Entry, Snapshot } from '@raft-ts/raft';
import { Unstable } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { ents, expectPanic, id, recorder, snap } from './fixtures.js';

interface State {
  entries?: Entry[];
  offset: number;
  offsetInProgress?: number;
  snapshot?: Snapshot | undefined;
  snapshotInProgress?: boolean;
}

function unstable(state: State): { u: Unstable; lines: string[] } {
  const logger = recorder();
  const u = new Unstable(state.offset, logger);
  if (state.entries !== undefined && state.entries.length > 0) u.truncateAndAppend(state.entries);
  u.snapshot = state.snapshot;
  u.snapshotInProgress = state.snapshotInProgress ?? false;
  u.offsetInProgress = state.offsetInProgress ?? state.offset;
  return { u, lines: logger.lines };
}

const snap4 = snap(4, 1);

function nameOf({ entries = [], offset, snapshot }: State): string {
  const { index, term } = snapshot?.metadata ?? { index: 0, term: 0 };
  const behind = snapshot === undefined ? '' : ` after snapshot ${term}/${index}`;
  return `[${entries.map((entry) => `${entry.term}/${entry.index}`).join(' ')}] from ${offset} on${behind}`;
}

describe('UN-001 TestUnstableMaybeFirstIndex: only a snapshot decides where the log begins', () => {
  const rows: [state: State, first: number | undefined][] = [
    [{ entries: ents(5, 1), offset: 5 }, undefined],
    [{ offset: 0 }, undefined],
    [{ entries: ents(5, 1), offset: 5, snapshot: snap4 }, 5],
    [{ offset: 5, snapshot: snap4 }, 5],
  ];
  for (const [state, first] of rows) {
    it(`is ${first} for ${nameOf(state)}`, () => {
      expect(unstable(state).u.maybeFirstIndex()).to.equal(first);
    });
  }
});

describe('UN-002 TestMaybeLastIndex: the log ends with the last entry, or else with the snapshot', () => {
  const rows: [state: State, last: number | undefined][] = [
    [{ entries: ents(5, 1), offset: 5 }, 5],
    [{ entries: ents(5, 1), offset: 5, snapshot: snap4 }, 5],
    [{ offset: 5, snapshot: snap4 }, 4],
    [{ offset: 0 }, undefined],
  ];
  for (const [state, last] of rows) {
    it(`is ${last} for ${nameOf(state)}`, () => {
      expect(unstable(state).u.maybeLastIndex()).to.equal(last);
    });
  }
});

describe('UN-003 TestUnstableMaybeTerm: terms are known of the entries here and of the snapshot', () => {
  const rows: [state: State, index: number, term: number | undefined][] = [
    [{ entries: ents(5, 1), offset: 5 }, 5, 1],
    [{ entries: ents(5, 1), offset: 5 }, 6, undefined],
    [{ entries: ents(5, 1), offset: 5 }, 4, undefined],
    [{ entries: ents(5, 1), offset: 5, snapshot: snap4 }, 5, 1],
    [{ entries: ents(5, 1), offset: 5, snapshot: snap4 }, 6, undefined],
    [{ entries: ents(5, 1), offset: 5, snapshot: snap4 }, 4, 1],
    [{ entries: ents(5, 1), offset: 5, snapshot: snap4 }, 3, undefined],
    [{ offset: 5, snapshot: snap4 }, 5, undefined],
    [{ offset: 5, snapshot: snap4 }, 4, 1],
    [{ offset: 0 }, 5, undefined],
  ];
  for (const [state, index, term] of rows) {
    it(`is ${term} at ${index} for ${nameOf(state)}`, () => {
      expect(unstable(state).u.maybeTerm(index)).to.equal(term);
    });
  }
});

describe('UN-004 TestUnstableRestore: a snapshot replaces everything, also what is being written', () => {
  it('begins anew after it', () => {
    const { u } = unstable({
      entries: ents(5, 1),
      offset: 5,
      offsetInProgress: 6,
      snapshot: snap4,
      snapshotInProgress: true,
    });
    const newer = snap(6, 2);
    u.restore(newer);
    expect(u.offset).to.equal(7);
    expect(u.offsetInProgress).to.equal(7);
    expect(u.entries).to.deep.equal([]);
    expect(u.snapshot).to.deep.equal(newer);
    expect(u.snapshotInProgress).to.equal(false);
  });
});

describe('UN-005 TestUnstableNextEntries: what was handed out is not handed out again', () => {
  const rows: [offsetInProgress: number, next: Entry[]][] = [
    [5, ents(5, 1, 1)],
    [6, ents(6, 1)],
    [7, []],
  ];
  for (const [offsetInProgress, next] of rows) {
    it(`gives ${next.length} entries when those before ${offsetInProgress} are being written`, () => {
      const { u } = unstable({ entries: ents(5, 1, 1), offset: 5, offsetInProgress });
      expect(u.nextEntries()).to.deep.equal(next);
      expect(u.hasNextEntries()).to.equal(next.length > 0);
    });
  }
});

describe('UN-006 TestUnstableNextSnapshot: a snapshot is handed out once', () => {
  const rows: [snapshot: Snapshot | undefined, inProgress: boolean, next: Snapshot | undefined][] = [
    [undefined, false, undefined],
    [snap4, false, snap4],
    [snap4, true, undefined],
  ];
  for (const [snapshot, snapshotInProgress, next] of rows) {
    const state = snapshot === undefined ? 'no snapshot' : snapshotInProgress ? 'one being written' : 'a new one';
    it(`gives ${next === undefined ? 'none' : 'it'} with ${state}`, () => {
      expect(unstable({ offset: 5, snapshot, snapshotInProgress }).u.nextSnapshot()).to.deep.equal(next);
    });
  }
});

describe('UN-007 TestUnstableAcceptInProgress: everything that is unstable now is being written', () => {
  const entryRows: [entries: Entry[], before: number, after: number][] = [
    [[], 5, 5],
    [ents(5, 1), 5, 6],
    [ents(5, 1, 1), 5, 7],
    [ents(5, 1, 1), 6, 7],
    [ents(5, 1, 1), 7, 7],
  ];
  const snapshotRows: [snapshot: Snapshot | undefined, before: boolean, after: boolean][] = [
    [undefined, false, false],
    [snap4, false, true],
    [snap4, true, true],
  ];
  for (const [snapshot, snapshotBefore, snapshotAfter] of snapshotRows) {
    for (const [entries, before, after] of entryRows) {
      const state = { entries, offset: 5, offsetInProgress: before, snapshot, snapshotInProgress: snapshotBefore };
      it(`moves from ${before} to ${after}, snapshot ${snapshotBefore} to ${snapshotAfter}, for ${nameOf(state)}`, () => {
        const { u } = unstable(state);
        u.acceptInProgress();
        expect(u.offsetInProgress).to.equal(after);
        expect(u.snapshotInProgress).to.equal(snapshotAfter);
        expect(u.offset).to.equal(5);
        expect(u.entries).to.deep.equal(entries);
      });
    }
  }
});

describe('UN-008 TestUnstableStableTo: entries are dropped up to an acknowledged one that is still here', () => {
  type After = [offset: number, inProgress: number, length: number];
  const missing = (index: number) => `INFO entry at index ${index} missing from unstable log; ignoring`;
  const other = 'INFO entry at (index,term)=(6,1) mismatched with entry at (6,2) in unstable log; ignoring';
  const covered = 'INFO entry at index 4 matched unstable snapshot; ignoring';
  const rows: [state: State, term: number, index: number, after: After, line?: string][] = [
    [{ offset: 0, offsetInProgress: 0 }, 1, 5, [0, 0, 0], missing(5)],
    [{ entries: ents(5, 1), offset: 5, offsetInProgress: 6 }, 1, 5, [6, 6, 0]],
    [{ entries: ents(5, 1, 1), offset: 5, offsetInProgress: 6 }, 1, 5, [6, 6, 1]],
    [{ entries: ents(5, 1, 1), offset: 5, offsetInProgress: 7 }, 1, 5, [6, 7, 1]],
    [{ entries: ents(6, 2), offset: 6, offsetInProgress: 7 }, 1, 6, [6, 7, 1], other],
    [{ entries: ents(5, 1), offset: 5, offsetInProgress: 6 }, 1, 4, [5, 6, 1], missing(4)],
    [{ entries: ents(5, 1), offset: 5, offsetInProgress: 6 }, 2, 4, [5, 6, 1], missing(4)],
    [{ entries: ents(5, 1), offset: 5, offsetInProgress: 6, snapshot: snap4 }, 1, 5, [6, 6, 0]],
    [{ entries: ents(5, 1, 1), offset: 5, offsetInProgress: 6, snapshot: snap4 }, 1, 5, [6, 6, 1]],
    [{ entries: ents(5, 1, 1), offset: 5, offsetInProgress: 7, snapshot: snap4 }, 1, 5, [6, 7, 1]],
    [{ entries: ents(6, 2), offset: 6, offsetInProgress: 7, snapshot: snap(5, 1) }, 1, 6, [6, 7, 1], other],
    [{ entries: ents(5, 1), offset: 5, offsetInProgress: 6, snapshot: snap4 }, 1, 4, [5, 6, 1], covered],
    [{ entries: ents(5, 2), offset: 5, offsetInProgress: 6, snapshot: snap(4, 2) }, 1, 4, [5, 6, 1], covered],
  ];
  for (const [state, term, index, after, line] of rows) {
    it(`leaves ${after[2]} from ${after[0]} on after ${term}/${index}, for ${nameOf(state)}, ${state.offsetInProgress} next`, () => {
      const { u, lines } = unstable(state);
      u.stableTo(id(term, index));
      expect([u.offset, u.offsetInProgress, u.length]).to.deep.equal(after);
      expect(u.entries).to.deep.equal((state.entries ?? []).slice(-after[2] || Number.POSITIVE_INFINITY));
      expect(lines).to.deep.equal(line === undefined ? [] : [line]);
    });
  }

  it('moves what is being written along with what is stable', () => {
    const { u } = unstable({ entries: ents(5, 1, 1, 1), offset: 5, offsetInProgress: 5 });
    u.stableTo(id(1, 6));
    expect([u.offset, u.offsetInProgress, u.length]).to.deep.equal([7, 7, 1]);
  });

  it('drops entry after entry of a long tail', () => {
    const all = ents(5, ...new Array<number>(300).fill(1));
    const { u } = unstable({ entries: all, offset: 5, offsetInProgress: 305 });
    for (let index = 5; index < 304; index++) {
      u.stableTo(id(1, index));
      expect(u.length).to.equal(304 - index);
      expect(u.slice(index + 1, 305)).to.deep.equal(all.slice(index - 4));
    }
    u.stableTo(id(1, 304));
    expect(u.entries).to.deep.equal([]);
    expect(u.maybeLastIndex()).to.equal(undefined);
  });
});

describe('unstable log: a snapshot is stable', () => {
  it('when its own index is acknowledged', () => {
    const { u } = unstable({ offset: 5, snapshot: snap4, snapshotInProgress: true });
    u.stableSnapTo(3);
    expect(u.snapshot).to.deep.equal(snap4);
    expect(u.snapshotInProgress).to.equal(true);
    u.stableSnapTo(4);
    expect(u.snapshot).to.equal(undefined);
    expect(u.snapshotInProgress).to.equal(false);
    u.stableSnapTo(4);
    expect(u.snapshot).to.equal(undefined);
  });
});

describe('UN-009 TestUnstableTruncateAndAppend: what is replaced is no longer being written', () => {
  type Positions = [offset: number, inProgress: number];
  const replace = (index: number) => `INFO replace the unstable entries from index ${index}`;
  const truncate = (index: number) => `INFO truncate the unstable entries before index ${index}`;
  const rows: [before: Entry[], inProgress: number, added: Entry[], after: Positions, all: Entry[], line?: string][] = [
    [ents(5, 1), 5, ents(6, 1, 1), [5, 5], ents(5, 1, 1, 1)],
    [ents(5, 1), 6, ents(6, 1, 1), [5, 6], ents(5, 1, 1, 1)],
    [ents(5, 1), 5, ents(5, 2, 2), [5, 5], ents(5, 2, 2), replace(5)],
    [ents(5, 1), 5, ents(4, 2, 2, 2), [4, 4], ents(4, 2, 2, 2), replace(4)],
    [ents(5, 1), 6, ents(5, 2, 2), [5, 5], ents(5, 2, 2), replace(5)],
    [ents(5, 1, 1, 1), 5, ents(6, 2), [5, 5], ents(5, 1, 2), truncate(6)],
    [ents(5, 1, 1, 1), 5, ents(7, 2, 2), [5, 5], ents(5, 1, 1, 2, 2), truncate(7)],
    [ents(5, 1, 1, 1), 6, ents(6, 2), [5, 6], ents(5, 1, 2), truncate(6)],
    [ents(5, 1, 1, 1), 7, ents(6, 2), [5, 6], ents(5, 1, 2), truncate(6)],
  ];
  for (const [before, offsetInProgress, added, after, all, line] of rows) {
    const state = { entries: before, offset: 5, offsetInProgress };
    it(`is at ${after} after ${added.length} from ${added[0]?.index} on, for ${nameOf(state)}, ${offsetInProgress} next`, () => {
      const { u, lines } = unstable(state);
      u.truncateAndAppend(added);
      expect([u.offset, u.offsetInProgress]).to.deep.equal(after);
      expect(u.entries).to.deep.equal(all);
      expect(lines).to.deep.equal(line === undefined ? [] : [line]);
    });
  }

  it('panics at a gap', () => {
    const { u } = unstable({ entries: ents(5, 1), offset: 5 });
    expectPanic(() => u.truncateAndAppend(ents(7, 1)), 'unstable.slice[5,7) out of bound [5,6]');
    expect(u.entries).to.deep.equal(ents(5, 1));
  });
});

describe('unstable log: a range', () => {
  const make = () => unstable({ entries: ents(5, 1, 2, 3), offset: 5 }).u;

  it('is what lies between its ends', () => {
    expect(make().slice(5, 8)).to.deep.equal(ents(5, 1, 2, 3));
    expect(make().slice(6, 7)).to.deep.equal(ents(6, 2));
    expect(make().slice(8, 8)).to.deep.equal([]);
  });

  it('must not end before it begins', () => {
    expectPanic(() => make().slice(6, 5), 'invalid unstable.slice 6 > 5');
  });

  for (const [lo, hi] of [
    [4, 6],
    [5, 9],
  ] as const) {
    it(`panics at [${lo},${hi}), outside of what is here`, () => {
      expectPanic(() => make().slice(lo, hi), `unstable.slice[${lo},${hi}) out of bound [5,8]`);
    });
  }
});
