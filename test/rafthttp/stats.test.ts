import { createRequire } from 'node:module';
import { encodeMessage, MessageType, messageSize } from '@raft-ts/proto';
import { prometheusMetrics, SnapshotFolder, type TransportMetrics } from '@raft-ts/rafthttp';
import { FollowerStats, goDuration, Rate } from '@raft-ts/rafthttp/internal';
import { expect } from 'chai';
import {
  append,
  chunksOf,
  eventually,
  exchangeRaw,
  introduce,
  type Member,
  message,
  openStreams,
  post,
  quick,
  scratchFolder,
  snapshot,
  startCluster,
  startMember,
  stopAll,
} from './members.js';

/** Takes down what is counted. */
function recorded(): {
  metrics: TransportMetrics;
  calls: [string, ...unknown[]][];
  sum: (name: string, peer: string) => number;
} {
  const calls: [string, ...unknown[]][] = [];
  const metrics = new Proxy({} as TransportMetrics, {
    get:
      (_, name: string) =>
      (...all: unknown[]) =>
        void calls.push([name, ...all]),
  });
  const sum = (name: string, peer: string): number => {
    let total = 0;
    for (const [called, who, value] of calls) {
      if (called === name && who === peer) total += typeof value === 'number' ? value : 1;
    }
    return total;
  };
  return { metrics, calls, sum };
}

describe('statistics', () => {
  afterEach(stopAll);

  it('of a server, in etcd’s form', async () => {
    const [a, b] = (await startCluster(2)) as [Member, Member];
    a.transport.send([append(1n, 2n, 1), append(1n, 2n, 2), message(MessageType.MsgHeartbeat, 1n, 2n)]);
    await eventually('they arrive', () => b.receiver.processed.length === 3);
    const [ours, theirs] = [a.transport.serverStats(), b.transport.serverStats()];
    expect(Object.keys(JSON.parse(JSON.stringify(ours)) as object).slice(0, 6)).to.deep.equal([
      'name',
      'id',
      'state',
      'startTime',
      'leaderInfo',
      'recvAppendRequestCnt',
    ]);
    expect(ours).to.include({
      name: '1',
      id: '1',
      state: 'StateLeader',
      sendAppendRequestCnt: 2,
      recvAppendRequestCnt: 0,
    });
    expect(theirs).to.include({ id: '2', state: 'StateFollower', sendAppendRequestCnt: 0, recvAppendRequestCnt: 2 });
    expect(theirs.leaderInfo.leader).to.equal('1');
    expect(theirs.leaderInfo.uptime).to.match(/^[\d.hms]+$/u);
    expect(new Date(theirs.startTime).toISOString()).to.equal(theirs.startTime);
  });

  it('of a leader, in etcd’s form', async () => {
    const [a, b] = (await startCluster(2)) as [Member, Member];
    a.transport.addPeer(0xabcn, ['http://127.0.0.1:1']);
    a.transport.send([append(1n, 2n, 1), append(1n, 2n, 2), append(1n, 0xabcn, 1)]);
    await eventually('one fails', () => a.receiver.unreachable.length === 1 && b.receiver.processed.length === 2);
    const { leader, followers } = a.transport.leaderStats();
    expect(leader).to.equal('1');
    expect(Object.keys(followers)).to.deep.equal(['2', 'abc']);
    expect(followers['2']?.counts).to.deep.equal({ fail: 0, success: 2 });
    expect(followers['abc']?.counts).to.deep.equal({ fail: 1, success: 0 });
    expect(followers['abc']?.latency).to.deep.equal({
      current: 0,
      average: 0,
      standardDeviation: 0,
      minimum: 9223372036854776000,
      maximum: 0,
    });
    a.transport.removePeer(2n);
    expect(Object.keys(a.transport.leaderStats().followers)).to.deep.equal(['abc']);
  });

  it('latencies: average, deviation, extremes', () => {
    const stats = new FollowerStats();
    for (const ms of [2, 4, 4, 4, 5, 5, 7, 9]) stats.succeeded(ms);
    expect(stats.toJSON()).to.deep.equal({
      latency: { current: 9, average: 5, standardDeviation: 2, minimum: 2, maximum: 9 },
      counts: { fail: 0, success: 8 },
    });
  });

  it('rates are of the last 200, and end after a second', () => {
    const rate = new Rate();
    expect(rate.perSecond(0)).to.deep.equal({ requests: 0, bytes: 0 });
    rate.add(10, 0);
    // etcd says infinity here, which is no JSON.
    expect(rate.perSecond(0)).to.deep.equal({ requests: 0, bytes: 0 });
    for (let i = 1; i <= 400; i++) rate.add(10, i * 10);
    expect(rate.perSecond(4000).requests).to.be.closeTo(200 / 1.99, 1e-9);
    expect(rate.perSecond(4000).bytes).to.be.closeTo(2000 / 1.99, 1e-9);
    expect(rate.perSecond(5001)).to.deep.equal({ requests: 0, bytes: 0 });
    rate.add(1, 6000);
    expect(rate.perSecond(6000)).to.deep.equal({ requests: 0, bytes: 0 });
  });

  it('times are written as Go writes them', () => {
    expect([0, 5, 999, 1000, 61_500, 3_600_000, 3_723_004].map(goDuration)).to.deep.equal([
      '0s',
      '5ms',
      '999ms',
      '1s',
      '1m1.5s',
      '1h0m0s',
      '1h2m3.004s',
    ]);
  });

  it('bytes and failures are counted on every way', async () => {
    const [ofA, ofB] = [recorded(), recorded()];
    const a = await startMember(1n, {
      metrics: ofA.metrics,
      timings: { ...quick, probeIntervalMs: 20, probeErrorMs: 60 },
    });
    const b = await startMember(2n, { metrics: ofB.metrics, snapshots: new SnapshotFolder(scratchFolder()) });
    introduce(a, [b]);
    introduce(b, [a]);
    await eventually('all streams are open', () => openStreams(a) >= 2 && openStreams(b) >= 2);
    const sent = [
      append(1n, 2n, 1),
      append(1n, 2n, 2),
      message(MessageType.MsgVote, 1n, 2n, { term: 2 }),
      snapshot(1n, 2n),
    ];
    a.transport.send(sent);
    const body = Buffer.alloc(100);
    await a.transport.sendSnapshot(snapshot(1n, 2n), { size: body.length, chunks: chunksOf(body) });
    await eventually('all arrive', () => b.receiver.processed.length === 5 && a.receiver.snapshots.length === 2);
    let size = 0;
    for (const one of sent) size += messageSize(one);
    const streamed = messageSize(snapshot(1n, 2n)) + body.length;
    // Link heartbeats are counted too, and come under nobody's id.
    expect(ofA.sum('sentBytes', '2')).to.be.within(size, size + 2000);
    expect(ofA.calls.find(([name]) => name === 'snapshotSent')?.[3]).to.equal(streamed);
    expect(ofB.sum('receivedBytes', '1')).to.equal(size + streamed + 8);
    expect(ofA.calls.filter(([name]) => name === 'peerActive')).to.deep.equal([['peerActive', '2']]);
    expect(ofA.sum('snapshotSendBegan', '2')).to.equal(1);
    expect(ofB.calls.some(([name]) => name === 'snapshotReceived')).to.equal(true);
    await eventually('probed', () => ofA.sum('roundTrip', '2') > 0);
    expect((await exchangeRaw(b.listener.address.port, post(1n, Buffer.of(0xff)))).status).to.equal(400);
    expect(ofB.sum('receiveFailed', '1')).to.equal(1);
    await b.transport.stop();
    await eventually('inactive', () => ofA.sum('peerInactive', '2') === 1);
    a.transport.send([append(1n, 2n, 3)]);
    await eventually('a failure', () => ofA.sum('sendFailed', '2') > 0);
    a.transport.removePeer(2n);
    await eventually('forgotten', () => ofA.calls.some(([name]) => name === 'forget'));
  });

  it('metrics that throw end nothing, and are told of', async () => {
    const metrics = new Proxy({} as TransportMetrics, {
      get: (_, name: string) => () => {
        throw new Error(`no ${name}`);
      },
    });
    const [a, b] = (await startCluster(2, { metrics })) as [Member, Member];
    a.transport.send([append(1n, 2n, 1), snapshot(1n, 2n)]);
    await eventually('both arrive', () => b.receiver.processed.length === 2 && a.receiver.snapshots.length === 1);
    expect((await exchangeRaw(b.listener.address.port, post(1n, encodeMessage(append(1n, 2n, 2))))).status).to.equal(
      204,
    );
    a.transport.removePeer(2n);
    const told = a.receiver.log.filter((line) => line.startsWith('warn the option metrics threw'));
    expect(told.some((line) => line.includes('"call":"sentBytes","error":"no sentBytes"'))).to.equal(true);
  });

  it('Prometheus series have etcd’s names', async function series() {
    const require = createRequire(import.meta.url);
    interface Registry {
      registerMetric(metric: never): void;
      metrics(): Promise<string>;
    }
    let client: { Registry: new () => Registry };
    try {
      client = require('prom-client') as typeof client;
    } catch {
      expect(() => prometheusMetrics({ registerMetric: () => undefined }, 1n))
        .to.throw()
        .that.includes({ code: 'ERR_RAFT_OPTIONAL_PEER', reason: 'prom-client' });
      console.log('      prom-client is not installed: only its absence was tested');
      return this.skip();
    }
    const registry = new client.Registry();
    const metrics = prometheusMetrics(registry, 0xabcn);
    metrics.peerActive('2');
    metrics.peerInactive('2');
    metrics.sentBytes('2', 10);
    metrics.receivedBytes('2', 20);
    metrics.sendFailed('2');
    metrics.receiveFailed('2');
    metrics.snapshotSendBegan('2');
    metrics.snapshotSent('2', 0.25, 100);
    metrics.snapshotSendBegan('2');
    metrics.snapshotSendFailed('2');
    metrics.snapshotReceiveBegan('2');
    metrics.snapshotReceived('2', 0.5);
    metrics.snapshotReceiveBegan('2');
    metrics.snapshotReceiveFailed('2');
    metrics.roundTrip('2', 0.001);
    const text = await registry.metrics();
    for (const line of [
      'etcd_network_active_peers{Local="abc",Remote="2"} 0',
      'etcd_network_disconnected_peers_total{Local="abc",Remote="2"} 1',
      'etcd_network_peer_sent_bytes_total{To="2"} 110',
      'etcd_network_peer_received_bytes_total{From="2"} 20',
      'etcd_network_peer_sent_failures_total{To="2"} 2',
      'etcd_network_peer_received_failures_total{From="2"} 2',
      'etcd_network_snapshot_send_success{To="2"} 1',
      'etcd_network_snapshot_send_inflights_total{To="2"} 0',
      'etcd_network_snapshot_send_failures{To="2"} 1',
      'etcd_network_snapshot_send_total_duration_seconds_bucket{le="0.4",To="2"} 1',
      'etcd_network_snapshot_receive_success{From="2"} 1',
      'etcd_network_snapshot_receive_inflights_total{From="2"} 0',
      'etcd_network_snapshot_receive_failures{From="2"} 1',
      'etcd_network_snapshot_receive_total_duration_seconds_count{From="2"} 1',
      'etcd_network_peer_round_trip_time_seconds_bucket{le="0.0016",To="2"} 1',
    ]) {
      expect(text).to.include(`${line}\n`);
    }
    metrics.forget('2');
    expect(await registry.metrics()).not.to.include('="2"');
  });
});
