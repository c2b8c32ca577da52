import type { NodeId } from '@raft-ts/raft';
import { seededRandom } from '@raft-ts/raft/internal';
import {
  FEATURES,
  type KvCommand,
  KvMachine,
  type KvResult,
  kvFormat,
  LeaseClock,
} from '@raft-ts/raftexample/internal';
import type { CommandPosition, Done, Replica } from '@raft-ts/replica';
import { expect } from 'chai';
import { inside } from '../replica/inside.js';
import { VirtualCluster } from '../replica/virtual.js';

const TTL_MS = 1000;
/**
 * What the end of a lease takes at most beyond its time when nothing is wrong: three readings, and what they travel.
 */
const LATE_MS = 400;
const SIZE = 3;

/** What its holder knows of a lease. */
interface Held {
  readonly id: number;
  /** When that was sent which last began its time anew, of all that were answered; and at which index it stands. */
  readonly kept: { readonly sentAt: number; readonly index: number }[];
}

/** When, at which index, and by what leases ended first, on whichever member. */
type Ends = Map<number, { readonly at: number; readonly index: number; readonly by: 'clock' | 'revoke' }>;

/** What all machines of a cluster saw. */
interface Seen {
  readonly ends: Ends;
  /** What no two of them may differ in; a machine that throws would only end its member. */
  readonly faults: string[];
}

/** A machine that notes when leases end. */
class Watched extends KvMachine {
  private readonly now: () => number;
  private readonly seen: Seen;
  private readonly known = new Set<number>();

  constructor(now: () => number, seen: Seen) {
    super();
    this.now = now;
    this.seen = seen;
  }

  override apply(command: KvCommand, at: CommandPosition): KvResult {
    const result = super.apply(command, at);
    if (command.op === 'lease' && result.done) this.known.add(at.index);
    if (command.op !== 'clock' && command.op !== 'revoke') return result;
    for (const id of this.known) {
      if (this.leases.get(id) !== undefined) continue;
      this.known.delete(id);
      const { ends, faults } = this.seen;
      const before = ends.get(id);
      if (before === undefined) ends.set(id, { at: this.now(), index: at.index, by: command.op });
      else if (at.index !== before.index) faults.push(`lease ${id} ended at ${before.index} and at ${at.index}`);
    }
    return result;
  }
}

/** A cluster of stores in virtual time, each with the clock of leases that its member would have. */
class World {
  readonly cluster: VirtualCluster<KvCommand, KvResult>;
  readonly machines = new Map<NodeId, Watched>();
  readonly clocks = new Map<NodeId, LeaseClock>();
  readonly ends: Ends = new Map();
  readonly faults: string[] = [];

  constructor(seed: number) {
    const now = (): number => this.cluster.time.monotonic();
    const create = (id: NodeId): Watched => {
      const machine = new Watched(now, this);
      this.machines.set(id, machine);
      return machine;
    };
    this.cluster = new VirtualCluster(SIZE, create, { seed, format: kvFormat, features: FEATURES, timeoutMs: 500 });
  }

  async begin(): Promise<void> {
    for (const id of this.cluster.ids) await this.start(id);
    await this.cluster.promised();
    const open = (): boolean => [...this.cluster.replicas.values()].every(({ features }) => features.open === FEATURES);
    await this.cluster.time.until(open, 'leases may be granted');
  }

  async start(id: NodeId): Promise<void> {
    const { network } = this.cluster;
    const replica = await this.cluster.startMember(id, {
      transport: (receiver) => Object.assign(network.connect(id, receiver), { featuresOf: () => FEATURES }),
    });
    // The clock that stands still when the member does.
    const { clock } = inside(replica).options;
    const { leases } = this.machines.get(id) as Watched;
    this.clocks.set(id, new LeaseClock({ replica, leases, clock }));
  }

  async kill(id: NodeId): Promise<void> {
    this.clocks.get(id)?.stop();
    await this.cluster.kill(id);
  }

  async stop(): Promise<void> {
    for (const clock of this.clocks.values()) clock.stop();
    await this.cluster.stop();
  }

  /** Resolves with what came of it, or `undefined` if nobody knows. */
  async propose(replica: Replica<KvCommand, KvResult>, command: KvCommand): Promise<Done<KvResult> | undefined> {
    try {
      return await this.cluster.time.settled(replica.propose(command));
    } catch {
      return undefined;
    }
  }
}

describe('the store: the time of leases', function time() {
  let world: World;

  const begin = async (seed = 1): Promise<Replica<KvCommand, KvResult>> => {
    world = new World(seed);
    await world.begin();
    return world.cluster.leader();
  };
  const grant = async (replica: Replica<KvCommand, KvResult>): Promise<number> => {
    const done = await world.propose(replica, { op: 'lease', ttl: TTL_MS });
    return (done as Done<KvResult>).index;
  };
  const has = (replica: Replica<KvCommand, KvResult>, lease: number): boolean =>
    (world.machines.get(replica.id) as Watched).leases.get(lease) !== undefined;
  const endOf = async (lease: number): Promise<number> => {
    await world.cluster.time.until(() => world.ends.has(lease), `lease ${lease} ends`);
    return (world.ends.get(lease) as { readonly at: number }).at;
  };
  const clockEntries = (): number => inside(world.cluster.replica(1n)).raw.raft.raftLog.lastIndex();

  afterEach(async () => {
    await world.stop();
    expect(world.faults).to.deep.equal([]);
  });

  it('passes only while there are leases, and a lease ends soon after its time', async () => {
    const leader = await begin();
    const { time } = world.cluster;
    const before = clockEntries();
    await time.advance(10 * TTL_MS);
    expect(clockEntries(), 'an idle cluster writes nothing').to.equal(before);
    const sentAt = time.monotonic();
    const lease = await grant(leader);
    const end = await endOf(lease);
    expect(end - sentAt).to.be.within(TTL_MS, TTL_MS + LATE_MS);
    const readings = clockEntries() - before;
    expect(readings).to.be.within(10, 20);
    await time.advance(10 * TTL_MS);
    expect(clockEntries() - before, 'and nothing afterwards').to.equal(readings);
  });

  it('is read more often as soon as a shorter lease is there', async () => {
    const leader = await begin();
    const { time } = world.cluster;
    await world.propose(leader, { op: 'lease', ttl: 100 * TTL_MS });
    await time.advance(1000);
    const before = clockEntries();
    await time.advance(5000);
    expect(clockEntries(), 'every tenth of its time').to.equal(before);
    const sentAt = time.monotonic();
    const lease = await grant(leader);
    expect((await endOf(lease)) - sentAt).to.be.within(TTL_MS, TTL_MS + LATE_MS);
  });

  it('begins anew with each leader: one that is handed leadership lets leases last longer', async () => {
    const leader = await begin();
    const { time, ids } = world.cluster;
    const sentAt = time.monotonic();
    const lease = await grant(leader);
    for (let i = 0; i < 8; i++) {
      await time.advance(150);
      const from = await world.cluster.leader();
      const to = ids[(ids.indexOf(from.id) + 1) % SIZE] as NodeId;
      await time.settled(from.transferLeadership(to));
    }
    const end = await endOf(lease);
    expect(end - sentAt).to.be.within(TTL_MS, TTL_MS + LATE_MS + 8 * 150);
  });

  it('of a leader that was deposed while it was cut off, and whose readings arrive later, counts for nothing', async () => {
    const old = await begin();
    const { time, network, ids } = world.cluster;
    const lease = await grant(old);
    await time.advance(250);
    network.isolate(old.id, ids);
    const others = [...world.cluster.replicas.values()].filter(({ id }) => id !== old.id);
    await time.until(() => others.some(({ leadership }) => leadership.leading), 'another one leads');
    const heir = await world.cluster.leader();
    const keptAt = time.monotonic();
    expect(await world.propose(heir, { op: 'keep', lease })).to.be.an('object');
    const claim = world.propose(old, { op: 'clock', ms: 1_000_000, term: 1 });
    await time.advance(100);
    network.mend();
    await claim;
    // What it says now is forwarded, and stands in the term of another.
    const { term } = old.leadership;
    await Promise.all([0, 2_000_000].map((ms) => world.propose(old, { op: 'clock', ms, term: term - 1 })));
    expect(has(heir, lease)).to.equal(true);
    expect((await endOf(lease)) - keptAt).to.be.within(TTL_MS, TTL_MS + LATE_MS + 200);
  });

  it('is read before it is written: a reading that is written late does not count for what came in between', async () => {
    const leader = await begin();
    const { time } = world.cluster;
    for (const { id } of world.cluster.replicas.values()) world.clocks.get(id)?.stop();
    const { leases } = world.machines.get(leader.id) as Watched;
    let delayMs = 0;
    const late = new LeaseClock({
      replica: {
        watch: (kind, listener) => leader.watch(kind, listener),
        propose: async (command, options) => {
          const ms = delayMs;
          delayMs = 0;
          await new Promise<void>((resolve) => time.after(ms, resolve));
          return leader.propose(command, options);
        },
      },
      leases,
      clock: time,
    });
    const first = await grant(leader);
    await time.advance(250);
    // The next reading is taken soon, and written 400 ms later.
    delayMs = 400;
    await time.advance(380);
    const sentAt = time.monotonic();
    const lease = await grant(leader);
    expect(has(leader, first)).to.equal(true);
    const end = await endOf(lease);
    late.stop();
    expect(end - sentAt).to.be.least(TTL_MS);
  });

  it('of a leader that was frozen goes on, and what was kept before the freeze is not cut short', async () => {
    const leader = await begin();
    const { time } = world.cluster;
    const lease = await grant(leader);
    await time.advance(300);
    const sentAt = time.monotonic();
    expect(await world.propose(leader, { op: 'keep', lease })).to.be.an('object');
    world.cluster.pause(leader.id);
    await time.advance(400);
    world.cluster.resume(leader.id);
    expect((await endOf(lease)) - sentAt).to.be.least(TTL_MS);
  });

  it('never ends one early, whoever is frozen, cut off, killed or deposed, and whatever comes late or twice', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      await disturb(seed);
      await world.stop();
    }
  });

  async function disturb(seed: number): Promise<void> {
    await begin(seed);
    const { cluster, ends, faults } = world;
    const { time, network, ids } = cluster;
    const random = seededRandom(seed);
    const held: Held[] = [];
    const calls: Promise<unknown>[] = [];
    const down = new Set<NodeId>();
    const somebody = (): Replica<KvCommand, KvResult> | undefined => {
      const running = ids.filter((id) => !down.has(id));
      return cluster.replicas.get(running[random(running.length)] as NodeId);
    };
    const send = (command: KvCommand, then: (done: Done<KvResult>) => void): void => {
      const replica = somebody();
      if (replica === undefined) return;
      calls.push(replica.propose(command).then(then, () => {}));
    };
    const act = (): void => {
      const sentAt = time.monotonic();
      const lease = held[random(Math.max(1, held.length))];
      const choice = random(10);
      if (choice < 3 || lease === undefined) {
        send({ op: 'lease', ttl: TTL_MS }, ({ index, result }) => {
          if (result.done) held.push({ id: index, kept: [{ sentAt, index }] });
        });
      } else if (choice < 9) {
        send({ op: 'keep', lease: lease.id }, ({ index, result }) => {
          if (result.done) lease.kept.push({ sentAt, index });
        });
      } else {
        send({ op: 'revoke', lease: lease.id }, () => {});
      }
    };
    const disturbance = async (): Promise<void> => {
      const victim = ids[random(SIZE)] as NodeId;
      switch (random(6)) {
        case 0:
          network.isolate(victim, ids);
          break;
        case 1:
          cluster.pause(victim);
          await time.advance(random(600));
          cluster.resume(victim);
          break;
        case 2:
          if (down.size > 0) break;
          down.add(victim);
          await world.kill(victim);
          break;
        case 3:
          void somebody()
            ?.transferLeadership(victim, { timeoutMs: 200 })
            .catch(() => {});
          break;
        default:
          network.faults = { drop: random(3) / 10, duplicate: random(3) / 10, delay: [1, 1 + random(60)] };
      }
    };
    const mend = async (): Promise<void> => {
      network.mend();
      network.faults = {};
      for (const id of down) await world.start(id);
      down.clear();
    };
    for (let round = 0; round < 25; round++) {
      await disturbance();
      for (let i = 0; i < 6; i++) {
        act();
        await time.advance(random(80));
      }
      if (random(3) === 0) await mend();
    }
    await mend();
    await time.settled(Promise.all(calls));
    await time.until(() => held.every(({ id }) => ends.has(id)), 'all leases end');
    await time.until(() => ids.every((id) => (world.machines.get(id) as Watched).leases.size === 0), 'on every member');
    expect(held.length, `seed ${seed}`).to.be.above(5);
    let judged = 0;
    for (const { id, kept } of held) {
      const end = ends.get(id) as Ends extends Map<number, infer End> ? End : never;
      if (end.by === 'revoke') continue;
      judged++;
      for (const { sentAt, index } of kept) {
        if (index > end.index) continue;
        expect(end.at - sentAt, `seed ${seed}, lease ${id}, kept by ${index}`).to.be.least(TTL_MS);
      }
    }
    expect(judged, `seed ${seed}`).to.be.above(5);
    expect(faults, `seed ${seed}`).to.deep.equal([]);
  }
});
