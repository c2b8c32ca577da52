import { setImmediate } from 'node:timers/promises';
import { type Logger, MemoryStorage, type NodeId, RawNode, silentLogger } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import { MemoryNetwork } from '@raft-ts/raft/memory-transport';
import { Replica, type ReplicaLog } from '@raft-ts/replica';
import { MemoryLog } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualTime } from './virtual.js';

/** Founders that may be given different lists: what they log is kept. */
class Founders {
  readonly time = new VirtualTime();
  readonly network = new MemoryNetwork();
  readonly logs = new Map<NodeId, ReplicaLog>();
  readonly replicas = new Map<NodeId, Replica<number, number>>();
  readonly lines: string[] = [];

  async start(id: NodeId, list: readonly NodeId[]): Promise<Replica<number, number>> {
    const keep = (text: string): number => this.lines.push(text);
    const logger: Logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: keep,
      debugEnabled: false,
    };
    const log = this.logs.get(id) ?? new MemoryLog();
    this.logs.set(id, log);
    const replica = await Replica.start<number, number>({
      id,
      log,
      transport: (receiver) => this.network.connect(id, receiver),
      stateMachine: new Counter(),
      bootstrap: { peers: list.map((peer) => ({ id: peer, url: `memory:${peer}` })) },
      clock: this.time,
      random: seededRandom(Number(id)),
      tickMs: 10,
      logger,
    });
    this.replicas.set(id, replica);
    return replica;
  }

  async stop(): Promise<void> {
    for (const replica of this.replicas.values()) await this.time.settled(replica.kill());
  }
}

describe('replica: founders that were given different lists', () => {
  let all: Founders;
  beforeEach(() => {
    all = new Founders();
  });
  afterEach(() => all.stop());

  const explains = (replica: Replica<number, number>, member?: NodeId): string =>
    replica.explain(member === undefined ? {} : { member }).code;

  it('the two that agree go on without the third, which says why it has no leader; nobody ends', async () => {
    const [one, two] = [await all.start(1n, [1n, 2n, 3n]), await all.start(2n, [3n, 2n, 1n])];
    const three = await all.start(3n, [1n, 2n, 3n, 4n]);
    expect((await all.time.settled(one.propose(1))).result).to.equal(1);
    expect((await all.time.settled(two.propose(1))).result).to.equal(2);
    await all.time.advance(5_000);
    expect(explains(three)).to.equal('other-founders');
    expect(three.explain().text).to.match(/^Member 1 was .* founders 1, 2, 3, and member 3 with 1, 2, 3, 4: .*\.$/u);
    expect([explains(one, 3n), explains(two, 3n), explains(three, 2n)]).to.deep.equal(Array(3).fill('other-founders'));
    expect([one, two].map((replica) => explains(replica)).sort()).to.deep.equal(['following', 'leading']);
    // Each pair says it once, on both sides, and names both lists.
    expect(all.lines.map((line) => line.slice(0, line.indexOf(':'))).sort()).to.deep.equal([
      'member 1 was started with the founders 1, 2, 3, and member 3 with 1, 2, 3, 4',
      'member 2 was started with the founders 1, 2, 3, and member 3 with 1, 2, 3, 4',
      'member 3 was started with the founders 1, 2, 3, 4, and member 1 with 1, 2, 3',
      'member 3 was started with the founders 1, 2, 3, 4, and member 2 with 1, 2, 3',
    ]);
  });

  it('the third takes part once it was started with the right list on a new log', async () => {
    const one = await all.start(1n, [1n, 2n, 3n]);
    await all.start(2n, [1n, 2n, 3n]);
    const three = await all.start(3n, [1n, 3n]);
    await all.time.settled(one.propose(1));
    await all.time.settled(three.kill());
    all.logs.delete(3n);
    const again = await all.start(3n, [1n, 2n, 3n]);
    expect((await all.time.settled(again.propose(1))).result).to.equal(2);
    await all.time.until(() => explains(one, 3n) !== 'other-founders', 'it is heard of', 120_000);
  });

  it('what the first start said counts, whatever bootstrap says later', async () => {
    const one = await all.start(1n, [1n, 2n]);
    await all.start(2n, [1n, 2n]);
    await all.time.settled(one.propose(1));
    await all.time.settled(one.kill());
    const again = await all.start(1n, [1n, 2n, 3n, 4n]);
    expect((await all.time.settled(again.propose(1))).result).to.equal(2);
    expect(all.lines).to.deep.equal([]);
  });

  it('a founding that a crash cut short, after its entries and before the hard state, is done again', async () => {
    const founding = new RawNode({
      id: 1n,
      electionTick: 10,
      heartbeatTick: 1,
      storage: new MemoryStorage(),
      maxSizePerMsg: 1 << 20,
      maxInflightMsgs: 256,
      logger: silentLogger,
    });
    founding.bootstrap([{ id: 1n }]);
    const log = new MemoryLog();
    await log.save({ entries: founding.ready().entries });
    all.logs.set(1n, log);
    const replica = await all.start(1n, [1n]);
    expect((await all.time.settled(replica.propose(1))).result).to.equal(1);
    expect(log.founders).to.deep.equal([1n]);
  });

  it('they are durable before the transport is built, and it is told them', async () => {
    const log = new MemoryLog();
    const calls: string[] = [];
    const slow: ReplicaLog = Object.create(log, {
      isNew: { get: () => log.isNew },
      keepFounders: {
        value: async (founders: readonly NodeId[]) => {
          await setImmediate();
          calls.push(`kept ${founders.join()}`);
          return log.keepFounders(founders);
        },
      },
    }) as ReplicaLog;
    const replica = await Replica.start<number, number>({
      id: 1n,
      log: slow,
      stateMachine: new Counter(),
      transport: (receiver) => {
        calls.push(`built for ${receiver.founders?.join()}`);
        return all.network.connect(1n, receiver);
      },
      bootstrap: { peers: [2n, 1n].map((id) => ({ id, url: `memory:${id}` })) },
    });
    await replica.kill();
    expect(calls).to.deep.equal(['kept 1,2', 'built for 1,2']);
  });
});
