/** Fixtures that the tests of the core share: members, stores, messages, a network without time. */
export * from './checks.js';
export * from './conf-changes.js';
export * from './entries.js';
export * from './invariants.js';
export * from './log-dump.js';
export * from './members.js';
export * from './messages.js';
export * from './network.js';
export * from './outbox.js';
export * from './random.js';
export * from './storage.js';
