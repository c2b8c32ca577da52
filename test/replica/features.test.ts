import { MessageType, type NodeId } from '@raft-ts/raft';
import { defaultFormat, jsonCodec, type ProposalDropped, type Replica } from '@raft-ts/replica';
import { Group } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster, type VirtualOptions } from './virtual.js';

const TICK_MS = 10;
/** Long enough for an election and for several attempts to open features. */
const LONG_MS = 100 * TICK_MS;

type Member = Replica<number, number>;

/** What the cluster agrees on about features when its members are those of this list. */
function groupOf(...members: readonly NodeId[]): Group {
  const group = new Group();
  for (const id of members) group.members.set(id, '');
  return group;
}

describe('replica: the entry that opens features', () => {
  const entry = { level: 1, members: [1n, 2n], term: 3 };

  it('opens them for good if it names every member and stands in its own term', () => {
    const group = groupOf(1n, 2n);
    expect(group.openFeatures(entry, 3)).to.equal(true);
    expect(group.features).to.equal(1);
    expect(group.openFeatures(entry, 3), 'once').to.equal(false);
    expect(group.openFeatures({ ...entry, level: 2, members: [2n, 1n, 9n] }, 3)).to.equal(true);
    expect(group.openFeatures(entry, 3)).to.equal(false);
    expect(group.features, 'never less').to.equal(2);
  });

  it('says nothing if somebody else has become a member, or it comes from the leader of another term', () => {
    for (const [members, term] of [
      [[1n, 2n, 3n], 3],
      [[1n, 2n], 4],
      [[1n, 2n], 2],
    ] as const) {
      const group = groupOf(...members);
      expect(group.openFeatures(entry, term)).to.equal(false);
      expect(group.features).to.equal(0);
    }
  });

  it('is read back by the default format, and what is no such entry is nothing', () => {
    const format = defaultFormat(jsonCodec());
    const content = { kind: 'features', level: 7, members: [1n, 2n ** 64n - 1n], term: 2 ** 40 } as const;
    const bytes = format.encode(content, { member: 1n, boot: 5, sequence: 6 });
    expect(format.decode(bytes)).to.deep.equal({ content, request: { boot: 5, sequence: 6 } });
    expect(format.decode(bytes.subarray(0, -1))).to.equal(undefined);
    expect(format.decode(bytes.subarray(0, 20))).to.equal(undefined);
  });
});

describe('replica: features', function features() {
  let group: VirtualCluster<number, number>;
  const counters = new Map<NodeId, Counter>();
  /** What each member shows to the others, and what the transport of each was told to ask for. */
  let shows: Map<NodeId, number>;
  let required: Map<NodeId, number>;

  const options = (id: NodeId): VirtualOptions<number, number> => ({
    features: 1,
    transport: (receiver) =>
      Object.assign(group.network.connect(id, receiver), {
        featuresOf: (other: NodeId) => shows.get(other) ?? 0,
        requireFeatures: (level: number) => void required.set(id, level),
      }),
  });
  const begin = async (levels: readonly number[], more: VirtualOptions<number, number> = {}): Promise<void> => {
    shows = new Map(levels.map((level, i) => [BigInt(i + 1), level]));
    required = new Map();
    group = new VirtualCluster(
      levels.length,
      (id) => {
        const counter = new Counter();
        counters.set(id, counter);
        return counter;
      },
      more,
    );
    for (const id of group.ids) await group.startMember(id, { ...options(id), ...more });
    await group.promised();
  };
  const open = (): number[] => [...group.replicas.values()].map((replica) => replica.features.open);
  const opened = (): Promise<void> =>
    group.time.until(() => open().every((level) => level === 1), 'features are open on every member');
  const positions = (id: NodeId): Counter['applied'] => (counters.get(id) as Counter).applied;
  const add = (replica: Member): Promise<unknown> => group.time.settled(replica.propose(1));
  const stayClosed = async (): Promise<void> => {
    await group.time.advance(LONG_MS);
    expect(open().every((level) => level === 0)).to.equal(true);
    expect(required.size).to.equal(0);
  };

  afterEach(() => group.stop());

  it('open once every member shows them: commands are told so, and transports ask for them', async () => {
    await begin([1, 1, 1]);
    await opened();
    const leader = await group.leader();
    expect(leader.features).to.deep.equal({ open: 1, missing: [] });
    expect([...required]).to.have.deep.members(group.ids.map((id) => [id, 1]));
    expect(leader.explain({ features: true }).code).to.equal('features-open');
    await add(leader);
    await group.time.advance(LONG_MS);
    for (const id of group.ids) expect(positions(id).map((at) => at.features)).to.deep.equal([1]);
  });

  for (const who of ['one that votes', 'the leader itself'] as const) {
    it(`stay closed while a member shows none: ${who}`, async () => {
      await begin([1, 1, 0]);
      const leader = await group.leader();
      if (who === 'the leader itself') {
        // A leader of another implementation proposes nothing of the kind; here it is the one that understands nothing.
        await group.kill(3n);
        await group.startMember(3n, { ...options(3n), features: 0 });
        await group.time.settled((await group.leader()).transferLeadership(3n));
      }
      await stayClosed();
      await add(await group.leader());
      expect(positions(leader.id).map((at) => at.features)).to.deep.equal([0]);
      const other = group.replica(1n);
      expect(other.features).to.deep.equal({ open: 0, missing: [3n] });
      expect(other.explain({ features: true })).to.deep.include({ code: 'features-missing' });
      expect(other.explain({ features: true }).text).to.include('member 3 does not show them');
    });
  }

  it('open after the member has left that showed none, and the entry of a leader is not needed twice', async () => {
    await begin([1, 1, 0]);
    await stayClosed();
    await group.time.settled(group.replica(1n).removeMember(3n));
    await group.kill(3n).catch(() => {});
    await opened();
    const last = inside(await group.leader()).raw.raft.raftLog.lastIndex();
    await group.time.advance(LONG_MS);
    expect(inside(await group.leader()).raw.raft.raftLog.lastIndex()).to.equal(last);
  });

  it('stay closed while a member has not answered in this term, even if it showed them before', async () => {
    await begin([0, 1, 1]);
    const leader = await group.leader();
    const silent = group.ids.find((id) => id !== leader.id) as NodeId;
    group.network.isolate(silent, group.ids);
    // A new term begins, in which the silent member answers nothing.
    const heir = group.ids.find((id) => id !== leader.id && id !== silent) as NodeId;
    await group.time.settled(leader.transferLeadership(heir));
    shows.set(1n, 1);
    await stayClosed();
    expect(group.replica(heir).features.missing).to.deep.equal([silent]);
    group.network.mend();
    await opened();
  });

  it('do not open for whom somebody joins while the entry is under way', async () => {
    await begin([0, 1, 1]);
    const leader = await group.leader();
    const { group: state } = inside(leader);
    // The entry is in the log; before it is applied there is a member that it does not name.
    let held = true;
    group.network.loses = ({ type, entries }) => held && type === MessageType.MsgApp && entries.length > 0;
    shows.set(1n, 1);
    const { raftLog } = inside(leader).raw.raft;
    const before = raftLog.lastIndex();
    await group.time.until(() => raftLog.lastIndex() > before, 'the entry is in the log');
    for (const replica of group.replicas.values()) inside(replica).group.members.set(9n, 'virtual:9');
    held = false;
    await group.time.advance(LONG_MS);
    expect(state.features).to.equal(0);
    expect(leader.features.missing).to.deep.equal([9n]);
  });

  it('are learned from a snapshot too, also when a member starts', async () => {
    await begin([1, 1, 1], { snapshots: { everyEntries: 5, keepEntries: 1, keepEntriesForSlow: 1 } });
    await opened();
    for (let i = 0; i < 20; i++) await add(await group.leader());
    shows.set(4n, 1);
    const leader = await group.leader();
    const joined = leader.addMember({ url: 'virtual:4', id: 4n }, { role: 'learner' });
    await group.time.settled(joined);
    required.clear();
    await group.startMember(4n, options(4n));
    await group.time.until(() => group.replica(4n).features.open === 1, 'the newcomer knows that they are open');
    expect(required.get(4n)).to.equal(1);
    expect(positions(4n).length).to.be.below(20);
    await group.kill(4n);
    required.clear();
    await group.startMember(4n, options(4n));
    expect(required.get(4n), 'before anything else').to.equal(1);
  });

  it('sessions need them in a format that other readers read without sessions', async () => {
    const format = { ...defaultFormat<number>(jsonCodec()), sessionsNeedFeatures: true };
    await begin([1, 1, 0], { format });
    const leader = await group.leader();
    const refused: unknown = await group.time.settled(leader.openSession()).catch((error: unknown) => error);
    expect((refused as ProposalDropped).reason).to.equal('features');
    shows.set(3n, 1);
    await opened();
    const session = await group.time.settled(leader.openSession());
    expect((await group.time.settled(session.propose(1))).result).to.equal(1);
  });

  it('sessions of the default format stay when members start again with a level of features', async () => {
    await begin([0], { features: 0 });
    const session = await group.time.settled((await group.leader()).openSession());
    expect((await group.time.settled(session.propose(1))).result).to.equal(1);
    await group.kill(1n);
    const { id, next } = session.state;
    const after = await group.startMember(1n, options(1n));
    const resumed = after.resumeSession({ id, next });
    expect((await group.time.settled(resumed.propose(1))).result).to.equal(2);
    const again = after.resumeSession({ id, next });
    expect((await group.time.settled(again.propose(1))).result, 'once').to.equal(2);
  });

  for (const own of [0, 1]) {
    describe(`of level 2, to a member that is set back to ${own}, end it`, () => {
      const refused = { code: 'ERR_RAFT_REPLICA_OPTIONS', reason: 'features' };
      const set = (id: NodeId): VirtualOptions<number, number> => ({ ...options(id), features: own });
      /** Opens level 2, and writes one command more. */
      const open2 = async (more: VirtualOptions<number, number> = {}): Promise<void> => {
        await begin([2, 2, 2], { ...more, features: 2 });
        await group.time.until(() => open().every((level) => level === 2), 'level 2 is open');
        await add(await group.leader());
        await group.time.advance(LONG_MS);
      };

      it('when its log is replayed, before it applies what comes after', async () => {
        await open2();
        await group.kill(3n);
        const replica = await group.startMember(3n, set(3n));
        const { reason, error } = await group.time.settled(replica.ended);
        expect(reason).to.equal('failed');
        expect(error).to.include(refused);
        expect((error as Error).message).to.include('level 2');
        expect(positions(3n)).to.deep.equal([]);
      });

      it('when it starts from a snapshot', async () => {
        await open2({ snapshots: { everyEntries: 3, keepEntries: 1, keepEntriesForSlow: 1 } });
        for (let i = 0; i < 10; i++) await add(await group.leader());
        await group.time.advance(LONG_MS);
        await group.kill(3n);
        const error: unknown = await group.startMember(3n, set(3n)).catch((caught: unknown) => caught);
        expect(error).to.include(refused);
      });

      it('when the entry comes from the leader', async () => {
        await begin([2, 2, 0], { features: 2 });
        await group.kill(3n);
        const replica = await group.startMember(3n, set(3n));
        await group.time.advance(LONG_MS);
        expect(replica.running).to.equal(true);
        // It had shown them before it was set back.
        shows.set(3n, 2);
        const { reason, error } = await group.time.settled(replica.ended);
        expect(reason).to.equal('failed');
        expect(error).to.include(refused);
      });
    });
  }
});
