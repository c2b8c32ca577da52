/** Two real etcd servers and a voter of ours. Run by `npm run test:interop`, because building etcd takes minutes. */
import { type Entry, encodeEntry } from '@raft-ts/proto';
import { Wal } from '@raft-ts/raftwal';
import { expect } from 'chai';
import { freePeers } from '../raftexample/processes.js';
import { EtcdCluster, eventually, needsEtcd, say, served, TOKEN } from './etcd-cluster.js';
import { clusterId, type EtcdMember, firstEntries, memberId } from './etcd-ids.js';
import type { EtcdServer } from './etcd-server.js';

function ascending(ids: readonly bigint[]): bigint[] {
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

/** Kills the leading etcd, each of the two in turn, and starts it again; the other one and ours must serve. */
async function killLeaders(cluster: EtcdCluster, rounds: number): Promise<void> {
  for (const etcd of cluster.etcds) etcd.start();
  await cluster.startVoter('boot');
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const victim = cluster.etcds[round % 2] as EtcdServer;
    const survivor = cluster.other(victim);
    const leader = await cluster.leadingEtcd();
    if (leader !== victim) {
      await leader.call('maintenance/transfer-leadership', { targetID: String(victim.options.member.id) });
      await eventually(`${victim.name} leads`, async () => (await victim.leader()) === victim.options.member.id);
    }
    await victim.put('before', String(round));
    await victim.kill();
    took.push(await served(survivor, 'after', String(round)));
    expect(await survivor.get('before')).to.equal(String(round));
    victim.start();
    await served(victim, 'back', String(round));
  }
  say(`put and linearizable read on the other etcd after ${took.join(', ')} ms`);
  expect(took).to.have.length(rounds);
}

/** Starts ours when the etcds have dropped the beginning of their logs. */
async function startLate(cluster: EtcdCluster): Promise<void> {
  for (const etcd of cluster.etcds) etcd.start();
  const leader = await cluster.leadingEtcd();
  await served(leader, 'key', 'value');
  const value = 'v'.repeat(100);
  for (let i = 0; i < 1500; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, k) => leader.put(`key ${i + k}`, value)));
  }
  const voter = await cluster.startVoter('empty');
  await eventually('the snapshot is installed', () => voter.storage.snapshot().metadata.index > 1000);
  expect(voter.snapshots.bytes).to.be.greaterThan(10_000);
  const { index, confState } = voter.storage.snapshot().metadata;
  say(`snapshot ${index} was taken, ${voter.snapshots.bytes} bytes beside it`);
  expect(ascending(confState.voters)).to.deep.equal(ascending(cluster.members.map(({ id }) => id)));
  await leader.kill();
  const took = await served(cluster.other(leader), 'after', 'x');
  say(`with its vote the other etcd served after ${took} ms`);
  expect(voter.applied).to.be.greaterThan(index);
}

describe('ids and first entries of etcd clusters', () => {
  const members = ['a', 'b', 'c'].map((name, i): EtcdMember => {
    const peerUrls = [`http://127.0.0.1:2330${i}`];
    return { name, peerUrls, id: memberId(peerUrls, TOKEN) };
  });

  it('follow from the peer URLs and the token', () => {
    const ids = members.map(({ id }) => id.toString(16));
    expect(ids).to.deep.equal(['213596adcba1a3dd', 'c6e584646ee2a1e7', 'cc88e6c2519b3822']);
    expect(clusterId(members.map(({ id }) => id)).toString(16)).to.equal('b2dd63f07c8d021e');
  });

  it('are written with every digit of an id', () => {
    const [first] = firstEntries(members);
    const hex = Buffer.from(encodeEntry(first as NonNullable<typeof first>)).toString('hex');
    expect(hex.startsWith('0801100118012259100018ddc786dddcd5e59a21224b')).to.equal(true);
    expect(Buffer.from(first?.data ?? []).toString()).to.include(`{"id":${members[0]?.id},"peerURLs":[`);
  });
});

describe('two etcd servers and a voter of ours', function () {
  this.timeout(600_000);
  const binary = needsEtcd('3.7.1');
  let cluster: EtcdCluster;

  afterEach(() => cluster.end());

  for (const start of ['boot', 'empty'] as const) {
    it(`(a, b) the logs begin with the same bytes, and the cluster's version is 3.7.0 (start: ${start})`, async () => {
      cluster = await EtcdCluster.create(binary);
      for (const etcd of cluster.etcds) etcd.start();
      const voter = await cluster.startVoter(start);
      const leader = await cluster.leadingEtcd();
      await served(leader, 'key', 'value');
      await eventually('ours has the put', () => voter.applied > 6);
      await eventually('the version is known', async () => (await leader.version())['etcdcluster'] === '3.7.0');
      expect((await leader.version())['etcdcluster']).to.equal('3.7.0');

      const bytes = (entries: readonly Parameters<typeof encodeEntry>[0][]): string[] =>
        entries.slice(0, 3).map((entry) => Buffer.from(encodeEntry(entry)).toString('hex'));
      const ours = bytes(voter.storage.entries(1, 4, Number.POSITIVE_INFINITY));
      await Promise.all(cluster.etcds.map((etcd) => etcd.kill()));
      const wal = await Wal.open(leader.walFolder, { readOnly: true });
      const theirs = bytes((await wal.readAll()).entries);
      await wal.close();
      expect(ours).to.deep.equal(theirs);
      expect(ours).to.deep.equal(bytes(firstEntries(cluster.members)));
    });
  }

  it('(c) a leading etcd is killed: the other one and ours go on, ten times, each in turn', async () => {
    cluster = await EtcdCluster.create(binary);
    await killLeaders(cluster, 10);
  });

  it('(d, e) ours leads for a while: puts, reads and leases work, leases stay, and leadership goes back', async () => {
    cluster = await EtcdCluster.create(binary);
    for (const etcd of cluster.etcds) etcd.start();
    const voter = await cluster.startVoter('boot', true);
    const ours = (cluster.members[2] as EtcdMember).id;
    const first = await cluster.leadingEtcd();
    await served(first, 'key', 'value');
    const { ID: early } = (await first.call('lease/grant', { TTL: 100 })) as { ID: string };
    await eventually('ours leads', async () => {
      if (!voter.leads) {
        const leader = await cluster.leadingEtcd();
        await leader.call('maintenance/transfer-leadership', { targetID: String(ours) });
      }
      return voter.leads;
    });
    for (const etcd of cluster.etcds) {
      await eventually(`${etcd.name} follows ours`, async () => (await etcd.leader()) === ours);
      await etcd.put(`from ${etcd.name}`, 'x');
      expect(await etcd.get(`from ${etcd.name}`)).to.equal('x');
      const { ID } = (await etcd.call('lease/grant', { TTL: 60 })) as { ID?: string };
      expect(ID).to.match(/^\d+$/u);
    }

    // Etcds ask ours about leases, and must be told neither yes nor no.
    for (const path of ['leases', 'leases/internal']) {
      const began = performance.now();
      const url = (cluster.members[2] as EtcdMember).peerUrls[0] as string;
      const answer = await fetch(`${url}/${path}`, { method: 'POST', body: '' });
      expect(answer.status).to.equal(503);
      expect(performance.now() - began).to.be.greaterThan(99);
    }
    const asked = first.call('lease/timetolive', { ID: early }, 2000).catch((error: unknown) => error);
    await eventually('an etcd asks ours about its lease', () => voter.leaseRequests.length > 2);
    expect(await asked).to.be.instanceOf(Error);

    const began = performance.now();
    const target = voter.handOver();
    expect(target).not.to.equal(undefined);
    await eventually('an etcd leads again', () => !voter.leads);
    const leader = await cluster.leadingEtcd();
    say(`leadership was handed over to ${leader.name} in ${Math.round(performance.now() - began)} ms`);
    expect(leader.options.member.id).to.equal(target);
    const { TTL } = (await leader.call('lease/timetolive', { ID: early })) as { TTL?: string };
    expect(Number(TTL)).to.be.greaterThan(0);
  });

  it('(f) ours is started late: it takes the streamed snapshot, and votes', async () => {
    cluster = await EtcdCluster.create(binary, ['--snapshot-count', '500', '--snapshot-catchup-entries', '100']);
    await startLate(cluster);
  });

  it('(g) a learner is added and removed, and ours ends with the same configuration', async () => {
    cluster = await EtcdCluster.create(binary);
    for (const etcd of cluster.etcds) etcd.start();
    const voter = await cluster.startVoter('boot');
    const leader = await cluster.leadingEtcd();
    await served(leader, 'key', 'value');
    const peerURLs = [`http://127.0.0.1:${(await freePeers(1))[0]?.port}`];
    const { member } = (await eventually('a learner is added', () =>
      leader.call('cluster/member/add', { peerURLs, isLearner: true }),
    )) as { member: { ID: string } };
    await eventually('ours has the learner', () => voter.confState.learners.includes(BigInt(member.ID)));
    await leader.call('cluster/member/remove', { ID: member.ID });
    await eventually('ours has removed it', () => voter.confState.learners.length === 0);
    expect(ascending(voter.confState.voters)).to.deep.equal(ascending(cluster.members.map(({ id }) => id)));
    // Its log is whole: whatever the slower etcd lacks can come from here.
    expect(voter.storage.firstIndex()).to.equal(1);
  });

  it('64 writers at both etcds, which send the messages of a Ready in reverse: ten thousand entries, one sequence', async () => {
    cluster = await EtcdCluster.create(binary);
    for (const etcd of cluster.etcds) etcd.start();
    const voter = await cluster.startVoter('boot');
    const leader = await cluster.leadingEtcd();
    await served(leader, 'key', 'value');
    const began = performance.now();
    const writers = Array.from({ length: 64 }, async (_, writer) => {
      const etcd = cluster.etcds[writer % 2] as EtcdServer;
      for (let i = 0; i < 157; i++) await etcd.put(`writer ${writer}`, String(i), 30_000);
    });
    await Promise.all(writers);
    say(`${64 * 157} puts in ${Math.round(performance.now() - began)} ms`);
    const { raftAppliedIndex } = (await leader.call('maintenance/status', {})) as { raftAppliedIndex: string };
    const last = Number(raftAppliedIndex);
    await eventually('ours has all', () => voter.applied >= last);
    await Promise.all(cluster.etcds.map((etcd) => etcd.kill()));
    const text = ({ index, term, data }: Entry): string =>
      `${index}/${term} ${Buffer.from(data ?? []).toString('hex')}`;
    const ours = voter.storage.entries(1, last + 1, Number.POSITIVE_INFINITY).map(text);
    for (const etcd of cluster.etcds) {
      const wal = await Wal.open(etcd.walFolder, { readOnly: true });
      const { entries } = await wal.readAll();
      await wal.close();
      expect(entries.slice(0, last).map(text)).to.deep.equal(ours);
    }
    expect(ours).to.have.length.greaterThan(10_000);
  });
});

for (const release of ['3.6.16', '3.5.21'] as const) {
  describe(`two etcd servers ${release} and a voter of ours`, function () {
    this.timeout(600_000);
    const binary = needsEtcd(release);
    let cluster: EtcdCluster;

    afterEach(() => cluster.end());

    it('a leading etcd is killed: the other one and ours go on, four times, each in turn', async () => {
      cluster = await EtcdCluster.create(binary);
      await killLeaders(cluster, 4);
    });

    it('ours is started late: it takes the streamed snapshot, and votes', async () => {
      const catchUp = '--experimental-snapshot-catchup-entries';
      cluster = await EtcdCluster.create(binary, ['--snapshot-count', '500', catchUp, '100']);
      await startLate(cluster);
    });
  });
}
