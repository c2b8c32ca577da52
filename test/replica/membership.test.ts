import { encodeConfChange, encodeConfChangeV2, newMessage } from '@raft-ts/proto';
import {
  ConfChangeType,
  decodeConfChange,
  EntryType,
  isConfChangeEntry,
  type Message,
  MessageType,
  type NodeId,
} from '@raft-ts/raft';
import type { Ended, MemberProgress, MembershipError, Replica } from '@raft-ts/replica';
import { expect } from 'chai';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions } from './virtual.js';

/** The address of a member that is not a founder. */
const at = (id: number): { url: string } => ({ url: `virtual:${id}` });

/** Does this message carry a membership change to the leader? */
function forwards(message: Message, type: ConfChangeType): boolean {
  if (message.type !== MessageType.MsgProp) return false;
  const [entry] = message.entries;
  return entry?.data !== undefined && isConfChangeEntry(entry) && decodeConfChange(entry.data).type === type;
}

describe('replica: members come and go', () => {
  let group: VirtualCluster<number, number>;
  let machines: Map<NodeId, Counter>;

  const found = async (
    size: number,
    options: VirtualOptions<number, number> & { readonly seed?: number } = {},
  ): Promise<Replica<number, number>> => {
    machines = new Map();
    group = new VirtualCluster(
      size,
      (id) => {
        const machine = new Counter();
        machines.set(id, machine);
        return machine;
      },
      options,
    );
    await group.start();
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    return leader;
  };

  const followersOf = (leader: Replica<number, number>): readonly [Replica<number, number>, Replica<number, number>] =>
    group.ids.filter((id) => id !== leader.id).map((id) => group.replica(id)) as unknown as readonly [
      Replica<number, number>,
      Replica<number, number>,
    ];

  const failure = (call: Promise<unknown>): Promise<MembershipError> =>
    group.time.settled(
      call.then(
        () => {
          throw new Error('it did not fail');
        },
        (error: unknown) => error as MembershipError,
      ),
    );

  /** Starts a member as soon as it is a learner. */
  const startWhenAdded = (more: (progress: MemberProgress) => void = () => {}) => ({
    onProgress: (progress: MemberProgress): void => {
      if (progress.phase === 'added') void group.startMember(progress.id);
      more(progress);
    },
  });

  const roles = (replica: Replica<number, number>): (readonly [NodeId, string])[] =>
    replica.members().map(({ id, role }) => [id, role] as const);

  const voters = (...ids: number[]): (readonly [NodeId, string])[] => ids.map((id) => [BigInt(id), 'voter'] as const);

  afterEach(() => group.stop());

  describe('addMember', () => {
    it('hands out an id, adds a learner, tells how far it is, and makes it a voter', async () => {
      const leader = await found(3);
      const heard: MemberProgress[] = [];
      const adding = leader.addMember(
        at(4),
        startWhenAdded((progress) => heard.push(progress)),
      );
      expect(await group.time.settled(adding)).to.deep.equal({ id: 4n, url: 'virtual:4', role: 'voter' });
      expect(roles(leader)).to.deep.equal(voters(1, 2, 3, 4));
      const phases = heard.map(({ phase }) => phase);
      expect(phases.filter((phase, i) => phase !== phases[i - 1])).to.deep.equal(['added', 'catching-up', 'promoted']);
      expect(heard.filter(({ match, target }) => match !== undefined && target !== undefined)).not.to.be.empty;
      await group.time.until(() => machines.get(4n)?.value === 1, 'the new member has the state');
    });

    it('tells how far it is once an election timeout at most, although that changes all the time', async () => {
      const leader = await found(3);
      let told = 0;
      const adding = leader.addMember(at(4), {
        timeoutMs: 1_000,
        onProgress: ({ phase }) => void (told += phase === 'catching-up' ? 1 : 0),
      });
      const failed = failure(adding);
      // It never runs, and the others go on.
      for (let i = 0; i < 80; i++) {
        await group.time.settled(leader.propose(1));
        await group.time.advance(10);
      }
      expect((await failed).reason).to.equal('not-caught-up');
      expect(told).to.be.within(3, 12);
    });

    it('asked for on two members at once for one address, adds one', async () => {
      const leader = await found(3);
      const [one, two] = followersOf(leader);
      for (const pair of [
        [one, two],
        [leader, leader],
        [leader, one],
      ] as const) {
        const url = `virtual:${pair[0].id}-${pair[1].id}`;
        const calls = pair.map((member) => member.addMember({ url }, { role: 'learner' }));
        const settled = await group.time.settled(Promise.allSettled(calls));
        const refused = settled
          .filter((call) => call.status === 'rejected')
          .map(({ reason }) => reason as MembershipError);
        expect(refused.map(({ reason }) => reason)).to.deep.equal(['url-used']);
        expect(leader.members().filter((member) => member.url === url)).to.have.length(1);
      }
      // A follower that has not seen the first yet may forward the second: the leader is who knows.
      const { guard } = inside(leader).roster;
      const context = new TextEncoder().encode('virtual:2');
      const second = (id: bigint) => () =>
        guard.check({ id, type: ConfChangeType.ConfChangeAddLearnerNode, nodeId: 99n, context });
      expect(second(0n)).to.throw('member 2 has the address virtual:2').with.property('reason', 'url-used');
      expect(second(2n), 'it is to replace member 2').not.to.throw();
    });

    it('works on a member that does not lead', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      expect((await group.time.settled(other.addMember(at(4), startWhenAdded()))).id).to.equal(4n);
      expect(roles(other)).to.deep.equal(voters(1, 2, 3, 4));
    });

    it('gives two that are added at once, on two members, two ids', async () => {
      const [a, b] = followersOf(await found(3));
      const adding = [a.addMember(at(4), startWhenAdded()), b.addMember(at(5), startWhenAdded())];
      const added = await group.time.settled(Promise.all(adding));
      expect(added.map(({ id }) => id)).to.have.members([4n, 5n]);
      await group.time.until(() => a.members().length === 5, 'both are there');
      expect(roles(a)).to.deep.equal(voters(1, 2, 3, 4, 5));
    });

    it('does not make it a voter before it has caught up, whoever asks', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      for (const replica of [leader, other]) {
        const error = await failure(replica.addMember(at(Number(replica.id) + 10), { timeoutMs: 2000 }));
        expect(error.reason).to.equal('not-caught-up');
        expect(roles(replica)).to.deep.include([error.id, 'learner']);
      }
    });

    it('goes on where a call gave up, with the id that the error names', async () => {
      const leader = await found(3);
      const { id } = await failure(leader.addMember(at(4), { timeoutMs: 2000 }));
      await group.startMember(id as NodeId);
      const added = await group.time.settled(leader.addMember({ ...at(4), id }));
      expect(added).to.deep.equal({ id, url: 'virtual:4', role: 'voter' });
    });

    it('leaves it a learner if that is what it is to be', async () => {
      const leader = await found(3);
      expect((await group.time.settled(leader.addMember(at(4), { role: 'learner' }))).role).to.equal('learner');
      expect(roles(leader)).to.deep.equal([...voters(1, 2, 3), [4n, 'learner']]);
    });

    it('proposes again what got lost on its way to the leader', async () => {
      const [other] = followersOf(await found(3));
      const lost = new Map<ConfChangeType, number>();
      group.network.loses = (message) => {
        for (const type of [ConfChangeType.ConfChangeAddLearnerNode, ConfChangeType.ConfChangeAddNode]) {
          if (!forwards(message, type)) continue;
          const before = lost.get(type) ?? 0;
          lost.set(type, before + 1);
          return before < 2;
        }
        return false;
      };
      expect((await group.time.settled(other.addMember(at(4), startWhenAdded()))).role).to.equal('voter');
      expect(Math.min(...lost.values())).to.be.above(2);
    });

    it('goes on with the next leader when the leader dies while the new member catches up', async () => {
      const leader = await found(5);
      const [other] = followersOf(leader);
      const added: NodeId[] = [];
      const adding = other.addMember(at(6), {
        onProgress: ({ phase, id }) => {
          if (phase === 'added') added.push(id);
        },
      });
      await group.time.until(() => added.length > 0, 'it is a learner');
      await group.time.advance(300);
      await group.kill(leader.id);
      await group.time.advance(300);
      await group.startMember(added[0] as NodeId);
      expect((await group.time.settled(adding)).role).to.equal('voter');
      const next = await group.leader();
      expect(next.id).not.to.equal(leader.id);
      expect(roles(next)).to.deep.equal(voters(1, 2, 3, 4, 5, 6));
    });

    it('gives the core’s reason if the leader refuses until the deadline, and is retried until then', async () => {
      const leader = await found(3);
      const add = (id: bigint, timeoutMs: number) =>
        leader.addMember({ ...at(Number(id)), id }, { role: 'learner', timeoutMs });
      const [first, second, third] = [add(11n, 1000), failure(add(12n, 50)), add(13n, 1000)];
      const error = await second;
      expect(error.reason).to.equal('refused');
      expect(error.message).to.include('possible unapplied conf change');
      expect(error.mayStillHappen).to.equal(false);
      await group.time.settled(Promise.all([first, third]));
      expect(roles(leader)).to.deep.equal([...voters(1, 2, 3), [11n, 'learner'], [13n, 'learner']]);
    });

    it('gets a new member in although the only older snapshot does not name it', async () => {
      const leader = await found(3, { snapshots: { everyEntries: 50, keepEntries: 1, keepEntriesForSlow: 1 } });
      for (let i = 0; i < 100; i++) await group.time.settled(leader.propose(1));
      expect((await group.time.settled(leader.addMember(at(4), startWhenAdded()))).role).to.equal('voter');
      await group.time.until(() => machines.get(4n)?.value === 101, 'the new member has the state');
      expect(machines.get(4n)?.applied.length).to.be.below(50);
    });
  });

  describe('a change that makes no sense is refused, with a sentence', () => {
    const refusals: readonly {
      readonly reason: string;
      readonly size: number;
      readonly says: string;
      readonly call: (leader: Replica<number, number>) => Promise<unknown>;
    }[] = [
      { reason: 'unknown-id', size: 3, says: 'no member 9', call: (r) => r.removeMember(9n) },
      { reason: 'unknown-id', size: 3, says: 'no member 9', call: (r) => r.replaceMember(9n, at(4)) },
      { reason: 'unknown-id', size: 3, says: 'no member 9', call: (r) => r.transferLeadership(9n) },
      { reason: 'id-used', size: 3, says: 'at virtual:2', call: (r) => r.addMember({ ...at(4), id: 2n }) },
      { reason: 'url-used', size: 3, says: 'replaceMember(2n', call: (r) => r.addMember(at(2)) },
      { reason: 'last-voter', size: 1, says: 'only voter', call: (r) => r.removeMember(1n) },
    ];
    for (const { reason, size, says, call } of refusals) {
      it(`${reason}: ${says}`, async () => {
        const error = await failure(call(await found(size)));
        expect(error).to.include({ code: 'ERR_RAFT_MEMBERSHIP', reason, mayStillHappen: false });
        expect(error.message).to.include(says);
      });
    }

    it('a leader takes no change whose address is none, or that gives a member another one', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      const engine = inside(leader);
      const { transport } = engine;
      transport.checkPeer = ([url]) => {
        if (url?.startsWith('virtual:') !== true) throw new Error(`'${url}' is no address`);
      };
      const {
        ConfChangeAddLearnerNode: learner,
        ConfChangeUpdateNode: update,
        ConfChangeAddNode: voter,
      } = ConfChangeType;
      const refusals: readonly (readonly [
        string,
        number,
        readonly (readonly [number, NodeId])[],
        string | Uint8Array,
      ])[] = [
        ['refused', 0, [[learner, 9n]], 'nonsense'],
        ['refused', 0, [[learner, 9n]], Uint8Array.of(0xff, 0xfe)],
        ['refused', 0, [[learner, 9n]], `virtual:${'a'.repeat(2048)}`],
        ['url-used', 0, [[learner, 9n]], `virtual:${other.id}`],
        ['id-used', 0, [[update, other.id]], 'virtual:elsewhere'],
        ['id-used', 0, [[voter, other.id]], 'virtual:elsewhere'],
        ['id-used', 2, [[99, other.id]], 'virtual:elsewhere'],
        [
          'url-used',
          2,
          [
            [learner, 9n],
            [learner, 10n],
          ],
          'virtual:9',
        ],
      ];
      for (const [reason, version, steps, address] of refusals) {
        const context = typeof address === 'string' ? new TextEncoder().encode(address) : address;
        const changes = steps.map(([type, nodeId]) => ({ type: type as ConfChangeType, nodeId }));
        const [{ type, nodeId }] = changes as [(typeof changes)[number]];
        const entry =
          version === 2
            ? { type: EntryType.EntryConfChangeV2, data: encodeConfChangeV2({ transition: 0, changes, context }) }
            : { type: EntryType.EntryConfChange, data: encodeConfChange({ id: 0n, type, nodeId, context }) };
        const message = newMessage(MessageType.MsgProp, leader.id);
        message.from = other.id;
        message.entries = [{ ...entry, term: 0, index: 0 }];
        expect(() => engine.roster.guard.checkForwarded(message), `${reason} ${String(address).slice(0, 40)}`)
          .to.throw()
          .with.property('reason', reason);
      }
      const long = failure(leader.addMember({ url: `virtual:${'a'.repeat(2048)}` }));
      expect(await long).to.include({ code: 'ERR_RAFT_REPLICA_OPTIONS', reason: 'url' });
      expect(leader.members().map(({ url }) => url)).to.deep.equal(['virtual:1', 'virtual:2', 'virtual:3']);
      // What is asked for again changes nothing.
      const again = {
        id: 0n,
        type: update,
        nodeId: other.id,
        context: new TextEncoder().encode(`virtual:${other.id}`),
      };
      expect(() => engine.roster.guard.check(again)).not.to.throw();
    });

    it('id-used: a call without an id, after a peer has added the highest that there is', async () => {
      const leader = await found(3);
      // The two above are those of threads of storage.
      const highest = 2n ** 64n - 3n;
      const added = leader.addMember({ url: 'virtual:highest', id: highest }, { role: 'learner' });
      await group.time.settled(added);
      expect((await failure(leader.addMember(at(5), { timeoutMs: 1000 }))).reason).to.equal('id-used');
      expect(leader.snapshotHead().lastId).to.equal(highest);
    });

    it('id-used: the id of a member that was removed', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      await group.time.settled(leader.removeMember(other.id));
      expect((await failure(leader.addMember({ ...at(7), id: other.id }))).reason).to.equal('id-used');
      const { id } = await group.time.settled(leader.addMember(at(8), { role: 'learner' }));
      expect(id).to.equal(4n);
    });

    it('needs-both: one of two voters, while the other one does not answer', async () => {
      const leader = await found(2);
      const [other] = followersOf(leader);
      await group.kill(other.id);
      const error = await failure(leader.removeMember(other.id));
      expect(error.reason).to.equal('needs-both');
      expect(error.message).to.include('one of two voters');
      await group.startMember(other.id);
      await group.leader();
      await group.time.settled(leader.removeMember(other.id));
      expect(roles(leader)).to.deep.equal(voters(Number(leader.id)));
    });

    it('unhealthy: a voter without which those that remain are no majority', async () => {
      const leader = await found(3);
      const [dead, alive] = followersOf(leader);
      await group.kill(dead.id);
      await group.time.advance(500);
      const error = await failure(leader.removeMember(alive.id, { timeoutMs: 1000 }));
      expect(error.reason).to.equal('unhealthy');
      expect(error.message).to.include(`member ${dead.id} does not answer`);
      // Asked for elsewhere it is refused all the same.
      expect((await failure(alive.removeMember(alive.id, { timeoutMs: 1000 }))).reason).to.equal('unseen');
      await group.time.settled(leader.removeMember(dead.id));
      await group.time.settled(leader.removeMember(alive.id));
    });

    it('no-leader: nobody can be asked', async () => {
      const leader = await found(3);
      group.network.isolate(leader.id, group.ids);
      await group.time.advance(1000);
      expect((await failure(leader.addMember(at(4), { timeoutMs: 2000 }))).reason).to.equal('no-leader');
    });

    it('aborted, and stopped', async () => {
      const leader = await found(3);
      const controller = new AbortController();
      const aborted = failure(leader.addMember(at(4), { signal: controller.signal }));
      const stopped = failure(leader.addMember(at(5)));
      await group.time.advance(200);
      controller.abort(new Error('enough'));
      expect(await aborted).to.include({ reason: 'aborted', id: 4n });
      group.replicas.delete(leader.id);
      void leader.stop();
      expect((await stopped).reason).to.equal('stopped');
      expect((await failure(leader.addMember(at(6), { signal: controller.signal }))).reason).to.equal('aborted');
    });

    it('takes no address that is none, and no signal that is none', async () => {
      const leader = await found(1);
      expect((await failure(leader.addMember({ url: '' }))).code).to.equal('ERR_RAFT_REPLICA_OPTIONS');
      expect((await failure(leader.addMember({ ...at(2), id: 0n }))).code).to.equal('ERR_RAFT_REPLICA_OPTIONS');
      const signal = 'now' as unknown as AbortSignal;
      expect((await failure(leader.removeMember(1n, { signal }))).code).to.equal('ERR_RAFT_ARGUMENT');
    });
  });

  describe('a change that comes late', () => {
    it('does not take the vote of a member that was promoted meanwhile', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      const late: Message[] = [];
      group.network.onSend = (message) => {
        if (forwards(message, ConfChangeType.ConfChangeAddLearnerNode)) late.push(message);
      };
      await group.time.settled(other.addMember(at(4), startWhenAdded()));
      expect(late).not.to.be.empty;
      for (const message of late) group.network.repeat(message);
      await group.time.advance(500);
      expect(roles(leader)).to.deep.equal(voters(1, 2, 3, 4));
    });

    it('does not bring a member back that was removed meanwhile', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      const late: Message[] = [];
      group.network.onSend = (message) => {
        if (message.type === MessageType.MsgProp && message.entries.some(isConfChangeEntry)) late.push(message);
      };
      await group.time.settled(other.addMember(at(4), startWhenAdded()));
      await group.time.settled(other.removeMember(4n));
      for (const message of late) group.network.repeat(message);
      await group.time.advance(500);
      expect(roles(leader)).to.deep.equal(voters(1, 2, 3));
    });
  });

  describe('removeMember', () => {
    it('removes a member, which is told so and stops, while the others go on', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      await group.time.settled(leader.removeMember(other.id));
      const ended = await group.time.settled(other.ended);
      expect(ended.reason).to.equal('removed');
      expect((ended.error as Error).message).to.include('was removed from the cluster');
      expect((await group.time.settled(leader.propose(1))).result).to.equal(2);
      // Again, and on another member: it is done.
      await group.time.settled(leader.removeMember(other.id));
    });

    it('goes by the present membership, also on a member that has not heard of it yet', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      group.network.isolate(other.id, group.ids);
      await group.time.settled(leader.addMember(at(4), { role: 'learner' }));
      group.network.mend();
      await group.time.settled(other.removeMember(4n));
      expect(roles(other)).to.deep.equal(voters(1, 2, 3));
    });

    it('tells a member that was cut off meanwhile when it comes back', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      group.network.isolate(other.id, group.ids);
      await group.time.settled(leader.removeMember(other.id));
      await group.time.advance(5000);
      let ended: Ended | undefined;
      other.watch('ended', (end) => {
        ended = end;
      });
      expect(ended).to.equal(undefined);
      group.network.mend();
      expect((await group.time.settled(other.ended)).reason).to.equal('removed');
      group.replicas.delete(other.id);
      await group.startMember(other.id);
      expect((await group.time.settled(group.replica(other.id).ended)).reason).to.equal('removed');
    });

    it('is done for a member that removes itself when the others say so, though it has not applied that', async () => {
      const leader = await found(3);
      const [goes] = followersOf(leader);
      // It is never told of anything that is committed from now on.
      const { index } = leader.applied;
      group.network.loses = ({ to, commit }) => to === goes.id && commit > index;
      await group.time.settled(goes.removeMember(goes.id));
      expect(goes.members().map(({ id }) => id)).to.include(goes.id);
      expect((await group.time.settled(goes.ended)).reason).to.equal('removed');
    });

    it('hands leadership over first if it is the leader that goes', async () => {
      const leader = await found(3);
      const [other] = followersOf(leader);
      await group.time.settled(leader.removeMember(leader.id));
      // Without an election, which takes 100 ms at least.
      expect((await group.time.settled(other.propose(1, { timeoutMs: 50 }))).result).to.equal(2);
      expect((await group.time.settled(leader.ended)).reason).to.equal('removed');
      const next = await group.leader();
      expect(roles(next)).to.deep.equal(voters(...group.ids.filter((id) => id !== leader.id).map(Number)));
    });
  });

  describe('replaceMember', () => {
    it('puts a new member in the place of one that is dead, at the same address', async () => {
      const leader = await found(3);
      const [dead] = followersOf(leader);
      await group.kill(dead.id);
      const replaced = await group.time.settled(leader.replaceMember(dead.id, at(Number(dead.id)), startWhenAdded()));
      expect(replaced).to.deep.equal({ id: 4n, url: `virtual:${dead.id}`, role: 'voter' });
      expect(roles(leader)).to.deep.equal(voters(...group.ids.filter((id) => id !== dead.id).map(Number), 4));
      await group.time.until(() => machines.get(4n)?.value === 1, 'the new member has the state');
    });

    it('can replace the leader, and the only voter there is', async () => {
      for (const size of [3, 1]) {
        const leader = await found(size);
        await group.time.settled(leader.replaceMember(leader.id, at(9), startWhenAdded()));
        expect((await group.time.settled(leader.ended)).reason).to.equal('removed');
        const next = await group.leader();
        expect(roles(next).length).to.equal(size);
        expect((await group.time.settled(next.propose(1))).result).to.equal(2);
        await group.stop();
      }
    });

    it('puts a learner in the place of a learner', async () => {
      const leader = await found(1);
      await group.time.settled(leader.addMember(at(2), { role: 'learner' }));
      const { role } = await group.time.settled(leader.replaceMember(2n, at(2)));
      expect(role).to.equal('learner');
      expect(roles(leader)).to.deep.equal([
        [1n, 'voter'],
        [3n, 'learner'],
      ]);
    });

    it('keeps the old one reachable, and its votes good, until the joint change has been left', async () => {
      const leader = await found(2);
      const [other] = followersOf(leader);
      const added = await group.time.settled(leader.addMember(at(3), { ...startWhenAdded(), role: 'learner' }));
      await group.time.until(() => machines.get(3n)?.value === 1, 'the learner has the state');
      // The old one does not answer from the moment at which the joint configuration holds.
      leader.watch('membership', () => {
        if (leader.status().config.voters.outgoing.size === 0) return;
        for (const id of [leader.id, 3n]) group.network.cut(other.id, id);
      });
      const replacing = leader.replaceMember(other.id, added);
      await group.time.until(() => leader.status().config.voters.outgoing.size > 0, 'the configuration is joint');
      await group.time.advance(1000);
      expect(roles(leader)).to.deep.include([other.id, 'voter']);
      group.network.mend();
      await group.time.settled(replacing);
      expect(roles(await group.leader())).to.deep.equal(voters(Number(leader.id), 3));
      expect((await group.time.settled(other.ended)).reason).to.equal('removed');
    });
  });

  describe('addresses', () => {
    it('are known to a member that restarts with nothing but a snapshot, whoever was added meanwhile', async () => {
      const leader = await found(3, { snapshots: { everyEntries: 10, keepEntries: 1, keepEntriesForSlow: 1 } });
      const [other] = followersOf(leader);
      await group.time.settled(leader.addMember(at(4), startWhenAdded()));
      for (let i = 0; i < 50; i++) await group.time.settled(leader.propose(1));
      await group.time.until(() => (group.logs.get(other.id)?.firstIndex() ?? 0) > 10, 'its log is compacted');
      await group.kill(other.id);
      await group.startMember(other.id, { bootstrap: { peers: [{ id: other.id, url: 'virtual:x' }] } });
      const expected = new Map(leader.members().map(({ id, url }) => [id, [url]]));
      expected.delete(other.id);
      expect(group.network.dialled.get(other.id)).to.deep.equal(expected);
    });

    it('that a transport cannot dial end nobody, and are warned of', async () => {
      const warnings: string[] = [];
      const warn = (text: string): void => void warnings.push(text);
      const leader = await found(2, {
        logger: { debugEnabled: false, debug() {}, info() {}, warn, error: warn },
        dial: ({ url }) => {
          if (url === 'nonsense') throw new Error('no address');
          return [url];
        },
      });
      const added = await group.time.settled(leader.addMember({ url: 'nonsense' }, { role: 'learner' }));
      expect((await group.time.settled(leader.propose(1))).result).to.equal(2);
      expect(warnings.join('\n')).to.include(`replaceMember(${added.id}n`);
    });
  });

  it('all of it, in a network that loses, repeats and delays, while commands go on', async function everything() {
    for (let seed = 1; seed <= 5; seed++) {
      const leader = await found(3, { seed });
      group.network.faults = { drop: 0.1, duplicate: 0.1, delay: [1, 20] };
      const [a, b] = followersOf(leader);
      let going = true;
      const commands = (async (): Promise<number> => {
        let applied = 0;
        while (going) {
          const { outcome } = await a.attempt(1, { timeoutMs: 100 });
          if (outcome === 'applied') applied++;
        }
        return applied;
      })();
      const { id } = await group.time.settled(a.addMember(at(4), startWhenAdded()));
      await group.time.settled(a.removeMember(b.id, { timeoutMs: 30_000 }));
      const replaced = await group.time.settled(a.replaceMember(leader.id, at(5), startWhenAdded()));
      const last = await group.time.settled(a.transferLeadership(id, { timeoutMs: 30_000 }));
      going = false;
      const applied = await group.time.settled(commands);
      group.network.faults = {};
      const { result } = await group.time.settled(a.propose(1, { timeoutMs: 30_000 }));
      expect(result, `seed ${seed}: what was acknowledged is there`).to.be.at.least(applied + 2);
      expect(last).to.equal(id);
      expect(roles(a).map(([member]) => member)).to.deep.equal(
        [a.id, id, replaced.id].sort((x, y) => (x < y ? -1 : 1)),
      );
      for (const gone of [leader, b]) expect((await group.time.settled(gone.ended)).reason).to.equal('removed');
      await group.stop();
    }
  });
});
