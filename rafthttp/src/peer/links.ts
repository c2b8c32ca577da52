import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import { POOLED_IDLE_MS } from '../base/limits.js';
import type { Tls } from '../tls/tls.js';
import { StreamAgent } from './stream-agent.js';

/** Opens connections of one kind to one member. */
export interface LinkAgents {
  readonly http: HttpAgent;
  /** Undefined where the transport has no certificates: then no `https` URL is accepted. */
  readonly https: HttpsAgent | undefined;
}

/** What the connections to all members share. */
export interface LinkOptions {
  readonly tls: Tls | undefined;
  /** Finds the addresses of a name. */
  readonly lookup: LookupFunction;
}

/**
 * The connections to one member. Each is opened anew by name, so that a member whose address changes is found again.
 */
export class PeerLinks {
  readonly id: NodeId;
  /** Did the application say where the member is? Otherwise the address was learned from a request. */
  readonly configured: boolean;
  /** The process that answered last at an address that is configured for the member; undefined while none has said. */
  run: string | undefined;
  /** Connections of the POSTs; kept for the next one. */
  readonly pipeline: LinkAgents;
  /** Connections of the streams; each is used once. */
  readonly stream: LinkAgents;

  constructor(id: NodeId, { tls, lookup }: LinkOptions, configured: boolean) {
    this.id = id;
    this.configured = configured;
    const pooled = { keepAlive: true, timeout: POOLED_IDLE_MS, lookup };
    const single = { keepAlive: false, lookup };
    this.pipeline = { http: new HttpAgent(pooled), https: tls?.agent(id, pooled) };
    this.stream = { http: new StreamAgent(single), https: tls?.agent(id, single) };
  }

  close(): void {
    for (const { http, https } of [this.pipeline, this.stream]) {
      http.destroy();
      https?.destroy();
    }
  }
}
