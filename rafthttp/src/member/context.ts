import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import type { BusyPoll } from '../base/busy-poll.js';
import type { TransportTimings } from '../base/limits.js';
import type { TransportLogger } from '../base/logger.js';
import type { Warnings } from '../base/warnings.js';
import type { SnapshotProgress } from '../snapshot/store.js';
import type { LeaderStats } from '../stats/leader-stats.js';
import type { TransportMetrics } from '../stats/metrics.js';
import type { ServerStats } from '../stats/server-stats.js';
import type { Tls } from '../tls/tls.js';
import type { Gateway } from './gateway.js';
import type { Incarnations } from './incarnations.js';
import type { Standing } from './standing.js';

/** What the parts of one transport share. Each takes a `Pick` of it: what it names there is all that it can touch. */
export interface TransportContext {
  readonly id: NodeId;
  readonly clusterId: bigint;
  /** Headers of every request, without those that depend on the peer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Those of them that only our members send; on every answer too. */
  readonly ownHeaders: Readonly<Record<string, string>>;
  readonly gateway: Gateway;
  readonly incarnations: Incarnations;
  readonly logger: TransportLogger;
  /** For what a peer does wrong again and again. */
  readonly warnings: Warnings;
  readonly busyPoll: BusyPoll;
  readonly timings: TransportTimings;
  /** Finds the addresses of a peer's name. */
  readonly lookup: LookupFunction;
  /** What the peers say of this member. */
  readonly standing: Standing;
  readonly onSnapshotProgress: (progress: SnapshotProgress) => void;
  /** Undefined where the transport speaks plain HTTP only. */
  readonly tls: Tls | undefined;
  readonly serverStats: ServerStats;
  readonly leaderStats: LeaderStats;
  /** Undefined where nobody wants any. */
  readonly metrics: TransportMetrics | undefined;
}
