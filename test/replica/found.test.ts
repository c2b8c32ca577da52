import type { NodeId } from '@raft-ts/raft';
import { defaultFormat, foundFromState, jsonCodec, MemoryLog } from '@raft-ts/replica';
import { expect } from 'chai';
import { Counter } from './machines.js';
import { VirtualCluster } from './virtual.js';

const format = defaultFormat<number>(jsonCodec());
const peersOf = (members: VirtualCluster<number, number>): { id: NodeId; url: string }[] =>
  members.ids.map((id) => ({ id, url: `virtual:${id}` }));

describe('replica: a cluster that begins with the state of another', () => {
  let former: VirtualCluster<number, number>;
  let members: VirtualCluster<number, number>;
  beforeEach(async () => {
    former = new VirtualCluster(1, () => new Counter());
    await former.start();
    members = new VirtualCluster(3, () => new Counter(), { seed: 2 });
  });
  afterEach(async () => {
    await former.stop();
    await members.stop();
  });

  it('goes on after its index with its sessions, under members of its own', async () => {
    const old = await former.leader();
    const session = await former.time.settled(old.openSession());
    expect((await former.time.settled(session.propose(7))).result).to.equal(7);
    const { state } = session;
    const at = old.applied;
    for (const id of members.ids) {
      const log = new MemoryLog();
      const machine = new Counter();
      machine.value = 7;
      await foundFromState(log, {
        peers: peersOf(members).toReversed(),
        at,
        stateMachine: machine,
        format,
        former: { ...old.snapshotHead(), removed: [2n, 40n] },
      });
      members.logs.set(id, log);
      expect([log.isNew, log.lastIndex(), log.founders]).to.deep.equal([false, at.index, [1n, 2n, 3n]]);
      await members.startMember(id);
    }
    const leader = await members.leader();
    expect(leader.members().map(({ id }) => id)).to.deep.equal([1n, 2n, 3n]);
    const head = leader.snapshotHead();
    expect([head.removed, head.lastId]).to.deep.equal([[], 40n]);
    expect(leader.leadership.term).to.be.above(at.term);
    const added = await members.time.settled(leader.propose(5));
    expect(added.result).to.equal(12);
    expect(added.index).to.be.above(at.index);
    // The number was used in the former cluster, so the command is not applied again.
    const resumed = leader.resumeSession({ ...state, next: 1 });
    expect((await members.time.settled(resumed.propose(7))).result).to.equal(7);
    expect((await members.time.settled(leader.propose(1))).result).to.equal(13);
  });

  it('is refused in a log that is not new, without founders, and at what is no position', async () => {
    const founding = {
      peers: peersOf(members),
      at: { index: 5, term: 1 },
      stateMachine: new Counter(),
      format,
    };
    const used = new MemoryLog();
    await foundFromState(used, founding);
    const [one] = peersOf(members) as [{ id: NodeId; url: string }];
    for (const [log, wrong, reason] of [
      [new MemoryLog(), { ...founding, peers: [one, { id: 2n, url: one.url }] }, 'peers'],
      [new MemoryLog(), { ...founding, peers: [one, { id: one.id, url: 'virtual:9' }] }, 'peers'],
      [new MemoryLog(), { ...founding, peers: [{ id: 0n, url: '' }] }, 'peers'],
      [new MemoryLog(), { ...founding, peers: [{ id: 1n, url: undefined as never }] }, 'peers'],
      [new MemoryLog(), { ...founding, peers: undefined as never }, 'peers'],
      [used, founding, 'log'],
      [new MemoryLog(), { ...founding, peers: [] }, 'peers'],
      [new MemoryLog(), { ...founding, at: { index: 0, term: 1 } }, 'at'],
      [new MemoryLog(), { ...founding, at: { index: 1, term: 0.5 } }, 'at'],
    ] as const) {
      const error: unknown = await foundFromState(log, wrong).catch((caught: unknown) => caught);
      expect(error).to.include({ code: 'ERR_RAFT_REPLICA_OPTIONS', reason });
      expect(log === used || log.isNew).to.equal(true);
    }
  });
});
