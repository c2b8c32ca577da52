import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { NodeId } from '@raft-ts/proto';
import { POOLED_IDLE_MS } from '../base/limits.js';
import type { Tls } from '../tls/tls.js';
import { Backoff } from './backoff.js';
import { StreamAgent } from './stream-agent.js';

/** Agents that open connections of one kind to one member. */
export interface LinkAgents {
  readonly http: HttpAgent;
  /** Undefined if the transport has no certificates: then no `https` URL is accepted. */
  readonly https: HttpsAgent | undefined;
}

/** What the connections to all members share. */
export interface LinkOptions {
  readonly tls: Tls | undefined;
  /** Looks up the addresses of a name. */
  readonly lookup: LookupFunction;
}

/** The connections to one member. Each new one looks up the name again, so that a member may change its address. */
export class PeerLinks {
  readonly id: NodeId;
  /** Did the application configure the addresses? Otherwise they were learned from requests. */
  readonly configured: boolean;
  /** The process that last answered at an address configured for the member; undefined until one has. */
  run: string | undefined;
  /** The features that it showed; undefined until that is known, and again after a failure. */
  features: number | undefined;
  /** What the member that last answered at an address configured for it announced. */
  announcement: string | undefined;
  /** Did the member that last answered say that it can go on with a snapshot that broke off? */
  keepsParts = false;
  /** When requests to the member have been in vain: how long there are none. */
  readonly backoff: Backoff = new Backoff();
  /** Connections for POSTs, kept for the next one. */
  readonly pipeline: LinkAgents;
  /** Connections for streams, used only once. */
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
