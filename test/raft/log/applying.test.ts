import type { RaftLog as Log } from '@raft-ts/raft/internal';
import { entriesSize, RaftLog } from '@raft-ts/raft/internal';
import { expect } from 'chai';
import { ents, expectPanic, id, indexesOf, recorder, snap, storedAfter } from './fixtures.js';

/** Snapshot 1/3, entry 4 stable, 5 and 6 unstable, committed up to 5. */
function partlyStable(maxApplyingEntsSize?: number): Log {
  const storage = storedAfter(snap(3, 1), ...ents(4, 1));
  const log = new RaftLog(storage, recorder(), maxApplyingEntsSize);
  log.append(ents(4, 1, 1, 1));
  log.unstable.stableTo(id(1, 4));
  expect(log.maybeCommit(5, 1)).to.equal(true);
  return log;
}

interface Row {
  applied: number;
  applying: number;
  allowUnstable: boolean;
  special?: 'paused' | 'pending snapshot';
  next: number[];
}

const rows: Row[] = [
  { applied: 3, applying: 3, allowUnstable: true, next: [4, 5] },
  { applied: 3, applying: 4, allowUnstable: true, next: [5] },
  { applied: 3, applying: 5, allowUnstable: true, next: [] },
  { applied: 4, applying: 4, allowUnstable: true, next: [5] },
  { applied: 4, applying: 5, allowUnstable: true, next: [] },
  { applied: 5, applying: 5, allowUnstable: true, next: [] },
  { applied: 3, applying: 3, allowUnstable: false, next: [4] },
  { applied: 3, applying: 4, allowUnstable: false, next: [] },
  { applied: 3, applying: 5, allowUnstable: false, next: [] },
  { applied: 4, applying: 4, allowUnstable: false, next: [] },
  { applied: 4, applying: 5, allowUnstable: false, next: [] },
  { applied: 5, applying: 5, allowUnstable: false, next: [] },
  { applied: 3, applying: 3, allowUnstable: true, special: 'paused', next: [] },
  { applied: 3, applying: 3, allowUnstable: true, special: 'pending snapshot', next: [] },
];

function logOf({ applied, applying, allowUnstable, special }: Row): Log {
  const log = partlyStable();
  log.appliedTo(applied, 0);
  log.acceptApplying(applying, 0, allowUnstable);
  log.applyingEntsPaused = special === 'paused';
  if (special === 'pending snapshot') log.restore(snap(4, 1));
  return log;
}

function nameOf({ applied, applying, allowUnstable, special }: Row): string {
  const where = `applied ${applied}, applying ${applying}, unstable ${allowUnstable ? 'too' : 'withheld'}`;
  return special === undefined ? where : `${where}, ${special}`;
}

describe('LG-007 TestHasNextCommittedEnts: committed entries wait for what is under way, paused or not stable', () => {
  for (const row of rows) {
    it(`${row.next.length > 0 ? 'has' : 'has no'} next entries: ${nameOf(row)}`, () => {
      expect(logOf(row).hasNextCommittedEnts(row.allowUnstable)).to.equal(row.next.length > 0);
    });
  }
});

describe('LG-008 TestNextCommittedEnts: every committed entry is handed out once, in order', () => {
  for (const row of rows) {
    it(`gives [${row.next}]: ${nameOf(row)}`, () => {
      expect(indexesOf(logOf(row).nextCommittedEnts(row.allowUnstable))).to.deep.equal(row.next);
    });
  }
});

describe('LG-009 TestAcceptApplying: applying pauses at its budget, and after a page that was cut', () => {
  const verdicts: [index: number, allowUnstable: boolean, paused: [at99: boolean, at100: boolean, at101: boolean]][] = [
    [3, true, [true, true, true]],
    [3, false, [true, true, true]],
    [4, true, [true, true, true]],
    [4, false, [false, true, true]],
    [5, true, [false, true, true]],
    [5, false, [false, true, true]],
  ];
  for (const [index, allowUnstable, paused] of verdicts) {
    for (const [i, size] of [99, 100, 101].entries()) {
      it(`pauses: ${paused[i]} at ${index} with ${size} bytes of 100, unstable ${allowUnstable ? 'too' : 'withheld'}`, () => {
        const log = partlyStable(100);
        log.appliedTo(3, 0);
        log.acceptApplying(index, size, allowUnstable);
        expect(log.applyingEntsPaused).to.equal(paused[i]);
        expect(log.applyingEntsSize).to.equal(size);
        expect(log.applying).to.equal(index);
      });
    }
  }

  it('panics beyond what is committed', () => {
    const log = partlyStable();
    expectPanic(() => log.acceptApplying(6, 0, true), 'applying(6) is out of range [prevApplying(3), committed(5)]');
  });
});

describe('LG-010 TestAppliedTo: what was applied frees its share of the budget', () => {
  const acknowledgements: [index: number, size: number, left: number, paused: boolean][] = [
    [4, 4, 101, true],
    [4, 5, 100, true],
    [4, 6, 99, false],
    [5, 4, 101, true],
    [5, 5, 100, true],
    [5, 6, 99, false],
    [4, 105, 0, false],
    [4, 106, 0, false],
  ];
  for (const [index, size, left, paused] of acknowledgements) {
    it(`has ${left} of 105 bytes under way after ${size} up to ${index}`, () => {
      const log = partlyStable(100);
      log.appliedTo(3, 0);
      log.acceptApplying(5, 105, false);
      log.appliedTo(index, size);
      expect(log.applied).to.equal(index);
      expect(log.applying).to.equal(5);
      expect(log.applyingEntsSize).to.equal(left);
      expect(log.applyingEntsPaused).to.equal(paused);
    });
  }

  it('takes what was applied for handed out', () => {
    const log = partlyStable();
    log.appliedTo(5, 0);
    expect(log.applying).to.equal(5);
  });

  for (const index of [2, 6]) {
    it(`panics at ${index}, outside of what was applied and committed`, () => {
      const log = partlyStable();
      const panic = expectPanic(
        () => log.appliedTo(index, 0),
        `applied(${index}) is out of range [prevApplied(3), committed(5)]`,
      );
      expect(panic.rule).to.equal('applied-in-range');
    });
  }
});

describe('raft log: pages of committed entries', () => {
  it('are cut to the budget that is left', () => {
    const one = entriesSize(ents(4, 1));
    const log = partlyStable(2 * one - 1);
    expect(indexesOf(log.nextCommittedEnts(true))).to.deep.equal([4]);
    log.acceptApplying(4, one, true);
    expect(log.hasNextCommittedEnts(true), 'the page was cut').to.equal(false);
    log.appliedTo(4, one);
    expect(indexesOf(log.nextCommittedEnts(true))).to.deep.equal([5]);
  });

  it('need a budget', () => {
    const log = partlyStable(0);
    const panic = expectPanic(() => log.nextCommittedEnts(true), 'applying entry size (0-0)=0 not positive');
    expect(panic.rule).to.equal('apply-budget');
  });
});
