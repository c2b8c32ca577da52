import type { NodeId } from '@raft-ts/raft';
import { cluster, type MemoryCluster } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { Counter } from './machines.js';

describe('replica: a cluster in memory', () => {
  let members: MemoryCluster<number, number>;
  afterEach(() => members.stop());

  const three = async (): Promise<MemoryCluster<number, number>> => {
    members = await cluster(3, () => new Counter());
    return members;
  };

  async function code(call: () => unknown): Promise<string> {
    try {
      await call();
    } catch (error) {
      return `${(error as { code?: string }).code} ${(error as Error).message}`;
    }
    return 'it was taken';
  }

  it('takes ids as numbers and as bigints', async () => {
    await three();
    const { id } = await members.leader();
    await members.kill(Number(id));
    expect(members.replicas).to.have.length(2);
    const next = await members.leader();
    expect(next.id).not.to.equal(id);
    await members.restart(Number(id));
    expect(members.replica(Number(id))).to.equal(members.replica(id));
    members.isolate(Number(id));
    members.pause(Number(next.id));
    members.resume(Number(next.id));
    members.mend();
    expect((await (await members.leader()).propose(1)).result).to.equal(1);
  });

  it('refuses ids of nobody, so that a mistaken one does not pass for a fault', async () => {
    await three();
    const calls: readonly ((id: NodeId | number) => unknown)[] = [
      (id) => members.kill(id),
      (id) => members.restart(id),
      (id) => members.pause(id),
      (id) => members.resume(id),
      (id) => members.isolate(id),
      (id) => members.cut(id, 1),
      (id) => members.cut(1, id),
      (id) => members.replica(id),
    ];
    for (const call of calls) {
      for (const id of [0, 4n, 1.5, '1' as unknown as number, undefined as unknown as number]) {
        expect(await code(() => call(id))).to.equal(
          `ERR_RAFT_REPLICA_OPTIONS id: there is no member ${String(id)} in this cluster, but 1, 2, 3`,
        );
      }
    }
    expect(await code(() => members.join(3))).to.include('member 3 is there already');
    for (const size of [0, -1, 1.5, NaN, '3' as unknown as number]) {
      expect(await code(() => cluster(size, () => new Counter()))).to.include('ERR_RAFT_REPLICA_OPTIONS size: ');
    }
    expect(await code(() => cluster(1, undefined as never))).to.include('ERR_RAFT_REPLICA_OPTIONS create: ');
  });

  it('counts no member that has ended by itself, and none of them leads', async () => {
    members = await cluster(3, (id) => {
      const counter = new Counter();
      const apply = counter.apply.bind(counter);
      // One of them is not like the others, and a throw ends it.
      counter.apply = (n, at) => apply(id === 1n && n === 13 ? NaN : n, at);
      return counter;
    });
    const first = members.replica(1);
    await members.leader();
    await first.transferLeadership(1n);
    void first.propose(13).catch(() => {});
    expect((await first.ended).reason).to.equal('failed');
    expect(first.running).to.equal(false);
    expect(members.replicas.map(({ id }) => id)).to.deep.equal([2n, 3n]);
    expect(await code(() => members.replica(1))).to.include('restart(1) starts it again');
    expect((await members.leader()).id).not.to.equal(1n);
    await members.kill(1);
  });

  it('finds a leader among members that were started after it was asked for', async () => {
    await three();
    for (const { id } of members.replicas) await members.kill(id);
    expect(members.replicas).to.deep.equal([]);
    const found = members.leader();
    for (const id of [1, 2]) await members.restart(id);
    expect((await found).leadership.leading).to.equal(true);
  });
});
