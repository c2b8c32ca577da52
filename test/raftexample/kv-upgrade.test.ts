import type { NodeId } from '@raft-ts/raft';
import { FEATURES, type KvCommand, KvMachine, type KvResult, kvFormat } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { VirtualCluster } from '../replica/virtual.js';

/** What members of an earlier version, or written in Go, understand. */
const OLD = 0;

describe('the store: a rolling upgrade', () => {
  /** What each member shows to the others. */
  const levels = new Map<NodeId, number>();
  const machines = new Map<NodeId, KvMachine>();
  let cluster: VirtualCluster<KvCommand, KvResult>;
  const acknowledged = new Map<string, number>();
  let writing: Promise<void>;
  let over: boolean;

  const start = async (id: NodeId, level: number): Promise<void> => {
    levels.set(id, level);
    await cluster.startMember(id, {
      features: level,
      transport: (receiver) =>
        Object.assign(cluster.network.connect(id, receiver), { featuresOf: (other: NodeId) => levels.get(other) ?? 0 }),
    });
  };
  /** A client that sends again what certainly did nothing, or may be carried out twice without harm. */
  const write = async (): Promise<void> => {
    for (let i = 0; !over; i++) {
      const key = `k${i % 20}`;
      for (let done = false; !done && !over; ) {
        const members = [...cluster.replicas.values()];
        const member = members[i % members.length] as (typeof members)[number];
        const outcome = await member.attempt({ op: 'put', key, value: `${i}`, ifIndex: undefined }, { timeoutMs: 200 });
        done = outcome.outcome === 'applied';
        if (outcome.outcome === 'applied') acknowledged.set(key, outcome.index);
        else await new Promise<void>((resolve) => cluster.time.after(10, resolve));
      }
    }
  };
  const wrote = async (more: number): Promise<void> => {
    const goal = Math.max(0, ...acknowledged.values()) + more;
    await cluster.time.until(() => Math.max(0, ...acknowledged.values()) > goal, `${more} more entries`);
  };
  const open = (): readonly number[] => [...cluster.replicas.values()].map(({ features }) => features.open);
  const once = (key: string): KvCommand => ({
    op: 'once',
    key,
    print: key,
    write: { op: 'put', key, value: 'v', ifIndex: undefined },
  });

  beforeEach(async () => {
    acknowledged.clear();
    over = false;
    cluster = new VirtualCluster<KvCommand, KvResult>(
      3,
      (id) => {
        const machine = new KvMachine();
        machines.set(id, machine);
        return machine;
      },
      { format: kvFormat, snapshots: { everyEntries: 30, keepEntries: 10 } },
    );
    for (const id of cluster.ids) await start(id, OLD);
    await cluster.promised();
    writing = write();
    await wrote(10);
  });
  afterEach(async () => {
    over = true;
    await cluster.time.settled(writing);
    await cluster.stop();
  });

  it('goes on while members know less than others, opens what is new after the last one, and loses nothing', async () => {
    for (const id of cluster.ids) {
      expect(new Set(open())).to.deep.equal(new Set([0]));
      await cluster.kill(id);
      await wrote(5);
      await start(id, FEATURES);
      await wrote(20);
      // The leader is the one that would open it.
      await cluster.time.settled(cluster.replica(id).transferLeadership(id));
      await wrote(20);
    }
    await cluster.time.until(() => open().every((level) => level === FEATURES), 'what is new is open');
    const leader = await cluster.leader();
    expect((await cluster.time.settled(leader.propose(once('new')))).result.done).to.equal(true);
    over = true;
    await cluster.time.settled(writing);
    const { index: last } = await cluster.time.settled(leader.propose({ op: 'nothing' }));
    const all = [...cluster.replicas.values()];
    await cluster.time.until(() => all.every(({ applied }) => applied.index >= last), 'all have applied everything');
    const states = [...machines.values()].map((machine) => Buffer.concat([...machine.snapshot()]).toString());
    expect(new Set(states).size).to.equal(1);
    const items = new Map(machines.get(leader.id)?.entries());
    expect(acknowledged.size).to.equal(20);
    for (const [key, index] of acknowledged) expect(items.get(key)?.index, key).to.be.least(index);
    expect(items.has('new')).to.equal(true);
  });

  it('may be gone back on as long as one member is old, and not later', async () => {
    const [first, second, third] = cluster.ids as [NodeId, NodeId, NodeId];
    for (const [id, level] of [
      [first, FEATURES],
      [second, FEATURES],
      [first, OLD],
      [first, FEATURES],
    ] as const) {
      await cluster.kill(id);
      await start(id, level);
      await wrote(10);
      expect(new Set(open())).to.deep.equal(new Set([0]));
    }
    await cluster.kill(third);
    await start(third, FEATURES);
    await cluster.time.until(() => open().every((level) => level === FEATURES), 'what is new is open');
    await wrote(40);
    await cluster.kill(first);
    // Its snapshot says what is open.
    const refused: unknown = await start(first, OLD).catch((error: unknown) => error);
    expect(refused)
      .to.have.property('message')
      .that.matches(/the cluster has opened level 1, for good/u);
    await wrote(10);
  });
});
