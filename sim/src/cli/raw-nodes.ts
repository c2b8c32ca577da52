import { Coverage } from '../coverage/coverage.js';
import { withoutHost } from '../node/trap.js';
import { FAULTS, type Fault } from '../plan/schedule.js';
import { Recording } from '../report/recording.js';
import { minimize } from '../run/minimize.js';
import { type Case, drawCase, runCase } from '../run/run.js';
import { scriptOf } from '../script/script.js';
import type { Layer } from './layer.js';

/** Layer 1. */
export const rawNodes: Layer<Case> = {
  faults: FAULTS,
  safetyMs: 30_000,
  draw: (seed, options) => drawCase(seed, { ...options, faults: options.faults as readonly Fault[] | undefined }),
  run: (of) => withoutHost(() => runCase(of)),
  cover: (of) => {
    const coverage = new Coverage();
    const outcome = withoutHost(() => runCase(of, coverage));
    return { outcome, covered: { marks: coverage.marks, cells: coverage.cells } };
  },
  record: (of) => {
    const lanes = new Recording();
    const outcome = withoutHost(() => runCase(of, lanes));
    lanes.finish();
    return Promise.resolve({ outcome, lanes });
  },
  script: (of) => withoutHost(() => scriptOf(of)),
  shorten: (of, finding) => withoutHost(() => minimize(of, finding)),
};
