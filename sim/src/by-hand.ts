/**
 * For programs that look at a cluster event by event, and meddle with it between two events; in a browser too. It may
 * change with any release.
 */
export { numbered, numberOf } from './base/bytes.js';
export { EventQueue } from './base/queue.js';
export { Stream } from './base/random.js';
export { hostTurn } from './base/turn.js';
export { makeSnapshot, propose, read } from './cluster/acts.js';
export type { Event } from './cluster/event.js';
export { Network } from './cluster/network.js';
export { leaveJoint } from './cluster/operator.js';
export { type Recorder, World } from './cluster/world.js';
export { Member } from './member/member.js';
export { FAIR } from './plan/schedule.js';
export { drawSettings } from './plan/settings.js';
export { type StackSettings } from './plan/stack-settings.js';
export { type Medium, type MediumHost } from './stack/medium.js';
export { Records } from './stack/memory.js';
export { Gone } from './stack/process.js';
export { type Station, type WireWatcher } from './stack/wire.js';
export { StackWorld } from './stack/world.js';
