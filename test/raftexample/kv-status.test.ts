import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Snapshot } from '@raft-ts/raft';
import { clocksOf, SnapshotAge } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';

const snapshotAt = (index: number): { snapshot(): Snapshot } => ({
  snapshot: () => ({
    data: undefined,
    metadata: {
      confState: { voters: [1n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false },
      index,
      term: 2,
    },
  }),
});

describe('the store: what its status tells of the age of a snapshot, and of clocks', () => {
  let data: string;

  before(() => {
    data = mkdtempSync(join(tmpdir(), 'raft-status-'));
    mkdirSync(join(data, 'snap'));
  });

  after(() => rmSync(data, { recursive: true }));

  it('a snapshot is as old as its file, until another one is taken or installed', async () => {
    const file = join(data, 'snap', '0000000000000002-0000000000000009.snap');
    writeFileSync(file, '');
    const then = Date.now() / 1000 - 3600;
    utimesSync(file, then, then);
    const age = await SnapshotAge.ofFolder(data, snapshotAt(9));
    expect(age.ms).to.be.within(3_600_000, 3_660_000);
    age.hear({ phase: 'saving' });
    age.hear({ phase: 'save-failed' });
    age.hear({ phase: 'sent' });
    expect(age.ms).to.be.at.least(3_600_000);
    age.hear({ phase: 'saved' });
    expect(age.ms).to.be.below(60_000);
  });

  it('is unknown without a snapshot, or without its file, and never negative', async () => {
    expect((await SnapshotAge.ofFolder(data, snapshotAt(0))).ms).to.equal(undefined);
    expect((await SnapshotAge.ofFolder(data, snapshotAt(10))).ms).to.equal(undefined);
    let now = 1000;
    const age = new SnapshotAge(undefined, () => now);
    age.hear({ phase: 'installed' });
    now = 3000;
    expect(age.ms).to.equal(2000);
    now = 500;
    expect(age.ms).to.equal(0);
  });

  it('clocks are told that differ by more than a second', () => {
    const differences = new Map([
      [1n, 0],
      [2n, 1000],
      [3n, 1000.6],
      [4n, -2500.4],
    ]);
    expect(clocksOf([1n, 2n, 3n, 4n, 5n], (id) => differences.get(id))).to.deep.equal({ 3: 1001, 4: -2500 });
  });
});
