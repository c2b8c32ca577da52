import type { ProposalDropped, ProposalUnknown } from '@raft-ts/replica';
import { expect } from 'chai';
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
});
