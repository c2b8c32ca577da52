import type { IncomingMessage, ServerResponse } from 'node:http';
import { Counter, Histogram, type Registry } from 'prom-client';

export interface MetricsHost {
  /** Everything that this member measures. */
  readonly registry: Registry;
  /** More of it, as text for the same page. */
  readonly moreMetrics?: () => string;
}

/** From a tenth of a millisecond to the longest time that a request may take, and beyond. */
const BUCKETS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

/** Counts what is asked of this member and how long that takes. Routes are patterns, so that clients cannot add any. */
export class RequestMetrics {
  private readonly requests: Counter<'route' | 'method' | 'status'>;
  private readonly seconds: Histogram<'route' | 'method'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'raft_store_requests_total',
      help: 'Requests of clients, by route, method and status.',
      labelNames: ['route', 'method', 'status'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'raft_store_request_duration_seconds',
      help: 'How long requests took until they were answered. Streams are not counted.',
      labelNames: ['route', 'method'],
      buckets: BUCKETS,
      registers,
    });
  }

  /** @param status 0 if the client went away before its answer. @param began by `performance.now()` */
  count(route: string, method: string, status: number, began: number, streams: boolean): void {
    this.requests.inc({ route, method, status });
    if (!streams) this.seconds.observe({ route, method }, (performance.now() - began) / 1000);
  }
}

export async function answerMetrics(
  { registry, moreMetrics }: MetricsHost,
  _request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const text = `${await registry.metrics()}${moreMetrics?.() ?? ''}`;
  response.writeHead(200, { 'Content-Type': registry.contentType, 'Content-Length': Buffer.byteLength(text) });
  response.end(text);
}
