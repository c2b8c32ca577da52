import { seededRandom } from '@raft-ts/raft/internal';
import { SECTOR_SIZE } from '@raft-ts/raftwal/internal';
import { type DirectoryImage, Disk, KEPT, LOST, PowerCut, SimFs } from '@raft-ts/sim/disk';
import { expect } from 'chai';
import { Explorer, Loss } from './explorer.js';
import type { LogUnderTest } from './log-under-test.js';
import type { FaultAt } from './machine.js';
import {
  failedSyncRetried,
  noDataSync,
  noDirectorySync,
  segmentFreedEarly,
  stateNotRepeated,
  tailNotZeroed,
  truncateWithoutSync,
} from './planted-bugs.js';
import { raftLog, raftLogWith } from './raft-log.js';
import { DIRECTORY, type Recording, recordScenario, type ScenarioOptions, Violation } from './scenario.js';

const OPERATIONS = 60;

/**
 * Records scenarios with a bug and explores some steps of each, until a promise is broken; answers how, or undefined.
 */
async function findLoss(
  log: LogUnderTest,
  options: Partial<ScenarioOptions> = {},
  visits: (recording: Recording, step: number) => boolean = (_, step) => step % 10 === 0,
): Promise<string | undefined> {
  for (let seed = 1; seed <= 4; seed++) {
    try {
      const recording = await recordScenario({ log, seed, operations: OPERATIONS, ...options });
      const explorer = new Explorer({ log, seed, samples: 1 });
      await explorer.explore(
        recording,
        (step) => visits(recording, step),
        () => explorer.images > 3000,
      );
    } catch (error) {
      if (error instanceof Loss || error instanceof Violation) return error.message;
      throw error;
    }
  }
  return undefined;
}

/** Fails one sync so that Linux forgets what it should have written. */
function failSync(): FaultAt {
  let count = 0;
  return (call) => (call.op === 'datasync' && ++count === 12 ? { code: 'EIO', drops: true } : undefined);
}

/** The steps at the sync that failed and those that follow. */
function atTheFailure({ steps }: Recording, step: number): boolean {
  const failure = steps.findIndex(({ effect }) => effect?.kind === 'syncEnd' && effect.outcome === 'dropped');
  return failure >= 0 && step >= failure && step < failure + 12;
}

const entry = (index: number, length: number): { type: undefined; term: number; index: number; data: Uint8Array } => ({
  type: undefined,
  term: 1,
  index,
  data: new Uint8Array(length).fill(index + 40),
});

/** Returns the payload length of the first entry with which its record ends at a sector boundary. */
async function lengthToSectorEnd(): Promise<number> {
  for (let length = 200; ; length++) {
    let end = 0;
    const disk = new Disk(new Map([['data', new Map()]]));
    const fs = new SimFs(disk, {
      onEffect: (effect) => {
        if (effect.kind === 'write' && effect.position > 0) end = effect.position + effect.bytes.length;
      },
    });
    const { log } = await raftLog.start(fs, DIRECTORY);
    await log.save(undefined, [entry(1, length)]);
    await log.close();
    if (end % SECTOR_SIZE === 0) return length;
  }
}

/**
 * A write of three entries is torn: the sector of the first is lost, those of the others are not. The member starts
 * again, the leader sends the first entry again, and it is acknowledged. What was left of the others now stands right
 * behind it, and its checksums fit: after another power cut the log may answer entries that it did not have when it was
 * started. Answers that log.
 */
async function findOldTail(log: LogUnderTest): Promise<string | undefined> {
  const first = entry(1, await lengthToSectorEnd());
  const disk = new Disk(new Map([['data', new Map()]]));
  const torn: DirectoryImage[] = [];
  const fs = new SimFs(disk, {
    onEffect: (effect) => {
      if (effect.kind !== 'write' || effect.position === 0 || effect.bytes.length < 1000) return;
      const cut = new PowerCut(disk, seededRandom(1));
      const { names, sizes } = cut.counts;
      torn.push(cut.image(cut.all(KEPT).with(names + sizes, LOST)));
    },
  });
  const { log: before } = await log.start(fs, DIRECTORY);
  await before.save(undefined, [first, entry(2, 700), entry(3, 10)]);
  expect(torn).to.have.length(1);
  const restarted = new SimFs(new Disk(torn[0]));
  const { log: after, state } = await log.start(restarted, DIRECTORY);
  expect(state.entries).to.deep.equal([]);
  await after.save(undefined, [first]);
  const cut = new PowerCut(restarted.disk, seededRandom(1));
  for (const choice of cut.choices(seededRandom(2), 0)) {
    const found = await raftLog.start(new SimFs(new Disk(cut.image(choice))), DIRECTORY);
    if (found.state.entries.length !== 1) return `${cut.describe(choice)}: ${found.state.entries.join(' ')}`;
  }
  return undefined;
}

describe('planted bugs in the log', () => {
  it('nothing is found if none is planted', async () => {
    expect(await findLoss(raftLog)).to.equal(undefined);
    expect(await findLoss(raftLog, { fault: failSync }, atTheFailure)).to.equal(undefined);
    expect(await findOldTail(raftLog)).to.equal(undefined);
  });

  it('nothing is found if a process starts again after a failed sync, and reads what no disk holds', async () => {
    const options = { fault: failSync, restartAfterFailure: true };
    expect(await findLoss(raftLog, options, atTheFailure)).to.equal(undefined);
  });

  it('no data sync', async () => {
    expect(await findLoss(noDataSync(raftLog))).to.be.a('string');
  });

  it('no directory sync', async () => {
    expect(await findLoss(noDirectorySync(raftLog))).to.be.a('string');
  });

  it('sent before it is synced', async () => {
    expect(await findLoss(raftLog, { acknowledgeEarly: true })).to.be.a('string');
  });

  it('truncated without a sync', async () => {
    expect(await findOldTail(truncateWithoutSync(raftLog))).to.be.a('string');
  });

  it('tail not zeroed', async () => {
    expect(await findOldTail(tailNotZeroed(raftLog))).to.be.a('string');
  });

  it('failed sync tried again', async () => {
    expect(await findLoss(failedSyncRetried(raftLog), { fault: failSync }, atTheFailure)).to.be.a('string');
  });

  it('segment freed early', async () => {
    expect(await findLoss(segmentFreedEarly(raftLog))).to.be.a('string');
  });

  it('State not repeated at the head of a file', async () => {
    expect(await findLoss(raftLogWith(stateNotRepeated))).to.be.a('string');
  });
});
