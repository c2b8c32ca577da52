import {
  decodeConfChangeEntry,
  isConfChangeEntry,
  isEmptySnap,
  MemoryStorage,
  type Message,
  type NodeId,
  RawNode,
  silentLogger,
} from '@raft-ts/raft';
import { raftConfig } from '@raft-ts/raftexample/internal';
import { expect } from 'chai';
import { testRandom } from '../helpers/index.js';

/** Ticks of 100 ms. */
const SECOND = 10;
const MINUTE = 60 * SECOND;
/** Messages that wait for a frozen process in its sockets; the others are lost. */
const WAITING = 4096;

interface Switches {
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
}

const on: Switches = { preVote: true, checkQuorum: true };
const off: Switches = { preVote: false, checkQuorum: false };

type Condition = 'healthy' | 'isolated' | 'frozen';

/** One member as `raftexample` configures it; what waits for it arrives at its next turn. */
class Member {
  readonly node: RawNode;
  readonly storage = new MemoryStorage();
  readonly inbox: Message[] = [];
  condition: Condition = 'healthy';
  committed = 0;

  constructor(id: NodeId, ids: readonly NodeId[], switches: Switches) {
    const config = raftConfig({ id, storage: this.storage, logger: silentLogger, ...switches });
    this.node = new RawNode({ ...config, random: testRandom() });
    this.node.bootstrap(ids.map((peer) => ({ id: peer })));
  }

  get leads(): boolean {
    return this.node.basicStatus().softState.raftState === 'StateLeader';
  }

  get term(): number {
    return this.node.basicStatus().hardState.term;
  }

  /** Takes in what waits, does what is to be done, and returns what it sends. */
  turn(): Message[] {
    const sent: Message[] = [];
    for (const message of this.inbox.splice(0)) this.node.step(message);
    while (this.node.hasReady()) {
      const rd = this.node.ready();
      if (rd.hardState !== undefined) this.storage.setHardState(rd.hardState);
      if (!isEmptySnap(rd.snapshot)) this.storage.applySnapshot(rd.snapshot);
      this.storage.append(rd.entries);
      sent.push(...rd.messages);
      for (const entry of rd.committedEntries) {
        if (isConfChangeEntry(entry)) this.node.applyConfChange(decodeConfChangeEntry(entry));
        this.committed = entry.index;
      }
      this.node.advance();
    }
    return sent;
  }
}

/** Three members and a network without delay, whose time passes tick by tick. */
class Cluster {
  readonly members: readonly Member[];
  /** Ticks of `run` at whose end no member that can reach a majority had committed anything new. */
  stalled = 0;
  /** Something is proposed at every tick. */
  busy = true;

  constructor(switches: Switches) {
    const ids = [1n, 2n, 3n];
    this.members = ids.map((id) => new Member(id, ids, switches));
    this.settle();
    this.until(() => this.leader !== undefined);
  }

  get leader(): Member | undefined {
    const leaders = this.members.filter((member) => member.leads && member.condition === 'healthy');
    return leaders.sort((a, b) => b.term - a.term)[0];
  }

  get term(): number {
    return Math.max(...this.members.map((member) => member.term));
  }

  follower(): Member {
    return this.members.find((member) => member !== this.leader) as Member;
  }

  /** One tick: clocks first, then a proposal, then messages until nobody has any. */
  tick(): void {
    for (const member of this.members) if (member.condition !== 'frozen') member.node.tick();
    const before = Math.max(...this.members.map((member) => member.committed));
    if (this.busy) this.leader?.node.propose(new Uint8Array(5));
    this.settle();
    if (Math.max(...this.members.map((member) => member.committed)) === before) this.stalled++;
  }

  run(ticks: number): void {
    for (let i = 0; i < ticks; i++) this.tick();
  }

  until(condition: () => boolean): void {
    for (let i = 0; !condition(); i++) {
      if (i > MINUTE) throw new Error('what is waited for did not come within a minute');
      this.tick();
    }
  }

  /** The process goes on: its clock has stood still for long, and as many ticks as it may have missed run first. */
  thaw(member: Member, ticks: number): void {
    member.condition = 'healthy';
    for (let i = 0; i < ticks; i++) member.node.tick();
    this.settle();
  }

  settle(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (const from of this.members) {
        if (from.condition === 'frozen') continue;
        for (const message of from.turn()) {
          busy = true;
          const to = this.members.find((member) => member.node.raft.id === message.to) as Member;
          const cut = from.condition === 'isolated' || to.condition === 'isolated';
          // A message belongs to its receiver, who may change it.
          if (!cut && to.inbox.length < WAITING) to.inbox.push({ ...message });
        }
      }
    }
  }
}

describe('raftexample: a member that comes back does not disturb', () => {
  /** What a minute of isolation costs the others once it is over. */
  function isolated(switches: Switches) {
    const cluster = new Cluster(switches);
    const member = cluster.follower();
    const { leader, term } = cluster;
    member.condition = 'isolated';
    cluster.run(MINUTE);
    member.condition = 'healthy';
    cluster.stalled = 0;
    cluster.run(10 * SECOND);
    expect(new Set(cluster.members.map(({ committed }) => committed)).size, 'all have caught up').to.equal(1);
    return { sameLeader: cluster.leader === leader, terms: cluster.term - term, stalled: cluster.stalled };
  }

  /** As above, for two minutes in which a follower neither ticks nor reads, and then does all of it at once. */
  function frozen(switches: Switches, ticks: number) {
    const cluster = new Cluster(switches);
    const member = cluster.follower();
    const { leader, term } = cluster;
    member.condition = 'frozen';
    cluster.run(2 * MINUTE);
    cluster.stalled = 0;
    cluster.thaw(member, ticks);
    cluster.run(10 * SECOND);
    expect(new Set(cluster.members.map(({ committed }) => committed)).size, 'all have caught up').to.equal(1);
    return { sameLeader: cluster.leader === leader, terms: cluster.term - term, stalled: cluster.stalled };
  }

  const undisturbed = { sameLeader: true, terms: 0, stalled: 0 };

  it('after a minute of isolation there is no election, and every tick commits', () => {
    expect(isolated(on)).to.deep.equal(undisturbed);
  });

  it('without PreVote and CheckQuorum it raises the term, and commits stop until the others have elected', () => {
    const { terms, stalled } = isolated(off);
    expect(terms).to.be.greaterThan(10);
    expect(stalled).to.be.greaterThan(5);
  });

  for (const ticks of [1, 2 * MINUTE]) {
    it(`after two frozen minutes and ${ticks} ticks at once there is no election, and every tick commits`, () => {
      expect(frozen(on, ticks)).to.deep.equal(undisturbed);
    });
  }

  it('without PreVote and CheckQuorum a frozen member whose clock catches up makes the others elect', () => {
    const { terms, stalled } = frozen(off, 2 * MINUTE);
    expect(terms).to.be.greaterThan(0);
    expect(stalled).to.be.greaterThan(0);
  });

  it('after a minute in which nothing was proposed there is no election either, although its log is as long as any', () => {
    for (const condition of ['isolated', 'frozen'] as const) {
      const cluster = new Cluster(on);
      cluster.busy = false;
      const member = cluster.follower();
      const { leader, term } = cluster;
      member.condition = condition;
      cluster.run(MINUTE);
      cluster.thaw(member, condition === 'frozen' ? MINUTE : 0);
      cluster.run(10 * SECOND);
      expect([cluster.leader, cluster.term]).to.deep.equal([leader, term]);
    }
  });

  it('a leader that is isolated steps down within two election timeouts, so that nobody waits for it', () => {
    const cluster = new Cluster(on);
    const former = cluster.leader as Member;
    former.condition = 'isolated';
    cluster.run(20);
    expect(former.leads).to.equal(false);
  });

  for (const condition of ['isolated', 'frozen'] as const) {
    it(`a leader that was ${condition} is replaced once, and comes back as a follower without another election`, () => {
      const cluster = new Cluster(on);
      const former = cluster.leader as Member;
      former.condition = condition;
      cluster.until(() => cluster.leader !== undefined);
      const { leader, term } = cluster;
      cluster.run(2 * MINUTE);
      cluster.stalled = 0;
      if (condition === 'frozen') cluster.thaw(former, 2 * MINUTE);
      else former.condition = 'healthy';
      cluster.run(10 * SECOND);
      expect({
        sameLeader: cluster.leader === leader,
        terms: cluster.term - term,
        stalled: cluster.stalled,
      }).to.deep.equal(undisturbed);
      expect(former.leads).to.equal(false);
    });
  }
});
