import { MessageType, type NodeId, type RawNode } from '@raft-ts/raft';
import { type Clock, defaultFormat, jsonCodec, type Replica } from '@raft-ts/replica';
import { expect } from 'chai';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions } from './virtual.js';

/** Ticks take 10 ms in virtual time, an election timeout ten of them. */
const TICK_MS = 10;
const ELECTION_MS = 100;

describe('replica: the lease of a leader', () => {
  let machines: Map<NodeId, Counter>;
  let group: VirtualCluster<number, number>;
  let leader: Replica<number, number>;
  let others: [NodeId, NodeId];

  const begin = async (options: (id: NodeId) => VirtualOptions<number, number> = () => ({})): Promise<void> => {
    machines = new Map();
    group = new VirtualCluster(3, (id) => {
      const machine = new Counter();
      machines.set(id, machine);
      return machine;
    });
    for (const id of group.ids) await group.startMember(id, options(id));
    leader = await group.leader();
    others = group.ids.filter((id) => id !== leader.id) as [NodeId, NodeId];
    // Every member has announced its promise.
    await group.time.advance(2 * ELECTION_MS);
  };

  afterEach(() => group.stop());

  const valueAt = (replica: Replica<number, number>): number => machines.get(replica.id)?.value ?? Number.NaN;

  const read = (replica: Replica<number, number>, timeoutMs = 5000): Promise<number> =>
    replica.read(() => valueAt(replica), { consistency: 'lease', timeoutMs });

  const watch = <T>(promise: Promise<T>): { readonly promise: Promise<T>; settled: boolean } => {
    const watched = { promise, settled: false };
    const settle = (): void => {
      watched.settled = true;
    };
    promise.then(settle, settle);
    return watched;
  };

  /** Does a lease read that begins at this moment end at once, without a message? */
  const isServedAlone = async (replica: Replica<number, number>): Promise<boolean> => {
    const reading = watch(read(replica));
    // Every message takes a millisecond at least.
    await group.time.advance(0);
    const alone = reading.settled;
    await group.time.settled(reading.promise);
    return alone;
  };

  /** Lets the leader have a lease, which it renews for some seconds. */
  const warm = async (): Promise<void> => {
    await isServedAlone(leader);
    await group.time.advance(5 * TICK_MS);
    expect(await isServedAlone(leader)).to.equal(true);
  };

  const raw = (replica: Replica<number, number>): RawNode => inside(replica).raw;

  /** Whoever leads beside `leader`, once somebody does. */
  const rival = async (): Promise<Replica<number, number>> => {
    const find = () => others.map((id) => group.replicas.get(id)).find((one) => one?.leadership.leading === true);
    await group.time.until(() => find() !== undefined, 'somebody else leads');
    return find() as Replica<number, number>;
  };

  describe('reads', () => {
    beforeEach(() => begin());

    it('cost no round while it holds, and see what was acknowledged', async () => {
      await warm();
      for (let n = 1; n <= 20; n++) {
        await group.time.settled(group.replica(others[0]).propose(1));
        const reading = watch(read(leader));
        await group.time.advance(0);
        expect(reading.settled).to.equal(true);
        expect(await reading.promise).to.equal(n);
        await group.time.advance(7);
      }
    });

    it('ask a quorum first, and then keep the lease for as long as they come', async () => {
      expect(await isServedAlone(leader)).to.equal(false);
      await group.time.advance(TICK_MS);
      expect(await isServedAlone(leader)).to.equal(true);
      await group.time.advance(4000);
      expect(await isServedAlone(leader)).to.equal(true);
    });

    it('let the lease go some seconds after the last one, so that an idle leader sends heartbeats only', async () => {
      await warm();
      await group.time.advance(6000);
      let rounds = 0;
      group.network.onSend = ({ type, context }) => {
        if (type === MessageType.MsgHeartbeat && (context?.length ?? 0) > 0) rounds++;
      };
      await group.time.advance(1000);
      expect(rounds).to.equal(0);
      expect(await isServedAlone(leader)).to.equal(false);
    });

    it('wait until the leader itself has applied what is committed, in the middle of a long batch too', async () => {
      await warm();
      const machine = machines.get(leader.id) as Counter;
      const apply = machine.apply.bind(machine);
      const slowly = async (n: number, at: { index: number; term: number }): Promise<number> => {
        await new Promise<void>((resolve) => group.time.after(1, resolve));
        return apply(n, at);
      };
      machine.apply = slowly as never;
      const follower = group.replica(others[0]);
      const added = Array.from({ length: 100 }, () => follower.propose(1));
      // Acknowledged by a follower, which has applied them all.
      await group.time.until(() => valueAt(follower) === 100, 'the follower has applied them');
      expect(valueAt(leader)).to.be.below(50);
      expect(await group.time.settled(read(leader))).to.equal(100);
      await group.time.settled(Promise.all(added));
    });

    it('are linearizable on a follower', async () => {
      await warm();
      await group.time.settled(leader.propose(5));
      const follower = group.replica(others[0]);
      expect(await group.time.settled(read(follower))).to.equal(5);
      expect(await isServedAlone(follower)).to.equal(false);
    });

    it('throw what the function throws', async () => {
      await warm();
      const failing = leader.read(() => Promise.reject(new Error('mine')), { consistency: 'lease' });
      expect(await group.time.settled(failing.catch((error: Error) => error.message))).to.equal('mine');
    });

    it('run the function again if the lease ended meanwhile', async () => {
      await warm();
      let runs = 0;
      const slow = leader.read(
        async () => {
          runs++;
          const value = valueAt(leader);
          await new Promise<void>((resolve) => group.time.after(5 * ELECTION_MS, resolve));
          return value;
        },
        { consistency: 'lease' },
      );
      await group.time.advance(ELECTION_MS / 2);
      group.network.isolate(leader.id, group.ids);
      group.time.after(2 * ELECTION_MS, () => group.network.mend());
      await group.time.settled((await rival()).propose(7));
      expect(await group.time.settled(slow)).to.equal(7);
      expect(runs).to.equal(2);
    });

    it('fail by their deadline where no quorum answers', async () => {
      await warm();
      group.network.isolate(leader.id, group.ids);
      await group.time.advance(ELECTION_MS);
      const failed = read(leader, 50).catch(({ reason }: { reason: string }) => reason);
      expect(await group.time.settled(failed)).to.be.oneOf(['unconfirmed', 'no-leader']);
    });
  });

  describe('ends', () => {
    beforeEach(async () => {
      await begin();
      await warm();
    });

    /** Milliseconds for which the leader serves alone from now on. */
    const servesFor = async (): Promise<number> => {
      const start = group.time.monotonic();
      for (;;) {
        const now = group.time.monotonic();
        const reading = watch(read(leader, 5000));
        await group.time.advance(0);
        if (!reading.settled) {
          reading.promise.catch(() => {});
          return now - start;
        }
        await group.time.advance(1);
      }
    };

    it('0.9 of an election timeout after the round began that a quorum confirmed last', async () => {
      group.network.isolate(leader.id, group.ids);
      expect(await servesFor()).to.be.within(0.9 * ELECTION_MS - TICK_MS - 3, 0.9 * ELECTION_MS);
    });

    it('before anybody else leads: one-way cut', async () => {
      // The others do not hear the leader; it hears them.
      for (const id of others) group.network.cut(leader.id, id);
      const next = rival();
      const alone = await servesFor();
      const lost = group.time.monotonic();
      await next;
      expect(alone).to.be.above(0.6 * ELECTION_MS);
      expect(group.time.monotonic() - lost).to.be.above(0.1 * ELECTION_MS - 2);
    });

    it('before anybody else leads: a voter that restarts stays out of elections', async () => {
      const [near, far] = others;
      // `far` was cut off long ago, would win an election at once, and needs the vote of `near`, who restarts.
      group.network.isolate(far, group.ids);
      await group.time.advance(3 * ELECTION_MS);
      await group.time.settled(leader.propose(1));
      await group.kill(near);
      group.network.mend();
      for (const id of [far, near]) group.network.cut(leader.id, id);
      await group.startMember(near);
      const ended = group.time.monotonic() + (await servesFor());
      expect((await rival()).leadership.leading).to.equal(true);
      expect(group.time.monotonic()).to.be.above(ended);
    });

    it('when this member was frozen, before its first late tick', async () => {
      group.pause(leader.id);
      await group.time.advance(3 * TICK_MS);
      // A client's request is the first thing that the process sees when it wakes.
      const first = watch(read(leader));
      await group.time.advance(0);
      expect(first.settled).to.equal(false);
      group.resume(leader.id);
      expect(await group.time.settled(first.promise)).to.equal(0);
    });

    it('when the monotonic clock stood still while the wall clock went on', async () => {
      const clock = group.time as Clock;
      const wall = clock.wall.bind(clock);
      clock.wall = () => wall() + TICK_MS;
      expect(await isServedAlone(leader)).to.equal(false);
      await group.time.advance(TICK_MS);
      expect(await isServedAlone(leader)).to.equal(true);
    });

    it('before a MsgTimeoutNow leaves, and begins again once the transfer has failed and an entry is committed', async () => {
      const [target] = others;
      const whenSent: { settled: boolean }[] = [];
      group.network.onSend = ({ type }) => {
        if (type === MessageType.MsgTimeoutNow) whenSent.push(watch(read(leader)));
      };
      group.network.isolate(target, group.ids);
      raw(leader).transferLeadership(target);
      await group.time.until(() => whenSent.length > 0, 'a MsgTimeoutNow leaves');
      expect(whenSent.map(({ settled }) => settled)).to.deep.equal([false]);
      // It is renewed with each heartbeat, but not before the transfer was given up.
      expect(await isServedAlone(leader)).to.equal(false);
      await group.time.advance(ELECTION_MS / 2);
      expect(await isServedAlone(leader)).to.equal(false);
      const { term } = leader.leadership;
      await group.time.advance(3 * ELECTION_MS);
      expect(leader.leadership.term).to.equal(term);
      expect(await isServedAlone(leader)).to.equal(true);
    });

    it('for good with the term, and a late MsgTimeoutNow does not make another leader', async () => {
      const [target] = others;
      const { network, time } = group;
      const { term } = leader.leadership;
      // Delivered by hand, long after it was sent.
      const receivers = (network as unknown as { receivers: Map<NodeId, { process(m: unknown): unknown }> }).receivers;
      let late: (() => unknown) | undefined;
      network.onSend = (message) => {
        if (message.type !== MessageType.MsgTimeoutNow) return;
        late = () => receivers.get(target)?.process({ ...message });
        network.cut(leader.id, target);
        time.soon(() => network.mend());
      };
      raw(leader).transferLeadership(target);
      await time.advance(3 * ELECTION_MS);
      await time.settled(leader.propose(1));
      await warm();
      expect(leader.leadership.term).to.equal(term);
      await late?.();
      await time.advance(2);
      expect(group.replica(target).leadership.role).to.equal('StateFollower');
      expect(await isServedAlone(leader)).to.equal(true);
    });

    it('with each change of the membership, until it is confirmed by the new one', async () => {
      inside(leader).onMembership();
      expect(await isServedAlone(leader)).to.equal(false);
      expect(await isServedAlone(leader)).to.equal(true);
    });
  });

  describe('needs the promise of every voter', () => {
    it('which a member whose format cannot write it never gives', async () => {
      const format = defaultFormat<number>(jsonCodec());
      const encode: typeof format.encode = (content, request) => {
        if (content.kind === 'promise') throw new Error('there is no such entry');
        return format.encode(content, request);
      };
      await begin((id) => (id === 2n ? { format: { ...format, encode } } : {}));
      await isServedAlone(leader);
      await group.time.advance(5 * TICK_MS);
      expect(await isServedAlone(leader)).to.equal(false);
      expect(await group.time.settled(read(leader))).to.equal(0);
    });

    it('and no voter of another implementation, whatever the log says of it', async () => {
      await begin((self) => ({
        transport: (receiver) => ({ ...group.network.connect(self, receiver), isForeign: (id) => id === 2n }),
      }));
      await isServedAlone(leader);
      await group.time.advance(5 * TICK_MS);
      expect(await isServedAlone(leader)).to.equal(false);
    });
  });
});
