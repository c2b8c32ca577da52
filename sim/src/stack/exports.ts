/**
 * What the doors of layer 2 export alike: `../stack.ts`, which runs on the files of `@raft-ts/raftwal`, and
 * `../replica.ts`, which runs where there are none.
 */
export { RULES, type RuleName } from '../base/violation.js';
export { STACK_FAULTS, type StackFault } from '../plan/stack-schedule.js';
export type { StackSettings } from '../plan/stack-settings.js';
export type { Finding } from '../run/run.js';
export type { Call } from './call.js';
export type { Asked, Ending, Random, Subject, SubjectOptions, Workload } from './options.js';
export type { StackCase } from './run.js';
export { type Failed, type Passed, SharedSubjectError, type Simulated, type SimulateOptions } from './simulate.js';
