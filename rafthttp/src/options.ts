import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import type { TransportReceiver } from '@raft-ts/raft/transport';
import type { TransportTimings } from './base/limits.js';
import type { TransportLogger } from './base/logger.js';
import type { Removal } from './member/standing.js';
import type { SnapshotProgress, SnapshotStore } from './snapshot/store.js';
import type { TransportMetrics } from './stats/metrics.js';
import type { TlsOptions } from './tls/options.js';

/** Options of `HttpTransport`. */
export interface HttpTransportOptions {
  /** This member. */
  readonly id: NodeId;
  /** Only members with the same cluster id talk to each other. 0 to 2^64 - 1. */
  readonly clusterId: bigint;
  /** The member itself: gets every message that arrives, and the reports about those that were sent. */
  readonly receiver: TransportReceiver;
  /** Where other members reach this one. Sent to them, so that members that do not know it yet can answer. */
  readonly urls?: readonly string[];
  /**
   * Identifies this log among those under the same id: visible ASCII, 1 to 128 characters. A member whose log survives
   * a restart passes the same value each time; `false` sends none and disables the check. Default: random.
   */
  readonly incarnation?: string | false;
  /**
   * Did this member begin with an empty log when its process started? Then one peer that has never let it in is enough
   * for `onRemoved`, except for `twin` and `founders`; otherwise it takes a majority of the other members, and a peer
   * that has met a different log only causes a warning. Default: true if `incarnation` is not given, because the log
   * then ends with the process.
   */
  readonly newLog?: boolean;
  /**
   * The founders of this member's cluster, at most 64: the members of its first start, whoever has joined or left
   * since. Members with other founders belong to a different cluster, and both sides refuse each other; a receiver that
   * has `reportFounders` is told instead of `onRemoved`. Default: those of the receiver. If it names none either, the
   * check is skipped, for example in a joining member that has not learned them yet.
   */
  readonly founders?: readonly NodeId[];
  /**
   * The level of features that this member understands, 1 to 999,999,999, shown to the others in a header: see
   * `featuresOf` and `requireFeatures`. Default: none is shown.
   */
  readonly features?: number;
  /**
   * What this member tells the others in a header, such as where it answers clients: see `announcementOf`. 1 to 512
   * characters of visible ASCII. Default: nothing.
   */
  readonly announcement?: string;
  /** Default: silent. */
  readonly logger?: TransportLogger;
  /** Called once for each reason for which the other members refuse this one for good: it must stop. */
  readonly onRemoved?: (removal: Removal) => void;
  /**
   * Where the bodies of streamed snapshots are stored. Without it, a member that streams one is answered 501. If it has
   * `part` and `resume`, a transfer that broke off goes on where it stopped.
   */
  readonly snapshots?: SnapshotStore;
  /** Longest body of a streamed snapshot, in bytes. Default 8 GiB. Also bounded by the free space. */
  readonly maxSnapshotBytes?: number;
  /**
   * Most bytes per second of streamed snapshots, of all that this member sends together: at least 65,536. Slower than 1
   * MiB/s, one may lose its place at the receiver to another sender's. Default: as fast as the receiver takes them.
   */
  readonly maxSnapshotBytesPerSecond?: number;
  /**
   * Most connections that the servers of `serve` accept at the same time, at least 16. Default 4096. When all are in
   * use, a new one replaces the one whose latest request is the oldest, except for streams and snapshots. On Linux the
   * limit of open files bounds the number too: 256 files, or half of fewer than 512, are reserved for the log and for
   * connections to peers. Elsewhere node does not tell the limit: pass a number that leaves as many.
   */
  readonly maxConnections?: number;
  /**
   * How long the event loop polls for more after each piece of a stream, instead of letting the thread sleep, in
   * milliseconds: 0 to 10. Default 0. If each member has a core of its own, about 0.2 more than halves the round trip
   * of a message, and occupies that core while messages flow. Shared cores are taken from others.
   */
  readonly busyPollMs?: number;
  /** Called with the progress of streamed snapshots in both directions, every few MiB and at the end. */
  readonly onSnapshotProgress?: (progress: SnapshotProgress) => void;
  /** Certificates, for peers at `https` URLs and for `serve`. */
  readonly tls?: TlsOptions;
  /**
   * Looks up the addresses of a peer's name, instead of the system's name service; called like `dns.lookup`. If it does
   * not answer, each dial of that name is delayed by up to five seconds.
   */
  readonly lookup?: LookupFunction;
  /** Counts what the transport does: see `prometheusMetrics`. What it throws is logged. */
  readonly metrics?: TransportMetrics;
  /** The member's name in `serverStats`. Default: its id. */
  readonly name?: string;
  /** Replaces some of etcd's timings. */
  readonly timings?: Partial<TransportTimings>;
}
