/** For this project's own tests and packages; may change with any release. */

export { numbered, numberOf } from './base/bytes.js';
export { RunHash } from './base/hash.js';
export { EventQueue } from './base/queue.js';
export { Stream } from './base/random.js';
export { runAll, type Work } from './cli/pool.js';
export { makeSnapshot, propose, proposeChange, read } from './cluster/acts.js';
export type { Event } from './cluster/event.js';
export { Network } from './cluster/network.js';
export { type Recorder, World } from './cluster/world.js';
export { judgeByIndex } from './judge/index-judge.js';
export { judge } from './judge/judge.js';
export { ABSENT, describeOperation, type Operation } from './judge/operation.js';
export { byKey, type Judgement, judgeBySearch, type Verdict } from './judge/search-judge.js';
export { Disk } from './member/disk.js';
export { Image, type Write } from './member/image.js';
export { Member } from './member/member.js';
export { FAIR } from './plan/schedule.js';
export * as rules from './rules/index.js';
export { Liveness } from './run/liveness.js';
export { shrink } from './run/shrink.js';
export { LogRules } from './stack/log-rules.js';
export { Registers, registers } from './stack/registers.js';
export { drawStackCase } from './stack/run.js';
export { StateRules } from './stack/state-rules.js';
export { Tasks } from './stack/tasks.js';
export { StackTime } from './stack/time.js';
export { WatchedLog } from './stack/watched-log.js';
