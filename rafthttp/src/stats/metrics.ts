import { loadOptionalPeer } from '../base/optional-peer.js';

/** What the transport counts. Members are identified by their id in base 16; times are in seconds. */
export interface TransportMetrics {
  /** Counts a peer as one that answers. */
  peerActive(remote: string): void;
  /** Counts a peer as one that does not answer any more. */
  peerInactive(remote: string): void;
  /** Counts bytes that were sent to a peer. */
  sentBytes(to: string, bytes: number): void;
  /** Counts bytes that a peer sent. */
  receivedBytes(from: string, bytes: number): void;
  /** Counts a message to a peer that was lost. */
  sendFailed(to: string): void;
  /** Counts a message of a peer that could not be received. */
  receiveFailed(from: string): void;
  /** Counts a snapshot that is on its way to a peer. */
  snapshotSendBegan(to: string): void;
  /** Notes a snapshot that arrived at a peer, how long that took, and its bytes. */
  snapshotSent(to: string, seconds: number, bytes: number): void;
  /** Counts a snapshot that did not arrive at a peer. */
  snapshotSendFailed(to: string): void;
  /** Counts a snapshot that is arriving from a peer. */
  snapshotReceiveBegan(from: string): void;
  /** Notes a snapshot that has arrived from a peer, and how long that took. */
  snapshotReceived(from: string, seconds: number): void;
  /** Counts a snapshot of a peer that did not arrive whole. */
  snapshotReceiveFailed(from: string): void;
  /** Notes how long a probe took to a peer and back. */
  roundTrip(to: string, seconds: number): void;
  /** Ends the series of a member that is no longer a peer. */
  forget(remote: string): void;
}

type Labels = Record<string, string>;

interface Counter {
  inc(labels: Labels, value?: number): void;
  remove(labels: Labels): void;
}

interface Gauge extends Counter {
  dec(labels: Labels): void;
}

interface Histogram {
  observe(labels: Labels, value: number): void;
  remove(labels: Labels): void;
}

/** A `Registry` of prom-client. */
export interface MetricsRegistry {
  /** Adds a series to the registry. */
  registerMetric(metric: never): void;
}

interface Configuration {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly registers: readonly MetricsRegistry[];
  readonly buckets?: readonly number[];
}

/** The part of prom-client that is used. */
interface PromClient {
  readonly Counter: new (configuration: Configuration) => Counter;
  readonly Gauge: new (configuration: Configuration) => Gauge;
  readonly Histogram: new (configuration: Configuration) => Histogram;
}

/**
 * Registers etcd's series `etcd_network_…` with prom-client, for the option `metrics`. Each transport needs a registry
 * of its own.
 *
 * @param local id of the member that the transport belongs to
 * @throws RaftError `ERR_RAFT_OPTIONAL_PEER` if prom-client is not installed
 */
export function prometheusMetrics(registry: MetricsRegistry, local: bigint): TransportMetrics {
  const client = loadOptionalPeer('prom-client', 'Prometheus metrics') as PromClient;
  return new PrometheusMetrics(new Series(client, registry), local.toString(16));
}

/** Creates series in one registry. */
class Series {
  private readonly client: PromClient;
  private readonly registry: MetricsRegistry;

  constructor(client: PromClient, registry: MetricsRegistry) {
    this.client = client;
    this.registry = registry;
  }

  counter(name: string, labelNames: readonly string[], help: string): Counter {
    return new this.client.Counter(this.configuration(name, labelNames, help));
  }

  gauge(name: string, labelNames: readonly string[], help: string): Gauge {
    return new this.client.Gauge(this.configuration(name, labelNames, help));
  }

  /** @param start upper bound of the first bucket, in seconds; each further one is twice as high */
  histogram(name: string, label: string, help: string, start: number, count: number): Histogram {
    const buckets = Array.from({ length: count }, (_, i) => start * 2 ** i);
    return new this.client.Histogram({ ...this.configuration(name, [label], help), buckets });
  }

  private configuration(name: string, labelNames: readonly string[], help: string): Configuration {
    return { name: `etcd_network_${name}`, help, labelNames, registers: [this.registry] };
  }
}

const link = ['Local', 'Remote'];
const to = ['To'];
const from = ['From'];

class PrometheusMetrics implements TransportMetrics {
  private readonly local: string;
  private readonly active: Gauge;
  private readonly disconnected: Counter;
  private readonly sent: Counter;
  private readonly received: Counter;
  private readonly sendFailures: Counter;
  private readonly receiveFailures: Counter;
  private readonly snapshotsSent: Counter;
  private readonly snapshotsSending: Gauge;
  private readonly snapshotSendFailures: Counter;
  private readonly snapshotSendSeconds: Histogram;
  private readonly snapshotsReceived: Counter;
  private readonly snapshotsReceiving: Gauge;
  private readonly snapshotReceiveFailures: Counter;
  private readonly snapshotReceiveSeconds: Histogram;
  private readonly roundTrips: Histogram;

  constructor(s: Series, local: string) {
    this.local = local;
    this.active = s.gauge('active_peers', link, 'The current number of active peer connections.');
    this.disconnected = s.counter('disconnected_peers_total', link, 'The total number of disconnected peers.');
    this.sent = s.counter('peer_sent_bytes_total', to, 'The total number of bytes sent to peers.');
    this.received = s.counter('peer_received_bytes_total', from, 'The total number of bytes received from peers.');
    this.sendFailures = s.counter('peer_sent_failures_total', to, 'The total number of send failures from peers.');
    this.receiveFailures = s.counter(
      'peer_received_failures_total',
      from,
      'The total number of receive failures from peers.',
    );
    this.snapshotsSent = s.counter('snapshot_send_success', to, 'Total number of successful snapshot sends');
    this.snapshotsSending = s.gauge('snapshot_send_inflights_total', to, 'Total number of inflight snapshot sends');
    this.snapshotSendFailures = s.counter('snapshot_send_failures', to, 'Total number of snapshot send failures');
    this.snapshotSendSeconds = s.histogram(
      'snapshot_send_total_duration_seconds',
      'To',
      'Total latency distributions of v3 snapshot sends',
      0.1,
      10,
    );
    this.snapshotsReceived = s.counter(
      'snapshot_receive_success',
      from,
      'Total number of successful snapshot receives',
    );
    this.snapshotsReceiving = s.gauge(
      'snapshot_receive_inflights_total',
      from,
      'Total number of inflight snapshot receives',
    );
    this.snapshotReceiveFailures = s.counter(
      'snapshot_receive_failures',
      from,
      'Total number of snapshot receive failures',
    );
    this.snapshotReceiveSeconds = s.histogram(
      'snapshot_receive_total_duration_seconds',
      'From',
      'Total latency distributions of v3 snapshot receives',
      0.1,
      10,
    );
    this.roundTrips = s.histogram(
      'peer_round_trip_time_seconds',
      'To',
      'Round-Trip-Time histogram between peers',
      0.0001,
      16,
    );
  }

  peerActive(remote: string): void {
    this.active.inc({ Local: this.local, Remote: remote });
  }

  peerInactive(remote: string): void {
    this.active.dec({ Local: this.local, Remote: remote });
    this.disconnected.inc({ Local: this.local, Remote: remote });
  }

  sentBytes(peer: string, bytes: number): void {
    this.sent.inc({ To: peer }, bytes);
  }

  receivedBytes(peer: string, bytes: number): void {
    this.received.inc({ From: peer }, bytes);
  }

  sendFailed(peer: string): void {
    this.sendFailures.inc({ To: peer });
  }

  receiveFailed(peer: string): void {
    this.receiveFailures.inc({ From: peer });
  }

  snapshotSendBegan(peer: string): void {
    this.snapshotsSending.inc({ To: peer });
  }

  snapshotSent(peer: string, seconds: number, bytes: number): void {
    this.snapshotsSending.dec({ To: peer });
    this.snapshotsSent.inc({ To: peer });
    this.snapshotSendSeconds.observe({ To: peer }, seconds);
    this.sentBytes(peer, bytes);
  }

  snapshotSendFailed(peer: string): void {
    this.snapshotsSending.dec({ To: peer });
    this.snapshotSendFailures.inc({ To: peer });
    this.sendFailed(peer);
  }

  snapshotReceiveBegan(peer: string): void {
    this.snapshotsReceiving.inc({ From: peer });
  }

  snapshotReceived(peer: string, seconds: number): void {
    this.snapshotsReceiving.dec({ From: peer });
    this.snapshotsReceived.inc({ From: peer });
    this.snapshotReceiveSeconds.observe({ From: peer }, seconds);
  }

  snapshotReceiveFailed(peer: string): void {
    this.snapshotsReceiving.dec({ From: peer });
    this.snapshotReceiveFailures.inc({ From: peer });
    this.receiveFailed(peer);
  }

  roundTrip(peer: string, seconds: number): void {
    this.roundTrips.observe({ To: peer }, seconds);
  }

  forget(remote: string): void {
    for (const series of [this.active, this.disconnected]) series.remove({ Local: this.local, Remote: remote });
    for (const series of [
      this.sent,
      this.sendFailures,
      this.snapshotsSent,
      this.snapshotsSending,
      this.snapshotSendFailures,
      this.snapshotSendSeconds,
      this.roundTrips,
    ]) {
      series.remove({ To: remote });
    }
    for (const series of [
      this.received,
      this.receiveFailures,
      this.snapshotsReceived,
      this.snapshotsReceiving,
      this.snapshotReceiveFailures,
      this.snapshotReceiveSeconds,
    ]) {
      series.remove({ From: remote });
    }
  }
}
