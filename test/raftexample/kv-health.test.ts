import type { NodeId } from '@raft-ts/raft';
import { HttpError, problemOf } from '@raft-ts/raftexample/internal';
import { MembershipError, ProposalDropped, ProposalUnknown, ReadFailed } from '@raft-ts/replica';
import { expect } from 'chai';
import { type Answer, ask, type KvCluster, kvCluster } from './kv-cluster.js';

const json = (answer: Answer): Record<string, unknown> => JSON.parse(answer.text) as Record<string, unknown>;

describe('the store: how a member says how it is', () => {
  let store: KvCluster;
  let port: number;

  before(async () => {
    store = await kvCluster(3);
    port = store.ports[0] as number;
  });

  after(() => store.stop());

  it('/explain answers with a sentence and a code, about an index, a member or a read', async () => {
    await ask(port, 'PUT', '/kv/k', { body: 'v' });
    const leader = await store.group.leader();
    const atLeader = store.ports[Number(leader.id) - 1] as number;
    expect(json(await ask(atLeader, 'GET', '/explain'))).to.deep.equal({
      code: 'leading',
      text: `Member ${leader.id} leads in term ${leader.leadership.term}.`,
    });
    expect(json(await ask(port, 'GET', '/explain?index=1'))).to.include({ code: 'applied' });
    expect(json(await ask(port, 'GET', '/explain?index=99999'))).to.include({ code: 'beyond-log' });
    expect(json(await ask(port, 'GET', '/explain?member=77'))).to.include({
      code: 'unknown-member',
    });
    await ask(port, 'GET', '/kv/k');
    expect(json(await ask(port, 'GET', '/explain?read=true'))['code']).to.match(/^read-/u);
    expect(json(await ask(port, 'GET', '/explain?features=true'))['code']).to.match(/^features-open/u);
    for (const query of ['index=x', 'index=-1', 'member=1x', 'read=false', 'index=1&member=2', 'other=1']) {
      expect((await ask(port, 'GET', `/explain?${query}`)).status, query).to.equal(400);
    }
  });

  it('/metrics has the series of the replica, and requests by route, method and status', async () => {
    await ask(port, 'PUT', '/kv/zebra', { body: 'v' });
    await ask(port, 'GET', '/kv/not-there');
    await ask(port, 'GET', '/nowhere/at/all');
    const { status, headers, text } = await ask(port, 'GET', '/metrics');
    expect([status, headers['content-type']]).to.deep.equal([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect(text).to.match(/^raft_store_requests_total\{route="\/kv\/\{key\}",method="PUT",status="200"\} [1-9]/mu);
    expect(text).to.match(/^raft_store_requests_total\{route="\/kv\/\{key\}",method="GET",status="404"\} 1$/mu);
    expect(text).to.match(/^raft_store_requests_total\{route="none",method="GET",status="404"\} 1$/mu);
    expect(text).to.match(/^raft_store_request_duration_seconds_count\{route="\/kv\/\{key\}",method="PUT"\} [1-9]/mu);
    const buckets = [
      ...text.matchAll(
        /^raft_store_request_duration_seconds_bucket\{route="\/kv\/\{key\}",method="PUT",le="([^"]+)"\} (\d+)$/gmu,
      ),
    ];
    expect(buckets.map(([, le]) => le).slice(-2)).to.deep.equal(['10', '+Inf']);
    const counts = buckets.map(([, , count]) => Number(count));
    expect(counts).to.deep.equal([...counts].sort((a, b) => a - b));
    expect(text).to.include(`_count{route="/kv/{key}",method="PUT"} ${counts.at(-1)}\n`);
    expect(text).not.to.include('zebra');
  });

  it('a lease read sees what was acknowledged before it, on every member', async () => {
    for (let i = 0; i < 5; i++) {
      await ask(store.ports[i % 3] as number, 'PUT', '/kv/leased', { body: `v${i}` });
      for (const other of store.ports) {
        const read = await ask(other, 'GET', '/kv/leased?consistency=lease');
        expect([read.status, read.text]).to.deep.equal([200, `v${i}`]);
      }
    }
  });

  it('a member that is cut off lives, is not ready, and says why', async () => {
    const leader = await store.group.leader();
    const away = store.group.replicas.find(({ id }) => id !== leader.id)?.id as NodeId;
    const awayPort = store.ports[Number(away) - 1] as number;
    const ready = await ask(awayPort, 'GET', '/readyz');
    expect(ready.status).to.equal(200);
    expect(json(ready)).to.include({ status: 'ready', leader: Number(leader.id) });
    store.group.isolate(away);
    const unready = await ask(awayPort, 'GET', '/readyz');
    expect(unready.status).to.equal(503);
    expect(json(unready)).to.include({ code: 'ERR_KV_NOT_READY', retry: 'safe' });
    expect(json(unready)['detail']).to.match(/^Member \d /u);
    expect((await ask(awayPort, 'GET', '/healthz')).status).to.equal(200);
    expect((await ask(awayPort, 'GET', '/kv/leased?consistency=lease')).status).to.be.oneOf([503, 504]);
    store.group.mend();
  });

  it('a member whose replica has ended is not alive', async () => {
    const { id } = await store.group.leader();
    const [other] = store.group.replicas.filter((replica) => replica.id !== id);
    await store.group.kill(other?.id as NodeId);
    const answer = await ask(store.ports[Number(other?.id) - 1] as number, 'GET', '/healthz');
    expect(answer.status).to.equal(503);
    expect(json(answer)).to.include({ reason: 'stopped' });
  });
});

describe('the store: its errors', () => {
  const told: string[] = [];
  const meaning = (error: unknown): Record<string, unknown> => ({ ...problemOf(error, (text) => told.push(text)) });

  it('are problems of RFC 9457, and say what the Go member says too', () => {
    expect(meaning(new HttpError('ERR_KV_CONDITION', 'index', 'no', { index: 7, current: 5 }))).to.deep.equal({
      type: 'urn:raft-ts:problem:ERR_KV_CONDITION',
      title: 'Precondition Failed',
      status: 412,
      detail: 'no',
      code: 'ERR_KV_CONDITION',
      reason: 'index',
      retry: 'no',
      error: 'no',
      index: 7,
      current: 5,
    });
  });

  it('say whether a retry is safe', () => {
    const cases: [unknown, number, string][] = [
      [new ProposalDropped('no-leader'), 503, 'safe'],
      [new ProposalDropped('too-large'), 413, 'no'],
      [new ProposalUnknown('deadline'), 504, 'unsafe'],
      [new ReadFailed('no-leader'), 503, 'safe'],
      [new ReadFailed('unconfirmed'), 504, 'safe'],
      [new HttpError('ERR_KV_BUSY', 'watchers', ''), 503, 'safe'],
      [new HttpError('ERR_KV_NOT_FOUND', 'key', ''), 404, 'no'],
    ];
    for (const [error, status, retry] of cases) {
      expect(meaning(error), String(error)).to.include({ status, retry });
    }
    expect(told).to.deep.equal([]);
  });

  it('nobody expected are told to the log, and not to the client', () => {
    expect(meaning(new TypeError('secret'))).to.include({ status: 500, retry: 'unsafe', reason: 'bug' });
    expect(JSON.stringify(meaning(new TypeError('secret')))).not.to.include('secret');
    expect(told[0]).to.include('secret');
    expect(meaning(new MembershipError('busy', 'not translated'))['status']).to.equal(500);
  });
});
