import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import type { BusyPoll } from '../base/busy-poll.js';
import type { TransportTimings } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';
import type { Pace } from '../base/pace.js';
import type { Warnings } from '../base/warnings.js';
import type { SnapshotProgress } from '../snapshot/store.js';
import type { LeaderStats } from '../stats/leader-stats.js';
import type { TransportMetrics } from '../stats/metrics.js';
import type { ServerStats } from '../stats/server-stats.js';
import type { Tls } from '../tls/tls.js';
import type { Features } from './features.js';
import type { Gateway } from './gateway.js';
import type { Incarnations } from './incarnations.js';
import type { Standing } from './standing.js';

/** What the parts of a transport share. Each part takes a `Pick` of it, and can touch nothing else. */
export interface TransportContext {
  readonly id: NodeId;
  readonly clusterId: bigint;
  /** The headers of every request that do not depend on the peer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The headers that only our members send, on every request and answer. */
  readonly ownHeaders: Readonly<Record<string, string>>;
  readonly features: Features;
  readonly gateway: Gateway;
  readonly incarnations: Incarnations;
  readonly logger: TransportLogger;
  /** For what a peer may do wrong repeatedly. */
  readonly warnings: Warnings;
  readonly busyPoll: BusyPoll;
  readonly timings: TransportTimings;
  /** Finds the addresses of a peer's name. */
  readonly lookup: LookupFunction;
  /** What the peers say about this member. */
  readonly standing: Standing;
  /** Of all streamed snapshots that are sent. */
  readonly pace: Pace;
  readonly onSnapshotProgress: (progress: SnapshotProgress) => void;
  /** Undefined if the transport speaks only plain HTTP. */
  readonly tls: Tls | undefined;
  readonly serverStats: ServerStats;
  readonly leaderStats: LeaderStats;
  /** Undefined if the application wants none. */
  readonly metrics: TransportMetrics | undefined;
}
