import type { NodeId } from '@raft-ts/raft';
import type { Replica } from '@raft-ts/replica';
import { cluster, type MemoryCluster } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { Counter } from './machines.js';

describe('replica: a cluster in memory', () => {
  let machines: Map<NodeId, Counter>;
  let group: MemoryCluster<number, number>;

  beforeEach(async () => {
    machines = new Map();
    group = await cluster(3, (id) => {
      const machine = new Counter();
      machines.set(id, machine);
      return machine;
    });
  });

  afterEach(() => group.stop());

  const valueAt = (replica: Replica<number, number>): Promise<number> =>
    replica.read(() => machines.get(replica.id)?.value ?? Number.NaN);

  it('answers a command with the state machine’s result on whichever member it is proposed', async () => {
    const results = [];
    for (const replica of group.replicas) results.push((await replica.propose(1)).result);
    expect(results).to.deep.equal([1, 2, 3]);
  });

  it('reads on any member what was acknowledged on any other', async () => {
    const [one, two, three] = group.replicas as [
      Replica<number, number>,
      Replica<number, number>,
      Replica<number, number>,
    ];
    for (let round = 1; round <= 10; round++) {
      await one.propose(1);
      expect(await valueAt(two)).to.equal(round);
      expect(await valueAt(three)).to.equal(round);
    }
  });

  it('keeps what was acknowledged when the leader dies and comes back', async () => {
    const leader = await group.leader();
    await leader.propose(5);
    await group.kill(leader.id);
    const next = await group.leader();
    expect((await next.propose(7)).result).to.equal(12);
    expect(await valueAt(await group.restart(leader.id))).to.equal(12);
  });

  it('applies a command once however often its session retries it', async () => {
    const leader = await group.leader();
    const session = await leader.openSession();
    const first = await session.propose(5);
    expect(await session.retry(1, 5)).to.deep.equal(first);
    expect(await valueAt(leader)).to.equal(5);
  });

  it('takes in a new member, and tells one that was cut off that it was removed', async () => {
    const leader = await group.leader();
    await leader.propose(5);
    const added = await leader.addMember(
      { url: 'memory:4' },
      { onProgress: ({ phase, id }) => (phase === 'added' ? void group.join(id) : undefined) },
    );
    expect(await valueAt(group.replica(added.id))).to.equal(5);
    const [other] = group.replicas.filter(({ id }) => id !== leader.id);
    if (other === undefined) throw new Error('there is no other member');
    group.isolate(other.id);
    await leader.removeMember(other.id);
    group.mend();
    expect((await other.ended).reason).to.equal('removed');
  });
});
