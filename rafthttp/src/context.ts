import type { Agent } from 'node:http';
import type { NodeId } from '@raft-ts/proto';
import type { Gateway } from './gateway.js';
import type { Incarnations } from './incarnations.js';
import type { TransportTimings } from './limits.js';
import type { Removal, TransportLogger } from './options.js';
import type { Warnings } from './warnings.js';

/** What all parts of one transport share. */
export interface TransportContext {
  readonly id: NodeId;
  readonly clusterId: bigint;
  /** Headers of every request, without those that depend on the peer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly gateway: Gateway;
  readonly incarnations: Incarnations;
  readonly logger: TransportLogger;
  /** For what a peer does wrong again and again. */
  readonly warnings: Warnings;
  readonly timings: TransportTimings;
  readonly onRemoved: (removal: Removal) => void;
  /** Connections of the POSTs; kept for the next one. */
  readonly pipelineAgent: Agent;
  /** Connections of the streams; each is used once. */
  readonly streamAgent: Agent;
}
