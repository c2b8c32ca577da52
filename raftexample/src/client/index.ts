/**
 * `@raft-ts/raftexample/client`: a client of the store. `client.ts` is its face; `attempts.ts` decides when to ask
 * again, `endpoints.ts` whom; `watch.ts` follows changes over failures; `exchange.ts` is one request and its answer.
 */
export { StoreClient } from './client.js';
export {
  type ClientErrorCode,
  type Effect,
  HistoryGoneError,
  StoreError,
  type StoreErrorDetails,
} from './errors.js';
export { Lease, type LeaseOptions, Lock, type LockOptions } from './lease.js';
export type { Granted } from './lease-asks.js';
export type { CallOptions, ClientOptions, ClientTls } from './options.js';
export * from './types.js';
export { Watch } from './watch.js';
