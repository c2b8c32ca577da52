import { emptySnapshot, type NodeId } from '@raft-ts/raft';
import { defaultFormat, jsonCodec, type LogContent, type ReplicaLog, replayLog } from '@raft-ts/replica';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

const codec = jsonCodec<number>();
const format = defaultFormat<number>(codec);

/** What is in a log that has all entries from the first one on, with the snapshot or without it. */
function contentOf(log: ReplicaLog, from: 'snapshot' | 'beginning' = 'beginning'): LogContent {
  expect(log.firstIndex()).to.equal(1);
  const snapshot = from === 'beginning' ? emptySnapshot() : log.snapshot();
  const entries = log.entries(snapshot.metadata.index + 1, log.lastIndex() + 1, Number.POSITIVE_INFINITY);
  return { snapshot, entries, hardState: log.initialState().hardState };
}

describe('replica: a log that is replayed', () => {
  let cluster: VirtualCluster<number, number>;
  afterEach(() => cluster.stop());

  beforeEach(async () => {
    cluster = new VirtualCluster(3, () => new Counter(), { codec, snapshots: { everyEntries: 5, keepEntries: 1000 } });
    await cluster.start();
  });

  for (const from of ['snapshot', 'beginning'] as const) {
    it(`gives the state and the membership of its member, from the ${from} on`, async () => {
      const { time } = cluster;
      const leader = await cluster.leader();
      const session = await time.settled(leader.openSession());
      for (let i = 1; i <= 12; i++) await time.settled(session.propose(i));
      const [lost] = cluster.ids.filter((id) => id !== leader.id) as [NodeId];
      await cluster.kill(lost);
      await time.settled(leader.removeMember(lost));
      await time.settled(leader.propose(100));
      const { applied } = leader;
      const head = leader.snapshotHead();
      const log = cluster.logs.get(leader.id) as ReplicaLog;
      const machine = new Counter();
      const content = contentOf(log, from);
      expect(content.snapshot.metadata.index).to.equal(from === 'beginning' ? 0 : log.snapshot().metadata.index);
      expect(log.snapshot().metadata.index).to.be.above(5);
      const before = structuredClone(content.entries);
      const replayed = await replayLog({
        id: leader.id,
        log: content,
        upTo: Math.max(applied.index, content.hardState?.commit ?? 0),
        stateMachine: machine,
        format,
      });
      expect(machine.value).to.equal(178);
      expect(replayed.head).to.deep.equal(head);
      expect(replayed.head.removed).to.deep.equal([lost]);
      expect(replayed.head.sessions).to.have.length(1);
      expect(replayed.at).to.deep.equal(applied);
      expect(content.entries).to.deep.equal(before);
    });
  }

  it('applies what was not known to be committed only if it is asked to', async () => {
    const { time, network } = cluster;
    const leader = await cluster.leader();
    await time.settled(leader.propose(1));
    const committed = leader.applied.index;
    network.isolate(leader.id, cluster.ids);
    const asked = leader.propose(2).catch(() => {});
    await time.advance(10);
    const log = cluster.logs.get(leader.id) as ReplicaLog;
    expect(log.lastIndex()).to.equal(committed + 1);
    const run = async (upTo: number): Promise<readonly [number, number]> => {
      const machine = new Counter();
      const { at } = await replayLog({ id: leader.id, log: contentOf(log), upTo, stateMachine: machine, format });
      return [machine.value, at.index];
    };
    expect(await run(committed)).to.deep.equal([1, committed]);
    expect(await run(committed + 1)).to.deep.equal([3, committed + 1]);
    for (const upTo of [committed - 1, committed + 2, 1.5, Number.NaN]) {
      const error: unknown = await run(upTo).catch((caught: unknown) => caught);
      expect(error, String(upTo)).to.include({ code: 'ERR_RAFT_REPLICA_OPTIONS', reason: 'upTo' });
    }
    network.mend();
    await time.settled(asked);
  });

  it('ends with what the state machine throws', async () => {
    const leader = await cluster.leader();
    await cluster.time.settled(leader.propose(1));
    const log = contentOf(cluster.logs.get(leader.id) as ReplicaLog);
    const stateMachine = new Counter();
    stateMachine.apply = () => {
      throw new Error('no such command');
    };
    const upTo = leader.applied.index;
    const error: unknown = await replayLog({ id: leader.id, log, upTo, stateMachine, format }).catch(
      (caught: unknown) => caught,
    );
    expect(error).to.include({ code: 'ERR_RAFT_STATE_MACHINE', reason: 'apply' });
  });

  it('ends at the entry that opens features which it does not understand', async () => {
    await cluster.stop();
    cluster = new VirtualCluster(1, () => new Counter(), { codec, features: 2 });
    await cluster.start();
    const { time } = cluster;
    const leader = await cluster.leader();
    await time.until(() => leader.features.open === 2, 'they are open');
    await time.settled(leader.propose(5));
    const log = contentOf(cluster.logs.get(leader.id) as ReplicaLog);
    const run = async (features?: number): Promise<readonly [unknown, number]> => {
      const stateMachine = new Counter();
      const more = features === undefined ? {} : { features };
      const came: unknown = await replayLog({
        id: leader.id,
        log,
        upTo: leader.applied.index,
        stateMachine,
        format,
        ...more,
      }).catch((error: unknown) => error);
      return [came, stateMachine.value];
    };
    for (const features of [undefined, 1]) {
      const [error, value] = await run(features);
      expect(error).to.include({ code: 'ERR_RAFT_REPLICA_OPTIONS', reason: 'features' });
      expect(value).to.equal(0);
    }
    expect((await run(2))[1]).to.equal(5);
  });

  it('is refused if entries are missing', async () => {
    const leader = await cluster.leader();
    const log = contentOf(cluster.logs.get(leader.id) as ReplicaLog);
    for (const entries of [log.entries.slice(1), log.entries.toSpliced(1, 1)]) {
      const replayed = replayLog({
        id: leader.id,
        log: { ...log, entries },
        upTo: leader.applied.index,
        stateMachine: new Counter(),
        format,
      });
      const error: unknown = await replayed.catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_REPLICA_OPTIONS', reason: 'log' });
    }
  });
});
