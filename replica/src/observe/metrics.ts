/**
 * Prometheus series of replicas. A registry of `prom-client` takes any object that can be asked for its values, so
 * nothing is imported, and nothing is counted twice: values are read from the replicas when the registry is scraped.
 * Replicas that share a registry share the series, told apart by the label `member`, and by `cluster` if they have one.
 */

/** What is used of a `Registry` of prom-client. */
export interface MetricsRegistry {
  /** Adds a series to the registry. */
  registerMetric(metric: never): void;
}

/** One value of a series. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The values of one replica, by the name of the series. */
export type Samples = Readonly<Record<SeriesName, readonly Sample[]>>;

export type SeriesName =
  | 'leading'
  | 'has_leader'
  | 'term'
  | 'commit_index'
  | 'applied_index'
  | 'last_index'
  | 'snapshot_index'
  | 'follower_lag_entries'
  | 'pending_proposals'
  | 'pending_proposal_bytes'
  | 'pending_reads'
  | 'writes_under_way'
  | 'proposals_total'
  | 'reads_total'
  | 'leader_changes_total'
  | 'snapshots_total'
  | 'stalls_total'
  | 'open_features'
  | 'diverged_index';

const series: Readonly<Record<SeriesName, readonly [type: 'gauge' | 'counter', help: string]>> = {
  leading: ['gauge', 'Is this member the leader?'],
  has_leader: ['gauge', 'Does this member know a leader?'],
  term: ['gauge', 'The term of this member.'],
  commit_index: ['gauge', 'The highest index that this member knows to be committed.'],
  applied_index: ['gauge', 'The highest index that this member has applied.'],
  last_index: ['gauge', 'The last index of the log of this member.'],
  snapshot_index: ['gauge', 'The index of the newest snapshot of this member.'],
  follower_lag_entries: ['gauge', 'How many entries a member lacks, as the leader knows.'],
  pending_proposals: ['gauge', 'Commands that wait on this member for their answers.'],
  pending_proposal_bytes: ['gauge', 'Bytes of those commands.'],
  pending_reads: ['gauge', 'Reads that wait on this member.'],
  writes_under_way: ['gauge', 'Writes of the log that are not durable yet.'],
  proposals_total: ['counter', 'Proposals of this member, its own of housekeeping included, by what came of them.'],
  reads_total: ['counter', 'Linearizable reads of this member by what came of them.'],
  leader_changes_total: ['counter', 'How often this member saw a new leader.'],
  snapshots_total: ['counter', 'Snapshots by what was done with them.'],
  stalls_total: ['counter', 'How often this member was frozen for more than a tick.'],
  open_features: ['gauge', 'The level of features that the cluster has opened.'],
  diverged_index: [
    'gauge',
    'The first index that came to something else here than on another member; 0 if none is known.',
  ],
};

/** A replica whose values are scraped. */
export interface MetricsSource {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: () => Samples;
}

class Series {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  private readonly key: SeriesName;
  private readonly sources: ReadonlySet<MetricsSource>;

  constructor(key: SeriesName, sources: ReadonlySet<MetricsSource>) {
    this.key = key;
    this.name = `raft_replica_${key}`;
    [this.type, this.help] = series[key];
    this.sources = sources;
  }

  /** What the registry asks for. */
  get(): Promise<object> {
    const values = [...this.sources].flatMap(({ labels, samples }) =>
      samples()[this.key].map((sample) => ({ value: sample.value, labels: { ...labels, ...sample.labels } })),
    );
    const { name, help, type } = this;
    return Promise.resolve({ name, help, type, values, aggregator: 'sum' });
  }

  /** Values are those of the replicas, which go on. */
  reset(): void {}
}

const known = new WeakMap<MetricsRegistry, Set<MetricsSource>>();

/** Adds a replica to the series of a registry. @returns takes it out */
export function exposeMetrics(registry: MetricsRegistry, source: MetricsSource): () => void {
  let sources = known.get(registry);
  if (sources === undefined) {
    sources = new Set();
    known.set(registry, sources);
    for (const key of Object.keys(series) as SeriesName[]) registry.registerMetric(new Series(key, sources) as never);
  }
  const mine = sources;
  mine.add(source);
  return () => mine.delete(source);
}

/** Counts by a label or two. */
export class Tally {
  private readonly counts = new Map<string, { readonly labels: Readonly<Record<string, string>>; value: number }>();

  add(outcome: string, reason?: string, times = 1): void {
    const key = reason === undefined ? outcome : `${outcome} ${reason}`;
    const count = this.counts.get(key);
    if (count !== undefined) count.value += times;
    else this.counts.set(key, { labels: reason === undefined ? { outcome } : { outcome, reason }, value: times });
  }

  get samples(): readonly Sample[] {
    return [...this.counts.values()].map(({ labels, value }) => ({ labels, value }));
  }
}
