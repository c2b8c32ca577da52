/** Every rule by itself. */
export { confStateKey } from '../base/records.js';
export * from './commits.js';
export * from './elections.js';
export { History } from './history.js';
export * from './leading.js';
export * from './log.js';
export * from './membership.js';
export { configurationAfter } from './membership-model.js';
export * from './messages.js';
export * from './persistence.js';
export * from './positions.js';
export * from './progress.js';
export * from './reads.js';
export * from './receiving.js';
export * from './snapshots.js';
