/**
 * A whole cluster in one process, from one seed: members with simulated disks, a network that loses, repeats and
 * delays, and rules that are checked after every event.
 *
 * Reading order: a `Case` (`run/run.ts`) is drawn from a seed: how the members are built (`plan/settings.ts`), and what
 * is done to them when (`plan/schedule.ts`, actions in `plan/action.ts`). `cluster/world.ts` holds the queue of events
 * and hands each to a member; `cluster/driver.ts` does what its Readys ask for, on a disk (`member/disk.ts`) and
 * through a network (`cluster/network.ts`); `cluster/acts.ts` carries out actions, and `cluster/operator.ts` is whoever
 * changes the membership. After each step `rules/rules.ts` asks every rule, and `run/liveness.ts` asks what must happen
 * once faults end. `run/minimize.ts` shortens what broke a rule, `report/` shows it, and `script/` tells it as the
 * calls on its cores, without a world around them. `situations/` plays partitions step by step for a reader, and
 * `coverage/` counts the rare states that runs meet.
 */
export { RULES, type RuleName, Violation } from './base/violation.js';
export type { Action, ActionKind, Planned, Shape, Weather } from './plan/action.js';
export { FAULTS, type Fault } from './plan/schedule.js';
export { type Settings, TICK_MS } from './plan/settings.js';
export { Recording } from './report/recording.js';
export { renderTimeline } from './report/timeline.js';
export { type Minimal, minimize } from './run/minimize.js';
export { type Case, type CaseOptions, drawCase, type Finding, type Outcome, Run, runCase } from './run/run.js';
export { readSchedule, writeSchedule } from './run/schedule-file.js';
