/** What one member does for its clients at most. */
export interface FaceLimits {
  /** Connections; one more takes the place of that which has been without a request for longest. */
  readonly maxConnections: number;
  /** Requests of one connection that wait while it is answered another; one more cuts the connection. */
  readonly maxPipelined: number;
  /** Bytes of bodies that are being received, for all connections together; small ones are not counted. */
  readonly maxBodies: number;
  /** Bytes of answers that are being taken, for all connections together; small ones are not counted. */
  readonly maxAnswers: number;
  /** How long one may take when others wait for that memory, in milliseconds. */
  readonly patienceMs: number;
  /** Characters of a request's target. */
  readonly maxUrl: number;
  /** Bytes of the target and all headers. */
  readonly maxHeader: number;
  /** Until a request's headers have arrived, in milliseconds. */
  readonly headersMs: number;
  /** Until all of a request has arrived, in milliseconds. */
  readonly requestMs: number;
  /** Until a connection on which nothing moves is closed, in milliseconds; streams say something more often. */
  readonly idleMs: number;
  /** How often connections are looked at for these times, in milliseconds. */
  readonly checkMs: number;
  /** Watches. */
  readonly maxWatchers: number;
  /** How often a watch says that it lives, in milliseconds; one that takes nothing for twice as long is ended. */
  readonly heartbeatMs: number;
  /** Requests that wait for a lock. */
  readonly maxLockWaiters: number;
  /** Snapshots that are being read. */
  readonly maxSnapshots: number;
  /**
   * One of which fewer bytes than these are taken per second, for longer than this time, loses its place to another.
   */
  readonly slowSnapshotBytes: number;
  readonly slowSnapshotMs: number;
}

export const defaultLimits: FaceLimits = {
  maxConnections: 4096,
  maxPipelined: 64,
  maxBodies: 64 * 2 ** 20,
  maxAnswers: 64 * 2 ** 20,
  patienceMs: 1000,
  maxUrl: 16 * 1024,
  maxHeader: 32 * 1024,
  headersMs: 10_000,
  requestMs: 60_000,
  idleMs: 60_000,
  checkMs: 5_000,
  maxWatchers: 1000,
  heartbeatMs: 15_000,
  maxLockWaiters: 1000,
  maxSnapshots: 2,
  slowSnapshotBytes: 256 * 1024,
  slowSnapshotMs: 10_000,
};
