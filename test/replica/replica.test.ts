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

  const otherThan = ({ id: leader }: Replica<number, number>): Replica<number, number> =>
    group.replicas.find(({ id }) => id !== leader) as Replica<number, number>;

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

  it('reads an old value only where a stale one is asked for, on a member that is cut off', async () => {
    const leader = await group.leader();
    const other = otherThan(leader);
    await leader.propose(1);
    expect(await valueAt(other)).to.equal(1);
    group.isolate(other.id);
    await leader.propose(1);
    const { id } = other;
    const held = (): number | undefined => machines.get(id)?.value;
    expect(await other.read(held, { consistency: 'stale' })).to.equal(1);
    const refused = await other.read(held, { timeoutMs: 200 }).catch(({ code }: { code: string }) => code);
    expect(refused).to.equal('ERR_RAFT_READ_FAILED');
    group.mend();
    expect(await other.read(held)).to.equal(2);
  });

  it('tells a listener who leads at once, then each change', async () => {
    const leader = await group.leader();
    const other = otherThan(leader);
    // Whoever has read has heard of the leader.
    await valueAt(other);
    const told: NodeId[] = [];
    other.watch('leadership', ({ leader: id }) => {
      if (told.at(-1) !== id) told.push(id);
    });
    expect(told).to.deep.equal([leader.id]);
    await group.kill(leader.id);
    const next = await group.leader();
    await valueAt(other);
    expect(told.slice(-2)).to.deep.equal([0n, next.id]);
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
    const other = otherThan(leader);
    group.isolate(other.id);
    await leader.removeMember(other.id);
    group.mend();
    expect((await other.ended).reason).to.equal('removed');
  });
});
