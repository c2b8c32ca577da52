import { seededRandom } from '@raft-ts/raft/internal';
import type { Call, Fault } from '@raft-ts/sim/disk';
import { testRandom } from '../../helpers/random.js';
import { type Counts, Explorer, Loss } from './explorer.js';
import { logOf } from './logs.js';
import type { FaultAt } from './machine.js';
import { recordScenario, type ScenarioOptions, Violation } from './scenario.js';

interface Sample {
  readonly seed: number;
  readonly operations: number;
  /** Every how many steps one is explored. */
  readonly stride: number;
  readonly images: number;
}

/** Explores part of one scenario; says how to run it again if a promise is broken. */
async function explore(
  { seed, operations, stride, images }: Sample,
  options: Partial<ScenarioOptions> = {},
): Promise<Counts> {
  const samples = 2;
  const log = logOf(seed);
  const explorer = new Explorer({ log, seed, samples });
  try {
    const recording = await recordScenario({ log, seed, operations, ...options });
    await explorer.explore(
      recording,
      (step) => step % stride === seed % stride,
      () => explorer.images >= images,
    );
  } catch (error) {
    if (!(error instanceof Loss || error instanceof Violation)) throw error;
    const step = error instanceof Loss && error.step !== undefined ? ` --step ${error.step}` : '';
    const again = `npm run power-cuts -- --seed ${seed}${step} --operations ${operations} --samples ${samples}`;
    throw new Error(options.fault === undefined ? `${error.message}\n${again}` : error.message, { cause: error });
  }
  return explorer.counts;
}

describe('power cuts', function () {
  this.timeout(240_000);

  it('lose nothing that was acknowledged: a sample of what `npm run power-cuts` looks at', async () => {
    const random = testRandom();
    for (let i = 0; i < 2; i++) {
      await explore({ seed: 2 * random(2 ** 30) + i, operations: 200, stride: 40, images: 5000 });
    }
  });

  /** The first such call after the first 60 calls fails so: those are the first start's, which is to succeed. */
  const once = (op: Call['op'], fault: Fault): (() => FaultAt) => {
    return () => {
      let calls = 0;
      let armed = true;
      return (call) => {
        if (++calls <= 60 || !armed || call.op !== op) return undefined;
        armed = false;
        return fault;
      };
    };
  };

  const faults: readonly (readonly [name: string, op: Call['op'], fault: Fault])[] = [
    ['a sync that fails and forgets', 'datasync', { code: 'EIO', drops: true }],
    ['a sync that fails and remembers', 'datasync', { code: 'EIO' }],
    ['a write that fails', 'write', { code: 'EIO' }],
    ['a write that fails half way', 'write', { code: 'EIO', written: 100 }],
    ['a full disk', 'write', { code: 'ENOSPC' }],
    ['a disk that fills up half way', 'write', { code: 'ENOSPC', written: 600 }],
    ['a full disk when a file is made', 'open', { code: 'ENOSPC' }],
    ['a read that fails', 'read', { code: 'EIO' }],
    ['a rename that fails', 'rename', { code: 'EIO' }],
    ['a removal that fails', 'unlink', { code: 'EIO' }],
    ['a truncation that fails', 'truncate', { code: 'EIO' }],
    ['a directory sync that fails', 'syncDirectory', { code: 'EIO' }],
  ];
  for (const [name, op, fault] of faults) {
    it(`lose nothing around ${name}, the process starting again after it`, async () => {
      const random = testRandom();
      const sample = { operations: 60, stride: 20, images: 1500 };
      const options = { fault: once(op, fault), restartAfterFailure: true };
      for (let i = 0; i < 2; i++) await explore({ ...sample, seed: 2 * random(2 ** 30) + i }, options);
    });
  }

  it('lose nothing if reads and writes are short', async () => {
    const random = testRandom();
    const fault = (): FaultAt => {
      const draw = seededRandom(random(2 ** 31));
      return ({ op, length = 0 }) => {
        return (op === 'read' || op === 'write') && length > 1 && draw(2) === 0
          ? { short: 1 + draw(length - 1) }
          : undefined;
      };
    };
    await explore({ seed: random(2 ** 31), operations: 60, stride: 10, images: 3000 }, { fault });
  });
});
