import { ConfChangeType, type NodeId, type RawNode } from '@raft-ts/raft';
import type { ProposalDropped, ProposalUnknown, ProposeOptions, Replica } from '@raft-ts/replica';
import { expect } from 'chai';
import { inside } from './inside.js';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

type Failure = ProposalDropped | ProposalUnknown;

describe('replica: what a proposal that fails says', () => {
  let group: VirtualCluster<number, number>;

  beforeEach(async () => {
    group = new VirtualCluster(3, () => new Counter());
    await group.start();
  });

  afterEach(() => group.stop());

  const failure = async (proposal: Promise<unknown>): Promise<[string, string]> => {
    const error = await group.time.settled(
      proposal.then(
        () => new Error('it did not fail'),
        (reason: unknown) => reason as Failure,
      ),
    );
    return [(error as Failure).outcome, (error as Failure).reason];
  };

  it('dropped, no-leader: nobody was there to hand it to', async () => {
    const leader = await group.leader();
    const [other] = group.ids.filter((id) => id !== leader.id);
    group.network.isolate(other as bigint, group.ids);
    await group.time.advance(1000);
    expect(await failure(group.replica(other as bigint).propose(1, { timeoutMs: 500 }))).to.deep.equal([
      'dropped',
      'no-leader',
    ]);
  });

  it('unknown, deadline: it was sent to a leader that cannot be reached', async () => {
    const leader = await group.leader();
    const [other] = group.ids.filter((id) => id !== leader.id);
    await group.time.settled(leader.propose(1));
    group.network.isolate(other as bigint, group.ids);
    expect(await failure(group.replica(other as bigint).propose(1, { timeoutMs: 20 }))).to.deep.equal([
      'unknown',
      'deadline',
    ]);
  });

  it('unknown, leadership-lost: the leader that it was sent to was replaced, long before the deadline', async () => {
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    const [follower] = group.ids.filter((id) => id !== leader.id);
    group.network.cut(follower as bigint, leader.id);
    const began = group.time.monotonic();
    const lost = failure(group.replica(follower as bigint).propose(1, { timeoutMs: 60_000 }));
    await group.time.advance(5);
    await group.kill(leader.id);
    expect(await lost).to.deep.equal(['unknown', 'leadership-lost']);
    expect(group.time.monotonic() - began).to.be.below(2000);
  });

  it('dropped, replaced: another leader’s entry was committed in its place', async () => {
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    group.network.isolate(leader.id, group.ids);
    const lost = failure(leader.propose(100, { timeoutMs: 60_000 }));
    group.replicas.delete(leader.id);
    await group.time.advance(1000);
    const next = await group.leader();
    await group.time.settled(next.propose(2));
    group.replicas.set(leader.id, leader);
    group.network.mend();
    expect(await lost).to.deep.equal(['dropped', 'replaced']);
  });

  const othersThan = (id: NodeId): [NodeId, NodeId] => group.ids.filter((one) => one !== id) as [NodeId, NodeId];
  const rawOf = (replica: Replica<number, number>): RawNode => inside(replica).raw;

  /** The leader, cut off with a command in its log that nobody else has. */
  const cutOff = async (
    options: ProposeOptions = {},
  ): Promise<[Replica<number, number>, Promise<[string, string]>]> => {
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    group.network.isolate(leader.id, group.ids);
    const lost = failure(leader.propose(100, options));
    await group.time.advance(5);
    return [leader, lost];
  };

  /** A member that knows no leader, with a command that waits for one. */
  const leaderless = async (
    options: ProposeOptions = {},
  ): Promise<[Replica<number, number>, Promise<[string, string]>]> => {
    const [id] = othersThan((await group.leader()).id);
    group.network.isolate(id, group.ids);
    const replica = group.replica(id);
    await group.time.until(() => replica.leadership.leader === 0n, 'it knows no leader');
    const waits = failure(replica.propose(1, options));
    await group.time.advance(5);
    return [replica, waits];
  };

  it('dropped, transferring: leadership was being handed over until the deadline', async () => {
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    const [heir] = othersThan(leader.id);
    group.network.isolate(heir, group.ids);
    rawOf(leader).transferLeadership(heir);
    expect(await failure(leader.propose(1, { timeoutMs: 50 }))).to.deep.equal(['dropped', 'transferring']);
    // The heir did not come; the leader goes on.
    expect((await group.time.settled(leader.propose(1))).result).to.equal(2);
  });

  it('dropped, not-leading: only the leader can do this', async () => {
    const [follower] = othersThan((await group.leader()).id);
    await group.time.advance(50);
    const { proposals } = inside(group.replica(follower));
    const asked = proposals.submit(undefined, () => undefined, { timeoutMs: 500, leaderOnly: true });
    expect(await failure(asked)).to.deep.equal(['dropped', 'not-leading']);
  });

  it('dropped, not-leading, on a member that does not know its leader, where others wait in their order', async () => {
    const [follower] = othersThan((await group.leader()).id);
    await group.time.advance(50);
    const { proposals, group: known } = inside(group.replica(follower));
    const members = new Map(known.members);
    known.members.clear();
    const submit = (content: string, leaderOnly: boolean): Promise<unknown> =>
      proposals.submit(content, () => undefined, { timeoutMs: 60_000, leaderOnly });
    const first = submit('first', false);
    const only = failure(submit('only', true));
    const second = submit('second', false);
    expect(await group.time.settled(only, 100)).to.deep.equal(['dropped', 'not-leading']);
    expect(proposals.waiting).to.equal(2);
    const queue = Reflect.get(proposals, 'queue') as readonly { readonly sequence: number }[];
    const sequences = queue.map(({ sequence }) => sequence);
    expect(sequences).to.deep.equal(sequences.toSorted((a, b) => a - b));
    for (const [id, url] of members) known.members.set(id, url);
    await group.time.settled(Promise.allSettled([first, second]));
  });

  it('dropped, removed: this member leads, and is no longer in the configuration', async () => {
    await group.stop();
    group = new VirtualCluster(3, () => new Counter(), { stepDownOnRemoval: false });
    await group.start();
    const leader = await group.leader();
    await group.time.settled(leader.propose(1));
    rawOf(leader).proposeConfChange({
      type: ConfChangeType.ConfChangeRemoveNode,
      nodeId: leader.id,
      id: 0n,
      context: undefined,
    });
    await group.time.until(() => leader.members().length === 2, 'the change is applied');
    expect(await failure(leader.propose(1))).to.deep.equal(['dropped', 'removed']);
  });

  it('dropped, session-expired: nobody knows the session', async () => {
    const leader = await group.leader();
    const place = { session: 12_345, sequence: 1, acknowledged: 1 };
    expect(await failure(leader.propose(1, { place }))).to.deep.equal(['dropped', 'session-expired']);
  });

  it('dropped, too-large: it takes more bytes than a command may', async () => {
    const leader = await group.leader();
    const large = 'x'.repeat(17 * 2 ** 20) as unknown as number;
    expect(await failure(leader.propose(large))).to.deep.equal(['dropped', 'too-large']);
  });

  it('dropped, aborted: before it was handed over, or called with a signal that has aborted', async () => {
    const controller = new AbortController();
    const [replica, waits] = await leaderless({ signal: controller.signal });
    controller.abort();
    expect(await waits).to.deep.equal(['dropped', 'aborted']);
    expect(await failure(replica.propose(1, { signal: controller.signal }))).to.deep.equal(['dropped', 'aborted']);
  });

  it('dropped, stopped: before it was handed over, or called on a member that has stopped', async () => {
    const [replica, waits] = await leaderless();
    await group.time.settled(replica.stop());
    expect(await waits).to.deep.equal(['dropped', 'stopped']);
    expect(await failure(replica.propose(1))).to.deep.equal(['dropped', 'stopped']);
  });

  it('unknown, leadership-lost: it is in the log of a member that led', async () => {
    const [leader, lost] = await cutOff({ timeoutMs: 1000 });
    await group.time.until(() => !leader.leadership.leading, 'it has stepped down');
    expect(await lost).to.deep.equal(['unknown', 'leadership-lost']);
  });

  it('unknown, aborted: after it was handed over', async () => {
    const controller = new AbortController();
    const [, lost] = await cutOff({ signal: controller.signal });
    controller.abort();
    expect(await lost).to.deep.equal(['unknown', 'aborted']);
  });

  it('unknown, stopped: after it was handed over', async () => {
    const [leader, lost] = await cutOff();
    await group.time.settled(leader.stop());
    expect(await lost).to.deep.equal(['unknown', 'stopped']);
  });

  it('unknown, snapshot-skipped: the entries among which its fate stood came as a snapshot', async () => {
    await group.stop();
    const snapshots = { everyEntries: 5, keepEntries: 1, keepEntriesForSlow: 1 };
    group = new VirtualCluster(3, () => new Counter(), { snapshots });
    await group.start();
    const [leader, lost] = await cutOff({ timeoutMs: 60_000 });
    group.replicas.delete(leader.id);
    await group.time.advance(500);
    const next = await group.leader();
    for (let i = 0; i < 30; i++) await group.time.settled(next.propose(1));
    group.replicas.set(leader.id, leader);
    group.network.mend();
    expect(await lost).to.deep.equal(['unknown', 'snapshot-skipped']);
    // What it skipped was applied neither here nor elsewhere.
    expect((await group.time.settled(leader.propose(1))).result).to.equal(32);
  });
});
