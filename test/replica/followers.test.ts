import type { NodeId } from '@raft-ts/raft';
import { Followers } from '@raft-ts/replica/internal';
import { expect } from 'chai';

interface Seen {
  match: number;
  recentActive: boolean;
  state: 'StateProbe' | 'StateReplicate' | 'StateSnapshot';
}

/** A leader of term 1, member 1, as its RawNode shows it. */
class Leader {
  term = 1;
  leads = true;
  commit = 100;
  readonly progress = new Map<NodeId, Seen>();
  readonly followers: Followers;

  constructor() {
    const raw = {
      basicStatus: () => ({
        hardState: { term: this.term, vote: 1n, commit: this.commit },
        softState: { raftState: this.leads ? 'StateLeader' : 'StateFollower' },
      }),
      withProgress: (visit: (id: NodeId, type: string, seen: Seen) => void) => {
        for (const [id, seen] of this.progress) visit(id, 'ProgressTypePeer', seen);
      },
    };
    this.followers = new Followers({ self: 1n, raw: raw as never, electionTicks: 10 });
  }

  set(id: NodeId, seen: Partial<Seen> = {}): void {
    this.progress.set(id, { match: 100, recentActive: true, state: 'StateReplicate', ...seen });
  }

  ticks(count: number): void {
    for (let i = 0; i < count; i++) this.followers.tick();
  }
}

describe('replica: what a leader knows of the others', () => {
  it('a member answers for an election timeout after it was last heard', () => {
    const leader = new Leader();
    leader.set(2n);
    leader.ticks(1);
    // Raft clears this at the start of each election timeout.
    leader.set(2n, { recentActive: false });
    leader.ticks(10);
    expect(leader.followers.answers(2n)).to.equal(true);
    leader.ticks(1);
    expect(leader.followers.answers(2n)).to.equal(false);
    expect(leader.followers.answers(1n), 'itself').to.equal(true);
  });

  it('a member that was just added has not answered yet', () => {
    const leader = new Leader();
    leader.set(2n, { match: 0 });
    leader.ticks(1);
    expect(leader.followers.answers(2n)).to.equal(false);
  });

  it('what was known in a former leadership does not count', () => {
    const leader = new Leader();
    leader.set(2n);
    leader.ticks(1);
    leader.set(2n, { recentActive: false, match: 0 });
    leader.term = 3;
    leader.ticks(1);
    expect(leader.followers.answers(2n)).to.equal(false);
  });

  it('a follower has caught up once it has what was committed an election timeout ago', () => {
    const leader = new Leader();
    leader.set(2n, { match: 100 });
    for (let i = 0; i < 10; i++) {
      leader.ticks(1);
      leader.commit += 10;
    }
    expect(leader.followers.lag(2n)).to.deep.equal({ match: 100, target: 100, caughtUp: true });
    leader.ticks(1);
    expect(leader.followers.lag(2n)).to.deep.equal({ match: 100, target: 110, caughtUp: false });
    leader.set(2n, { match: 110 });
    expect(leader.followers.lag(2n)?.caughtUp).to.equal(true);
    leader.set(2n, { match: 110, state: 'StateProbe' });
    expect(leader.followers.lag(2n)?.caughtUp, 'not replicating').to.equal(false);
    leader.set(2n, { match: 110, recentActive: false });
    leader.ticks(11);
    expect(leader.followers.lag(2n)?.caughtUp, 'silent').to.equal(false);
    expect(leader.followers.lag(3n)).to.equal(undefined);
  });

  it('the most advanced is the one that answers and has the longest log, among those that are asked for', () => {
    const leader = new Leader();
    leader.set(1n, { match: 1000 });
    leader.set(2n, { match: 90 });
    leader.set(3n, { match: 100 });
    leader.set(4n, { match: 110, recentActive: false });
    leader.set(5n, { match: 120 });
    expect(leader.followers.mostAdvanced([1n, 2n, 3n, 4n])).to.equal(3n);
    expect(leader.followers.mostAdvanced([1n, 4n])).to.equal(undefined);
  });
});
