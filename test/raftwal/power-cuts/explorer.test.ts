import { expect } from 'chai';
import { Explorer, Loss } from './explorer.js';
import { History } from './history.js';
import type { LogUnderTest } from './log-under-test.js';
import { type FaultAt, Machine } from './machine.js';
import { failedSyncRetried, noDataSync, noDirectorySync } from './planted-bugs.js';
import { recordScenario, type ScenarioOptions, Violation } from './scenario.js';
import { toyLog } from './toy-log.js';

/** Runs and explores scenarios until a promise is broken; answers how, or undefined. */
async function findLoss(
  log: LogUnderTest,
  options: Partial<ScenarioOptions> = {},
  seeds = 12,
): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      const recording = await recordScenario({ log, seed, operations: 40, ...options });
      await new Explorer({ log, seed, samples: 2 }).explore(
        recording,
        () => true,
        () => false,
      );
    } catch (error) {
      if (error instanceof Loss || error instanceof Violation) return error.message;
      throw error;
    }
  }
  return undefined;
}

/** Fails one sync of a file so that Linux forgets what it should have written. */
function failSync(nth: number): () => FaultAt {
  return () => {
    let count = 0;
    return (call) => (call.op === 'datasync' && ++count === nth ? { code: 'EIO', drops: true } : undefined);
  };
}

describe('the explorer of power cuts, on a toy log', () => {
  it('finds nothing if nothing is wrong', async () => {
    expect(await findLoss(toyLog)).to.equal(undefined);
    expect(await findLoss(toyLog, { fault: failSync(20) }, 3)).to.equal(undefined);
  });

  it('counts images, distinct ones and outcomes, the same for the same seed', async () => {
    const run = async (): Promise<unknown> => {
      const recording = await recordScenario({ log: toyLog, seed: 5, operations: 30 });
      const explorer = new Explorer({ log: toyLog, seed: 5, samples: 2 });
      await explorer.explore(
        recording,
        () => true,
        () => false,
      );
      const { counts } = explorer;
      expect(counts.scenarioImages).to.be.above(200);
      expect(counts.recoveryImages).to.be.above(200);
      expect(counts.distinctImages).to.be.within(100, explorer.images);
      expect(counts.distinctOutcomes).to.be.within(20, counts.distinctImages);
      return [recording.steps.map((step) => step.effect), counts];
    };
    expect(await run()).to.deep.equal(await run());
  });

  it('finds a log that does not sync its data', async () => {
    expect(await findLoss(noDataSync(toyLog))).to.be.a('string');
  });

  it('finds a log that does not sync its directory', async () => {
    expect(await findLoss(noDirectorySync(toyLog))).to.be.a('string');
  });

  it('finds a driver that sends before the sync', async () => {
    expect(await findLoss(toyLog, { acknowledgeEarly: true })).to.be.a('string');
  });

  it('finds a failed sync that is tried again', async () => {
    expect(await findLoss(failedSyncRetried(toyLog), { fault: failSync(20) })).to.be.a('string');
  });

  it('knows of a short write, whose sector stays half written after a power cut, until the log is open', async () => {
    const machine = new Machine(
      () => 0,
      ({ op }) => (op === 'write' ? { short: 10 } : undefined),
    );
    const file = await machine.fs.open('/data/log', { write: true, create: true, writeThrough: true });
    await file.write(new Uint8Array(20).fill(1), 0);
    expect(machine.steps.at(-1)?.torn).to.equal(true);
    machine.restart(true);
    expect(machine.steps.at(-1)?.torn).to.equal(true);
    machine.opened(History.empty(), 0);
    expect(machine.steps.at(-1)?.torn).to.equal(false);
  });
});
