import type { NodeId, RawNode } from '@raft-ts/raft';
import type { Clock } from '../base/clock.js';
import type { Waited } from '../drive/patience.js';
import type { Proposals } from '../drive/proposals.js';
import type { Reads, ReadTiming } from '../drive/reads.js';
import type { Group } from '../group/group.js';
import { Contacts } from './contacts.js';
import { explain } from './explain.js';
import type { ExplainSource, Explanation, FeatureView, Question } from './explanation.js';
import { exposeMetrics, type MetricsRegistry, type Samples, Tally } from './metrics.js';
import { SlowReads } from './slow-reads.js';
import { Stalls } from './stalls.js';

export interface ObserverHost {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly tickMs: number;
  readonly raw: RawNode;
  readonly group: Group;
  /** Those of this member's cluster, if it knows them. */
  readonly founders: readonly NodeId[] | undefined;
  readonly proposals: Pick<Proposals, 'waiting' | 'waitingBytes'>;
  readonly reads: Pick<Reads, 'waiting'>;
  readonly writesUnderWay: () => number;
  readonly applied: () => number;
  readonly stuck: () => Waited | undefined;
  readonly lease: ExplainSource['lease'];
  readonly snapshotIndex: () => number;
  readonly features: () => FeatureView;
  readonly metrics: MetricsRegistry | undefined;
  readonly metricLabels: Readonly<Record<string, string>>;
}

/** What is counted and remembered of a replica, for those who watch it. */
export class Observer {
  readonly proposalsSettled: Tally = new Tally();
  readonly readsSettled: Tally = new Tally();
  readonly snapshots: Tally = new Tally();
  readonly contacts: Contacts;
  /** The first index that is known to differ from another member's. */
  divergence: ExplainSource['divergence'] = undefined;
  leaderChanges = 0;
  readonly stalls: Stalls;
  private readonly slowReads: SlowReads;
  private host: ObserverHost | undefined;
  private withdraw: (() => void) | undefined;
  private ended = false;

  constructor(clock: Clock) {
    this.contacts = new Contacts(clock);
    this.slowReads = new SlowReads(clock);
    this.stalls = new Stalls(clock);
  }

  /** Everything is there to be looked at. */
  begin(host: ObserverHost): void {
    this.host = host;
    const { metrics, metricLabels, id } = host;
    if (metrics === undefined) return;
    const labels = { ...metricLabels, member: String(id) };
    this.withdraw = exposeMetrics(metrics, { labels, samples: () => this.samples(host) });
  }

  readsServed(count: number, slowest: ReadTiming): void {
    this.readsSettled.add('served', undefined, count);
    this.slowReads.note(slowest);
  }

  explain(question: Question): Explanation {
    const { host } = this;
    if (host === undefined) return { code: 'stopped', text: 'The replica has not begun.' };
    return explain(
      {
        id: host.id,
        raw: host.raw,
        group: host.group,
        contacts: this.contacts,
        founders: host.founders,
        ended: this.ended,
        applied: host.applied(),
        stuck: host.stuck(),
        divergence: this.divergence,
        tickMs: host.tickMs,
        slowestRead: this.slowReads.slowest,
        lease: host.lease,
        features: host.features(),
      },
      question,
    );
  }

  /** The replica has ended: its series go. */
  end(): void {
    this.ended = true;
    this.withdraw?.();
  }

  private samples(host: ObserverHost): Samples {
    const { raw, proposals, reads } = host;
    const { softState, hardState } = raw.basicStatus();
    const one = (value: number): readonly { readonly value: number }[] => [{ value }];
    const lags: { readonly labels: { readonly peer: string }; readonly value: number }[] = [];
    const last = raw.raft.raftLog.lastIndex();
    if (softState.raftState === 'StateLeader') {
      raw.withProgress((id, _type, { match }) => {
        if (id !== host.id) lags.push({ labels: { peer: String(id) }, value: last - match });
      });
    }
    return {
      leading: one(softState.raftState === 'StateLeader' ? 1 : 0),
      has_leader: one(softState.lead === 0n ? 0 : 1),
      term: one(hardState.term),
      commit_index: one(hardState.commit),
      applied_index: one(host.applied()),
      last_index: one(last),
      snapshot_index: one(host.snapshotIndex()),
      follower_lag_entries: lags,
      pending_proposals: one(proposals.waiting),
      pending_proposal_bytes: one(proposals.waitingBytes),
      pending_reads: one(reads.waiting),
      writes_under_way: one(host.writesUnderWay()),
      proposals_total: this.proposalsSettled.samples,
      reads_total: this.readsSettled.samples,
      leader_changes_total: one(this.leaderChanges),
      snapshots_total: this.snapshots.samples,
      stalls_total: one(this.stalls.count),
      open_features: one(host.group.features),
      diverged_index: one(this.divergence?.index ?? 0),
    };
  }
}
