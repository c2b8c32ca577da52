/** What one member does for its clients at most. */
export interface FaceLimits {
  /** Connections; those beyond it are closed at once. */
  readonly maxConnections: number;
  /** Requests of one connection that wait for their answers; those beyond it are answered with 503. */
  readonly maxPipelined: number;
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
  /** Snapshots that are being read. */
  readonly maxSnapshots: number;
}

export const defaultLimits: FaceLimits = {
  maxConnections: 4096,
  maxPipelined: 64,
  maxUrl: 16 * 1024,
  maxHeader: 32 * 1024,
  headersMs: 10_000,
  requestMs: 60_000,
  idleMs: 60_000,
  checkMs: 5_000,
  maxWatchers: 1000,
  heartbeatMs: 15_000,
  maxSnapshots: 2,
};
