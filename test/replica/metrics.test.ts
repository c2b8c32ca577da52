import { expect } from 'chai';
import { Registry } from 'prom-client';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

describe('replica: metrics', () => {
  it('are read from the replicas when a registry of prom-client is scraped', async () => {
    const registry = new Registry();
    const group = new VirtualCluster<number, number>(3, () => new Counter(), { metrics: registry });
    await group.start();
    const leader = await group.leader();
    // Every member has announced its promise, which is a proposal too.
    await group.time.advance(100);
    const { index } = await group.time.settled(leader.propose(1));
    await group.time.settled(leader.read(() => {}));
    const text = await registry.metrics();
    const series = (name: string, labels: string): string | undefined =>
      text.split('\n').find((line) => line.startsWith(`raft_replica_${name}{${labels}`));
    const own = `member="${leader.id}"`;
    expect(series('leading', own)).to.equal(`raft_replica_leading{${own}} 1`);
    expect(series('applied_index', own)).to.equal(`raft_replica_applied_index{${own}} ${index}`);
    expect(series('proposals_total', own)).to.equal(`raft_replica_proposals_total{${own},outcome="applied"} 2`);
    expect(series('reads_total', own)).to.equal(`raft_replica_reads_total{${own},outcome="served"} 1`);
    expect(text.match(/^raft_replica_term\{/gm)).to.have.length(3);
    await group.stop();
    expect((await registry.metrics()).match(/^raft_replica_term\{/gm)).to.equal(null);
  });

  it('of two clusters share a registry, told apart by a label', async () => {
    const registry = new Registry();
    const groups = ['a', 'b'].map(
      (cluster) =>
        new VirtualCluster<number, number>(1, () => new Counter(), {
          metrics: registry,
          metricLabels: { cluster },
        }),
    );
    for (const group of groups) await group.start();
    const text = await registry.metrics();
    for (const cluster of ['a', 'b']) expect(text).to.contain(`raft_replica_term{cluster="${cluster}",member="1"}`);
    for (const group of groups) await group.stop();
  });
});
