import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import type { TransportReceiver } from '@raft-ts/raft/transport';
import type { TransportTimings } from './base/limits.js';
import type { TransportLogger } from './base/logger.js';
import type { Removal } from './member/standing.js';
import type { SnapshotProgress, SnapshotStore } from './snapshot/store.js';
import type { TransportMetrics } from './stats/metrics.js';
import type { TlsOptions } from './tls/options.js';

export interface HttpTransportOptions {
  /** This member. */
  readonly id: NodeId;
  /** Only members with the same cluster id talk to each other. 0 to 2^64 - 1. */
  readonly clusterId: bigint;
  /** The member's own side: gets every message that arrives, and the reports about those that were sent. */
  readonly receiver: TransportReceiver;
  /** Where other members reach this one. Sent to them, so that one that does not know it yet can answer. */
  readonly urls?: readonly string[];
  /**
   * Tells this log from another one under the same id: visible ASCII, 1 to 128 characters. A member whose log survives
   * a restart passes the same one each time, or `false`, which leaves it out: then nobody checks. Default: drawn at
   * random.
   */
  readonly incarnation?: string | false;
  /**
   * Did this member begin with an empty log when its process started? Then the word of one peer that has never let it
   * in is enough for `onRemoved`, except for `twin` (and `founders` once any peer has let it in); otherwise it takes a
   * majority of the other members, and a peer that has met another log is only warned of. Default: true if
   * `incarnation` is not given: then the log ends with the process.
   */
  readonly newLog?: boolean;
  /**
   * The members that this member's cluster was founded by, 64 at most: those of its first start, whoever joined or left
   * since. Members that say otherwise belong to another cluster, and both sides refuse each other. Not given: nobody
   * checks, for example in a member that joins and has not learned them yet.
   */
  readonly founders?: readonly NodeId[];
  /** Silent where not given. */
  readonly logger?: TransportLogger;
  /** The other members refuse this one for good, and it must stop. Called once for each reason. */
  readonly onRemoved?: (removal: Removal) => void;
  /** Where the bodies of streamed snapshots are put. Where not given, a member that streams one is answered 501. */
  readonly snapshots?: SnapshotStore;
  /** Longest body of a streamed snapshot, in bytes. Default 8 GiB. Free space bounds it too. */
  readonly maxSnapshotBytes?: number;
  /**
   * Connections that the servers of `serve` accept at the same time, at least 16. Default 4096. When all are taken, the
   * one whose latest request is oldest gives way, streams and snapshots aside. On Linux the limit of open files bounds
   * the number too: 256 of them, or half if there are fewer than 512, are kept for the log and for connections to
   * peers. Elsewhere node does not tell the limit: pass a number that leaves as many.
   */
  readonly maxConnections?: number;
  /**
   * After each piece of a stream the event loop looks for more for so long, in milliseconds, without letting the thread
   * sleep: 0 to 10. Default 0. About 0.2 more than halves the time that a message and its answer take where members
   * have a core each, and takes that core while messages flow. Where cores are shared it takes them from others.
   */
  readonly busyPollMs?: number;
  /** How far streamed snapshots have come, in both directions: every few MiB, and at the end. */
  readonly onSnapshotProgress?: (progress: SnapshotProgress) => void;
  /** Certificates, for peers at `https` URLs and for `serve`. */
  readonly tls?: TlsOptions;
  /**
   * Finds the addresses of a peer's name, in the place of the system's name service; called as `dns.lookup` is. One
   * that does not answer delays each dial of that name by up to five seconds.
   */
  readonly lookup?: LookupFunction;
  /** Counts what passes: see `prometheusMetrics`. */
  readonly metrics?: TransportMetrics;
  /** The member's name in `serverStats`; its id where not given. */
  readonly name?: string;
  /** Other times than etcd's. */
  readonly timings?: Partial<TransportTimings>;
}
