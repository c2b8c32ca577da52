import { MemoryStorage, MessageType, type NodeId, RawNode, silentLogger } from '@raft-ts/raft';
import type { Explanation, Question, Replica } from '@raft-ts/replica';
import { Contacts, explain, type LeaseObstacle } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

/** A state machine that applies when it is told to. */
class Held extends Counter {
  hold: Promise<void> | undefined = undefined;

  override apply(n: number, at: { index: number; term: number }): number {
    if (this.hold === undefined) return super.apply(n, at);
    return this.hold.then(() => super.apply(n, at)) as unknown as number;
  }
}

describe('replica: explain', () => {
  let group: VirtualCluster<number, number>;
  let machines: Map<NodeId, Held>;

  const begin = async (size: number, started: readonly NodeId[]): Promise<void> => {
    machines = new Map();
    group = new VirtualCluster(size, (id) => {
      const machine = new Held();
      machines.set(id, machine);
      return machine;
    });
    for (const id of started) await group.startMember(id);
  };

  const others = (leader: Replica<number, number>): [Replica<number, number>, Replica<number, number>] => {
    const [one, two] = group.ids.filter((id) => id !== leader.id);
    return [group.replica(one as NodeId), group.replica(two as NodeId)];
  };

  afterEach(() => group.stop());

  describe('why is there no leader?', () => {
    it('leading, following', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      await group.time.settled(leader.propose(1));
      expect(leader.explain().code).to.equal('leading');
      const [follower] = others(leader);
      await group.time.until(() => follower.leadership.leader === leader.id, 'the follower follows');
      expect(follower.explain()).to.deep.equal({
        code: 'following',
        text: `Member ${leader.id} leads in term 2, and member ${follower.id} follows it.`,
      });
    });

    it('waiting-for-timeout, then votes-missing: the others do not run', async () => {
      await begin(3, [1n]);
      await group.time.advance(30);
      const alone = group.replica(1n);
      expect(alone.explain().code).to.equal('waiting-for-timeout');
      await group.time.until(() => alone.leadership.role === 'StatePreCandidate', 'it campaigns');
      await group.time.advance(50);
      const { code, text } = alone.explain();
      expect(code).to.equal('votes-missing');
      expect(text).to.match(
        /^Member 1 asks whether it would win an election in term 1, and has 1 of the 2 it needs: member 2 cannot be reached since \d\.\d s, member 3 /,
      );
    });

    it('not-a-member: a joining member that nobody has added', async () => {
      await begin(3, [1n, 2n, 3n]);
      const joiner = await group.startMember(4n);
      await group.time.advance(500);
      expect(joiner.explain().code).to.equal('not-a-member');
    });

    it('stopped', async () => {
      await begin(3, [1n, 2n, 3n]);
      const one = group.replica(1n);
      await group.kill(1n);
      expect(one.explain().code).to.equal('stopped');
    });
  });

  describe('why is index N not committed?', () => {
    it('applied, beyond-log, waiting-for-quorum, not-leading', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      await group.time.settled(leader.propose(1));
      // Members have nothing more to announce.
      await group.time.advance(50);
      const { index } = leader.applied;
      expect(leader.explain({ index }).code).to.equal('applied');
      expect(leader.explain({ index: index + 100 }).code).to.equal('beyond-log');
      group.network.isolate(leader.id, group.ids);
      const lost = group.time.settled(leader.propose(2, { timeoutMs: 5 }).catch(() => {}));
      await group.time.advance(3);
      const { code, text } = leader.explain({ index: index + 1 });
      expect(code).to.equal('waiting-for-quorum');
      expect(text).to.match(
        new RegExp(`^Index ${index + 1} is on 1 voter of the 2 it needs: member \\d has ${index}, `),
      );
      await lost;
      await group.time.until(() => !leader.leadership.leading, 'it steps down');
      expect(leader.explain({ index: index + 1 }).code).to.equal('not-leading');
    });

    it('applying: the state machine is behind', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      // Every member has announced its promise.
      await group.time.advance(100);
      const { index } = await group.time.settled(leader.propose(1));
      let release = (): void => {};
      (machines.get(leader.id) as Held).hold = new Promise((resolve) => {
        release = resolve;
      });
      const waiting = leader.propose(2);
      await group.time.until(() => leader.status().hardState.commit > index, 'it is committed');
      const { code, text } = leader.explain({ index: index + 1 });
      expect([code, text]).to.deep.equal([
        'applying',
        `Index ${index + 1} is committed, and member ${leader.id} has applied up to ${index}: its state machine is 1 entry behind.`,
      ]);
      release();
      await group.time.settled(waiting);
    });

    it('apply-stuck: a promise of apply() does not settle; it is warned of once, and named until it does', async () => {
      const lines: string[] = [];
      const logger = { ...silentLogger, warn: (text: string) => void lines.push(text) };
      group = new VirtualCluster(1, () => new Held(), { logger });
      const alone = await group.startMember(1n);
      await group.leader();
      const { index } = await group.time.settled(alone.propose(1));
      let release = (): void => {};
      (inside(alone).options.stateMachine as Held).hold = new Promise((resolve) => {
        release = resolve;
      });
      const waiting = alone.propose(2);
      await group.time.advance(50);
      expect(alone.explain().code).to.equal('leading');
      await group.time.advance(1_000);
      const [general, ofIndex] = [alone.explain(), alone.explain({ index: index + 1 })];
      expect(general).to.deep.equal(ofIndex);
      expect(general.code).to.equal('apply-stuck');
      expect(general.text).to.match(
        new RegExp(
          `^apply\\(\\) of the state machine of member 1 has not come back for 1\\.\\d s, at index ${index + 1}:`,
        ),
      );
      expect(lines.filter((line) => line.includes('has not come back'))).to.have.length(1);
      release();
      await group.time.settled(waiting);
      expect(alone.explain().code).to.equal('leading');
    });
  });

  describe('why is a member behind?', () => {
    it('self, up-to-date, not-leading, unknown-member', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      await group.time.settled(leader.propose(1));
      await group.time.advance(50);
      const [follower] = others(leader);
      expect(leader.explain({ member: leader.id }).code).to.equal('self');
      expect(leader.explain({ member: follower.id }).code).to.equal('up-to-date');
      expect(follower.explain({ member: leader.id }).code).to.equal('not-leading');
      expect(leader.explain({ member: 9n }).code).to.equal('unknown-member');
      expect(follower.explain({ member: 9n }).code).to.equal('unknown-member');
    });

    it('unreachable: messages to it are lost', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      const [follower] = others(leader);
      group.network.isolate(follower.id, group.ids);
      await group.time.settled(leader.propose(1));
      await group.time.advance(50);
      expect(leader.explain({ member: follower.id }).code).to.equal('unreachable');
    });

    it('silent: it receives, and does not answer', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      const [follower] = others(leader);
      group.network.cut(follower.id, leader.id);
      await group.time.settled(leader.propose(1));
      await group.time.advance(500);
      expect(leader.explain({ member: follower.id }).code).to.equal('silent');
    });
  });

  describe('why does a member not get its snapshot?', () => {
    it('snapshot-failing: it answers, and has no room; until one arrives', async () => {
      machines = new Map();
      const snapshots = { everyEntries: 5, keepEntries: 1, keepEntriesForSlow: 1 };
      group = new VirtualCluster(3, () => new Counter(), { snapshots });
      for (const id of group.ids) await group.startMember(id);
      await group.promised();
      const leader = await group.leader();
      const [follower] = others(leader);
      const question = { member: follower.id };
      group.network.isolate(follower.id, group.ids);
      for (let i = 0; i < 20; i++) await group.time.settled(leader.propose(1));
      await group.time.advance(200);
      expect(leader.explain(question).code).to.equal('unreachable');
      const full = 'no space for the snapshot: free some (http status 507)';
      const failed: unknown[] = [];
      leader.watch('snapshot', ({ phase, error }) => void (phase === 'send-failed' && failed.push(error)));
      group.network.loses = ({ type }) => type === MessageType.MsgSnap && new Error(full);
      group.network.mend();
      await group.time.until(() => leader.explain(question).text.includes('3 times'), 'it has failed three times');
      const { code, text } = leader.explain(question);
      expect(code).to.equal('snapshot-failing');
      expect(text).to.match(
        /^Member \d needs entries that are compacted here, .* 3 times in a row, for \d\.\d s: no space/u,
      );
      expect(text).to.include(full).and.to.include('mend the cause');
      expect(failed).to.have.length.at.least(3);
      expect(String(failed[0])).to.include(full);
      group.network.loses = () => false;
      await group.time.until(() => follower.applied.index === leader.applied.index, 'it has caught up');
      await group.time.advance(50);
      expect(leader.explain(question).code).to.equal('up-to-date');
    });
  });

  describe('branches that a RawNode alone brings about', () => {
    /** Member 1 of these voters and learners, whose log holds `last` entries of term 1. */
    const member = (voters: readonly NodeId[], learners: readonly NodeId[] = [], last = 1): RawNode => {
      const storage = new MemoryStorage();
      const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
      storage.applySnapshot({ data: undefined, metadata: { index: 1, term: 1, confState } });
      storage.append(
        Array.from({ length: last - 1 }, (_, i) => ({ type: undefined, term: 1, index: i + 2, data: undefined })),
      );
      storage.setHardState({ term: 1, vote: 0n, commit: 1 });
      const limits = { maxSizePerMsg: 1 << 20, maxInflightMsgs: 1, logger: silentLogger };
      return new RawNode({ id: 1n, electionTick: 10, heartbeatTick: 1, storage, preVote: true, ...limits });
    };

    let obstacle: LeaseObstacle | undefined;
    const lease = { obstacle: () => obstacle, withoutPromise: () => [2n], remainingMs: 0 };

    const answer = (
      raw: RawNode,
      question: Question = {},
      removed: readonly NodeId[] = [],
      contacts = new Contacts({ monotonic: () => 0 }),
    ): Explanation =>
      explain(
        {
          id: 1n,
          raw,
          group: { members: new Map([[1n, '']]), removed: new Set(removed) },
          contacts,
          founders: undefined,
          ended: false,
          applied: 1,
          stuck: undefined,
          divergence: undefined,
          tickMs: 10,
          slowestRead: undefined,
          features: { level: 0, open: 0, missing: [] },
          lease,
        },
        question,
      );
    const ask = (...args: Parameters<typeof answer>): string => answer(...args).code;

    const lead = (raw: RawNode): RawNode => {
      raw.raft.becomeCandidate();
      raw.raft.becomeLeader();
      return raw;
    };

    it('votes-refused: all others have refused', () => {
      const raw = member([1n, 2n, 3n, 4n, 5n]);
      raw.campaign();
      const votes = raw.raft.trk;
      for (const id of [2n, 3n, 4n]) votes.recordVote(id, id === 2n);
      expect(ask(raw)).to.equal('votes-missing');
      votes.recordVote(5n, false);
      votes.recordVote(1n, true);
      expect(ask(raw)).to.equal('votes-refused');
    });

    it('learner-without-leader', () => {
      expect(ask(member([2n], [1n]))).to.equal('learner-without-leader');
      expect(ask(member([2n]))).to.equal('learner-without-leader');
    });

    it('removed: this member, or the one that is asked about', () => {
      expect(ask(member([2n]), {}, [1n])).to.equal('removed');
      expect(ask(member([1n, 2n]), { member: 3n }, [3n])).to.equal('removed');
    });

    it('no-lease-stalled, -not-promised, -transferring, -clocks', () => {
      for (const why of ['stalled', 'not-promised', 'transferring', 'clocks'] as const) {
        obstacle = why;
        expect(ask(lead(member([1n, 2n])), { lease: true })).to.equal(`no-lease-${why}`);
      }
    });

    it('earlier-term: an entry of a former leader', () => {
      expect(ask(lead(member([1n, 2n, 3n], [], 5)), { index: 4 })).to.equal('earlier-term');
    });

    it('not-leading: no leader, so nothing is committed', () => {
      expect(ask(member([1n, 2n, 3n], [], 5), { index: 4 })).to.equal('not-leading');
    });

    it('probing, catching-up, snapshot', () => {
      const raw = lead(member([1n, 2n, 3n]));
      const pr = raw.raft.trk.progress.get(2n) as NonNullable<ReturnType<typeof raw.raft.trk.progress.get>>;
      pr.recentActive = true;
      expect(ask(raw, { member: 2n })).to.equal('probing');
      pr.becomeReplicate();
      expect(ask(raw, { member: 2n })).to.equal('catching-up');
      pr.becomeSnapshot(1);
      expect(ask(raw, { member: 2n })).to.equal('snapshot');
      const contacts = new Contacts({ monotonic: () => 0 });
      const text = (size: number | undefined): string => {
        contacts.sendingSnapshot(2n, { index: 1, bytes: 3 * 2 ** 19, size });
        return answer(raw, { member: 2n }, [], contacts).text;
      };
      expect(text(2 ** 30)).to.match(/the snapshot at 1, 1\.5 MiB of 1024\.0 MiB so far\.$/u);
      expect(text(undefined)).to.match(/the snapshot at 1, 1\.5 MiB so far\.$/u);
    });
  });

  describe('why is there no lease?', () => {
    it('leased, no-lease-not-leading, no-lease-unconfirmed', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      await group.promised();
      const [follower] = others(leader);
      await group.time.settled(leader.propose(1));
      expect(follower.explain({ lease: true })).to.deep.equal({
        code: 'no-lease-not-leading',
        text: `Member ${follower.id} has no lease: only the leader has one, which is member ${leader.id}: ask there.`,
      });
      await group.time.advance(10_000);
      expect(leader.explain({ lease: true }).code).to.equal('no-lease-unconfirmed');
      await group.time.settled(leader.read(() => 1, { consistency: 'lease' }));
      const { code, text } = leader.explain({ lease: true });
      expect(code).to.equal('leased');
      expect(text).to.match(/^Member \d has a lease, for [\d.]+ ms unless it is renewed\.$/u);
    });
  });

  describe('why was a read slow?', () => {
    it('no-slow-read', async () => {
      await begin(3, [1n, 2n, 3n]);
      expect((await group.leader()).explain({ read: true }).code).to.equal('no-slow-read');
    });

    it('read-without-leader', async () => {
      await begin(3, [1n, 2n, 3n]);
      await group.time.settled(group.replica(1n).read(() => {}));
      expect(group.replica(1n).explain({ read: true }).code).to.equal('read-without-leader');
    });

    it('read-unconfirmed: the round was slow', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      await group.time.settled(leader.propose(1));
      await group.time.settled(leader.read(() => {}));
      expect(leader.explain({ read: true }).code).to.equal('read-unconfirmed');
    });

    it('one that fails is unconfirmed while a leader is known, also if other reads took all rounds', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      group.network.isolate(leader.id, group.ids);
      const reads: Promise<unknown>[] = [];
      for (let i = 0; i < 8; i++) {
        reads.push(leader.read(() => {}, { timeoutMs: 50 }).catch(({ reason }: { readonly reason: string }) => reason));
        await group.time.advance(1);
      }
      expect(await group.time.settled(Promise.all(reads))).to.deep.equal(reads.map(() => 'unconfirmed'));
    });

    it('read-behind: the state machine was', async () => {
      await begin(3, [1n, 2n, 3n]);
      const leader = await group.leader();
      await group.time.settled(leader.propose(1));
      let release = (): void => {};
      (machines.get(leader.id) as Held).hold = new Promise((resolve) => {
        release = resolve;
      });
      const proposal = leader.propose(2);
      await group.time.advance(10);
      const read = leader.read(() => {});
      await group.time.advance(100);
      release();
      await group.time.settled(Promise.all([read, proposal]));
      expect(leader.explain({ read: true }).code).to.equal('read-behind');
    });
  });
});

describe('replica: contacts', () => {
  it('know how far a snapshot is that is being sent, of members alone, until it has ended', () => {
    const contacts = new Contacts({ monotonic: () => 0 });
    for (const id of [2n, 3n]) contacts.sendingSnapshot(id, { index: 7, bytes: 0, size: undefined });
    expect(contacts.snapshotSent(2n, 7)).to.equal(undefined);
    for (const id of [2n, 3n]) contacts.sendingSnapshot(id, { index: 7, bytes: 5, size: 9 });
    expect(contacts.snapshotSent(2n, 7)).to.deep.equal({ index: 7, bytes: 5, size: 9 });
    expect(contacts.snapshotSent(2n, 8)).to.equal(undefined);
    contacts.keep(new Map([[2n, '']]));
    expect(contacts.snapshotSent(3n, 7)).to.equal(undefined);
    contacts.sentSnapshot(2n, 'failure', undefined);
    expect(contacts.snapshotSent(2n, 7)).to.equal(undefined);
  });

  it('snapshots that failed are counted since the last one that arrived, of members alone', () => {
    let now = 0;
    const contacts = new Contacts({ monotonic: () => now });
    for (const error of ['first', 'second']) {
      contacts.sentSnapshot(2n, 'failure', error);
      contacts.sentSnapshot(3n, 'failure', error);
      now += 10;
    }
    expect(contacts.snapshotFailures(2n)).to.deep.equal({ count: 2, forMs: 20, error: 'second' });
    contacts.sentSnapshot(2n, 'finish', undefined);
    contacts.keep(new Map([[2n, '']]));
    expect([2n, 3n].map((id) => contacts.snapshotFailures(id))).to.deep.equal([undefined, undefined]);
  });
});
