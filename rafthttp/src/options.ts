import type { NodeId } from '@raft-ts/proto';
import type { TransportReceiver } from '@raft-ts/raft/memory-transport';
import type { TransportTimings } from './limits.js';

/** What a log line carries beside its text. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Where the transport reports what happens to its links. winston's logger fits. Transitions only, never per message. */
export interface TransportLogger {
  debug(message: string, fields: LogFields): unknown;
  info(message: string, fields: LogFields): unknown;
  warn(message: string, fields: LogFields): unknown;
  error(message: string, fields: LogFields): unknown;
}

/** A peer refuses this member for good. */
export interface Removal {
  /**
   * `removed`: the member was removed from the cluster, and must stop. `incarnation`: the peer has seen another process
   * under this member's id, whose log this one does not have; it must stop too, and can only join under a new id.
   */
  readonly reason: 'removed' | 'incarnation';
  /** The peer that said so. */
  readonly by: NodeId;
}

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
   * Tells one process from another that runs under the same id: visible ASCII, 1 to 128 characters. Drawn at random
   * where not given. A member whose log survives a restart passes the same one each time, or `false`, which leaves it
   * out: then nobody checks.
   */
  readonly incarnation?: string | false;
  /** Silent where not given. */
  readonly logger?: TransportLogger;
  /** A peer refuses this member for good. May be called again, by each peer and on each attempt. */
  readonly onRemoved?: (removal: Removal) => void;
  /** Other times than etcd's. */
  readonly timings?: Partial<TransportTimings>;
}

export interface ListenOptions {
  /** A name or an IP address of this machine. */
  readonly host: string;
  /** 0 for any free one. */
  readonly port: number;
}

/** A server that the transport runs. */
export interface Listener {
  /** Where it listens; `port` is the real one where 0 was asked for. */
  readonly address: { readonly host: string; readonly port: number };
  /** `http://host:port` */
  readonly url: string;
  /** Stop to listen and cut every connection. */
  close(): Promise<void>;
}
