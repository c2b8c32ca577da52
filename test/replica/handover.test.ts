import { MessageType, type NodeId } from '@raft-ts/raft';
import type { MembershipError, ProposalDropped, ReadFailed, Replica } from '@raft-ts/replica';
import { cluster } from '@raft-ts/replica/memory';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions } from './virtual.js';

type Member = Replica<number, number>;

const ELECTION_MS = 100;

describe('replica: leadership changes hands', () => {
  let group: VirtualCluster<number, number>;

  const found = async (size: number, options: VirtualOptions<number, number> = {}): Promise<Member> => {
    group = new VirtualCluster(size, () => new Counter(), options);
    await group.start();
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    await group.time.advance(50);
    return leader;
  };

  const followersOf = (leader: Member): readonly [Member, Member] => {
    const [a, b] = group.ids.filter((id) => id !== leader.id).map((id) => group.replica(id));
    return [a as Member, b as Member];
  };

  const failure = <E>(call: Promise<unknown>): Promise<E> =>
    group.time.settled(
      call.then(
        () => {
          throw new Error('it did not fail');
        },
        (error: unknown) => error as E,
      ),
    );

  afterEach(() => group.stop());

  describe('transferLeadership', () => {
    it('to the member that is named, on whichever member it is asked for', async () => {
      const leader = await found(3);
      const [a, b] = followersOf(leader);
      expect(await group.time.settled(leader.transferLeadership(a.id))).to.equal(a.id);
      expect(a.leadership.leading).to.equal(true);
      expect(await group.time.settled(leader.transferLeadership(b.id))).to.equal(b.id);
      expect(await group.time.settled(leader.transferLeadership(leader.id))).to.equal(leader.id);
      // It leads already.
      expect(await group.time.settled(a.transferLeadership(leader.id))).to.equal(leader.id);
    });

    it('without a name: to the voter that answers and has the longest log', async () => {
      const leader = await found(3);
      const [a, b] = followersOf(leader);
      group.network.loses = ({ to, from }) => to === a.id && from === leader.id;
      for (let i = 0; i < 5; i++) await group.time.settled(leader.propose(1));
      group.network.loses = () => false;
      expect(await group.time.settled(leader.transferLeadership())).to.equal(b.id);
      // On a follower that is this follower itself.
      expect(await group.time.settled(a.transferLeadership())).to.equal(a.id);
    });

    it('asks again when the request is lost on its way to the leader', async () => {
      const leader = await found(3);
      const [a, b] = followersOf(leader);
      group.network.cut(b.id, leader.id);
      const transferring = b.transferLeadership(a.id);
      await group.time.advance(50);
      expect(leader.leadership.leading).to.equal(true);
      group.network.mend();
      expect(await group.time.settled(transferring)).to.equal(a.id);
    });

    it('not-a-voter: a learner cannot lead, and cannot say who else could', async () => {
      const leader = await found(3);
      await group.time.settled(leader.addMember({ url: 'virtual:4' }, { role: 'learner' }));
      const learner = await group.startMember(4n);
      await group.time.until(() => learner.members().length === 4, 'the learner has joined');
      expect(await failure<MembershipError>(leader.transferLeadership(4n))).to.include({ reason: 'not-a-voter' });
      expect(await failure<MembershipError>(learner.transferLeadership())).to.include({ reason: 'not-a-voter' });
      const [a] = followersOf(leader);
      expect(await group.time.settled(learner.transferLeadership(a.id))).to.equal(a.id);
    });

    it('not-connected: the member does not answer; commands go on meanwhile', async () => {
      const leader = await found(3);
      const [a] = followersOf(leader);
      await group.kill(a.id);
      await group.time.advance(500);
      const failing = failure<MembershipError>(leader.transferLeadership(a.id, { timeoutMs: 1000 }));
      for (let i = 2; i < 20; i++) {
        expect((await group.time.settled(leader.propose(1, { timeoutMs: 30 }))).result).to.equal(i);
      }
      expect(await failing).to.include({ reason: 'not-connected', mayStillHappen: false });
    });

    it('unseen: it was asked for, and the member does not take it', async () => {
      const leader = await found(3);
      const [a] = followersOf(leader);
      group.network.loses = ({ from }) => from === a.id;
      const error = await failure<MembershipError>(leader.transferLeadership(a.id, { timeoutMs: 80 }));
      expect(error.reason).to.equal('unseen');
      expect(error.message).to.include(`member ${leader.id} was asked to hand leadership to member ${a.id}`);
    });

    it('no-leader: there is nobody to hand it over', async () => {
      const leader = await found(3);
      const [a] = followersOf(leader);
      group.network.isolate(a.id, group.ids);
      await group.time.advance(500);
      const error = await failure<MembershipError>(a.transferLeadership(a.id, { timeoutMs: 100 }));
      expect(error.reason).to.equal('no-leader');
    });
  });

  describe('stop', () => {
    it('of a leader hands leadership over before it ends: the others are never without one for an election timeout', async () => {
      const leader = await found(3);
      const [a, b] = followersOf(leader);
      const began = group.time.monotonic();
      await group.time.settled(leader.stop());
      expect(group.time.monotonic() - began).to.be.below(ELECTION_MS / 2);
      expect(a.leadership.leading || b.leadership.leading).to.equal(true);
      expect((await group.time.settled(leader.ended)).reason).to.equal('stopped');
    });

    it('kill hands nothing over', async () => {
      const leader = await found(3);
      const [a, b] = followersOf(leader);
      await group.time.settled(leader.kill());
      expect([a.leadership.leader, b.leadership.leader]).to.deep.equal([leader.id, leader.id]);
    });

    it('lets what is under way come to its end, and takes nothing more', async () => {
      const leader = await found(3);
      const [a] = followersOf(leader);
      for (const [member, result] of [
        [a, 3],
        [leader, 5],
      ] as const) {
        const proposing = member.propose(2);
        const reading = member.read(() => 'read');
        await group.time.advance(0);
        const stopping = member.stop();
        expect(await failure<ProposalDropped>(member.propose(9))).to.include({ outcome: 'dropped', reason: 'stopped' });
        expect(await failure<ReadFailed>(member.read(() => 0))).to.include({ reason: 'stopped' });
        expect((await group.time.settled(proposing)).result).to.equal(result);
        expect(await group.time.settled(reading)).to.equal('read');
        await group.time.settled(stopping);
      }
    });

    it('ends all the same, soon, if nobody can take leadership and nothing can be committed', async () => {
      const leader = await found(3);
      group.network.isolate(leader.id, group.ids);
      const began = group.time.monotonic();
      const proposal = failure<{ reason: string }>(leader.propose(2, { timeoutMs: 60_000 }));
      const reading = failure<ReadFailed>(leader.read(() => 0, { timeoutMs: 60_000 }));
      await group.time.advance(0);
      const stopping = leader.stop();
      expect(leader.stop()).to.equal(stopping);
      await group.time.settled(stopping);
      expect(group.time.monotonic() - began).to.be.at.most(2 * ELECTION_MS + 20);
      expect((await proposal).reason).to.equal('stopped');
      expect((await reading).reason).to.equal('stopped');
      await group.time.settled(leader.stop());
      await group.time.settled(leader.kill());
    });

    it('is what `await using` calls', async () => {
      const members = await cluster(3, () => new Counter());
      const leader = await members.leader();
      const rest = members.replicas.filter(({ id }) => id !== leader.id);
      {
        await using used = leader;
        await used.propose(1);
      }
      expect((await leader.ended).reason).to.equal('stopped');
      const next = await members.leader(AbortSignal.timeout(60_000));
      expect(rest.map(({ id }) => id)).to.include(next.id);
      await members.stop();
    });

    it('a state machine that throws ends its member, which says why', async () => {
      group = new VirtualCluster(1, () => ({
        apply: (n: number) => {
          if (n < 0) throw new Error('below zero');
          return n;
        },
        snapshot: () => new Uint8Array(0),
        restore: () => {},
      }));
      await group.start();
      const leader = await group.leader();
      const proposal = failure<{ reason: string }>(leader.propose(-1));
      const { reason, error } = await group.time.settled(leader.ended);
      expect(reason).to.equal('failed');
      expect((error as Error).message).to.include('the state machine threw');
      expect((await proposal).reason).to.equal('stopped');
      expect(await failure<ProposalDropped>(leader.propose(1))).to.include({ outcome: 'dropped', reason: 'stopped' });
    });
  });
});

describe('replica: a leader that stops', () => {
  it('hands leadership over even if it was elected a moment ago, and has heard of nobody yet', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const group = new VirtualCluster<number, number>(3, () => new Counter(), { seed });
      const handedTo: NodeId[] = [];
      group.network.onSend = ({ type, to }) => {
        if (type === MessageType.MsgTimeoutNow) handedTo.push(to);
      };
      for (const id of group.ids) await group.startMember(id);
      let leader: NodeId | undefined;
      for (const replica of group.replicas.values()) {
        replica.watch('leadership', ({ leading }) => {
          if (leader !== undefined || !leading) return;
          // At the very moment of its election.
          leader = replica.id;
          void replica.stop();
        });
      }
      await group.time.until(() => handedTo.length > 0, `seed ${seed}: leadership is handed over`, 1000);
      group.replicas.delete(leader as NodeId);
      const next = await group.leader();
      expect([next.id], `seed ${seed}`).to.deep.equal(handedTo);
      await group.stop();
    }
  });
});
