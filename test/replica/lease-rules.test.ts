import type { NodeId } from '@raft-ts/raft';
import { Lease, type LeaseHost } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { VirtualTime } from './virtual.js';

const TICK_MS = 10;

describe('replica: what a lease counts on', () => {
  let time: VirtualTime;
  let raft: {
    state: string;
    term: number;
    leadTransferee: NodeId;
    raftLog: { committed: number; lastIndex: () => number };
    trk: { voterNodes: () => readonly NodeId[] };
  };
  let promising: Set<NodeId>;
  let stalled: boolean;
  let probes: number;
  let changes: number;
  let commits: (() => void)[];
  let lease: Lease;

  beforeEach(() => {
    time = new VirtualTime();
    raft = {
      state: 'StateLeader',
      term: 3,
      leadTransferee: 0n,
      raftLog: { committed: 7, lastIndex: () => 8 },
      trk: { voterNodes: () => [1n, 2n, 3n] },
    };
    promising = new Set([1n, 2n, 3n]);
    stalled = false;
    probes = 0;
    changes = 0;
    commits = [];
    lease = new Lease(host());
  });

  const host = (more: Partial<LeaseHost> = {}): LeaseHost => ({
    raft: raft as unknown as LeaseHost['raft'],
    clock: time,
    tickMs: TICK_MS,
    electionTicks: 10,
    heartbeatTicks: 2,
    promising,
    isForeign: () => false,
    isStalled: () => stalled,
    probe: () => probes++,
    commitEmpty: () => new Promise((resolve) => commits.push(() => resolve(undefined))),
    onChange: () => changes++,
    ...more,
  });

  it('a round, from its beginning', async () => {
    const confirmed = lease.begin();
    await time.advance(60);
    expect(lease.obstacle()).to.equal('unconfirmed');
    confirmed();
    expect([lease.obstacle(), lease.remainingMs]).to.deep.equal([undefined, 30]);
    await time.advance(29);
    expect(lease.obstacle()).to.equal(undefined);
    await time.advance(1);
    expect(lease.obstacle()).to.equal('unconfirmed');
  });

  it('the newest round, in whatever order they are confirmed', async () => {
    const first = lease.begin();
    await time.advance(20);
    const second = lease.begin();
    second();
    first();
    expect(lease.remainingMs).to.equal(90);
  });

  it('no round that began before it was void', () => {
    const confirmed = lease.begin();
    lease.void();
    confirmed();
    expect(lease.obstacle()).to.equal('unconfirmed');
    lease.begin()();
    expect(lease.obstacle()).to.equal(undefined);
    expect(changes).to.equal(2);
  });

  it('no round of an earlier term, nor one that was sent to another leader', () => {
    const earlier = lease.begin();
    raft.term = 5;
    earlier();
    expect(lease.obstacle()).to.equal('unconfirmed');
    raft.state = 'StateFollower';
    const forwarded = lease.begin();
    raft.state = 'StateLeader';
    forwarded();
    expect(lease.obstacle()).to.equal('unconfirmed');
  });

  it('no confirmation of an earlier leadership', () => {
    lease.begin()();
    raft.state = 'StateFollower';
    expect(lease.obstacle()).to.equal('not-leading');
    raft.state = 'StateLeader';
    raft.term = 5;
    expect(lease.obstacle()).to.equal('unconfirmed');
  });

  it('nobody who has not promised', () => {
    lease.begin()();
    promising.delete(2n);
    expect([lease.obstacle(), lease.withoutPromise()]).to.deep.equal(['not-promised', [2n]]);
  });

  it('no time for which it was frozen', () => {
    lease.begin()();
    stalled = true;
    expect(lease.obstacle()).to.equal('stalled');
  });

  it('no clock that another one contradicts, back or forth', async () => {
    const { wall } = Object.getPrototypeOf(time) as VirtualTime;
    for (const ms of [TICK_MS, -TICK_MS]) {
      time.wall = wall;
      lease.begin()();
      time.wall = () => wall.call(time) + ms;
      expect(lease.obstacle()).to.equal('clocks');
      time.wall = () => wall.call(time) + ms * 0.9;
      expect(lease.obstacle()).to.equal(undefined);
      await time.advance(1);
    }
  });

  describe('after a MsgTimeoutNow', () => {
    beforeEach(() => lease.begin()());

    it('no round until an entry is committed that the log did not have then', () => {
      expect(lease.handOver()).to.equal(8);
      expect(lease.obstacle()).to.equal('transferring');
      const before = lease.begin();
      raft.raftLog.committed = 8;
      lease.begin()();
      expect(lease.obstacle()).to.equal('transferring');
      raft.raftLog.committed = 9;
      before();
      expect(lease.obstacle()).to.equal('unconfirmed');
      lease.begin()();
      expect(lease.obstacle()).to.equal(undefined);
    });

    it('nothing of it in the next term', () => {
      lease.handOver();
      raft.term = 4;
      lease.begin()();
      expect(lease.obstacle()).to.equal(undefined);
    });

    it('has that entry committed once the transfer has failed, if somebody uses the lease', async () => {
      lease.handOver();
      raft.leadTransferee = 2n;
      lease.use();
      for (let i = 0; i < 4; i++) lease.tick();
      expect(commits).to.have.length(0);
      raft.leadTransferee = 0n;
      for (let i = 0; i < 4; i++) lease.tick();
      expect([commits.length, probes]).to.deep.equal([1, 0]);
      commits[0]?.();
      await time.advance(0);
      raft.raftLog.committed = 9;
      for (let i = 0; i < 2; i++) lease.tick();
      expect([commits.length, probes]).to.deep.equal([1, 1]);
    });
  });

  it('is renewed three times before it ends, however far apart heartbeats are', () => {
    lease = new Lease(host({ heartbeatTicks: 9 }));
    lease.use();
    for (let i = 0; i < 9; i++) lease.tick();
    expect(probes).to.equal(3);
  });

  it('is renewed with each heartbeat while it is used, or held', async () => {
    const ticks = (): number => {
      const before = probes;
      for (let i = 0; i < 10; i++) lease.tick();
      return probes - before;
    };
    expect(ticks()).to.equal(0);
    lease.use();
    expect(ticks()).to.equal(5);
    await time.advance(4999);
    expect(ticks()).to.equal(5);
    await time.advance(1);
    expect(ticks()).to.equal(0);
    const release = lease.hold();
    await time.advance(10_000);
    expect(ticks()).to.equal(5);
    raft.state = 'StateFollower';
    expect(ticks()).to.equal(0);
    raft.state = 'StateLeader';
    release();
    release();
    await time.advance(5000);
    expect(ticks()).to.equal(0);
  });
});
