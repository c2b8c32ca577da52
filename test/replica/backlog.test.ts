import type { Entry } from '@raft-ts/raft';
import { Backlog } from '@raft-ts/replica/internal';
import { expect } from 'chai';
import { testRandom } from '../helpers/random.js';

/** A member's log, as sizes of payloads, and how far it is; its backlog is told what a driver would tell it. */
class Member {
  readonly backlog: Backlog;
  first = 1;
  committed = 0;
  applied = 0;
  /** By index; index 0 holds nothing. */
  sizes: number[] = [0];

  constructor(maxBytes: number, maxEntries = 1000) {
    this.backlog = new Backlog({
      first: () => this.first,
      last: () => this.sizes.length - 1,
      committed: () => this.committed,
      applied: () => this.applied,
      maxEntries,
      maxBytes,
    });
  }

  /** Entries of these sizes, together, from this index on. */
  save(from: number, ...sizes: number[]): void {
    this.sizes.splice(from, this.sizes.length, ...sizes);
    const entries = sizes.map(
      (size, i): Entry => ({ type: undefined, term: 1, index: from + i, data: new Uint8Array(size) }),
    );
    this.backlog.save(entries);
  }

  apply(index: number): void {
    this.applied = index;
    this.backlog.release(index);
  }
}

describe('replica: what is in the log', () => {
  it('waits until it is committed', () => {
    const member = new Member(10);
    expect(member.backlog.hasUncommitted).to.equal(false);
    member.save(1, 4);
    expect(member.backlog.hasUncommitted).to.equal(true);
    member.committed = 1;
    expect(member.backlog.hasUncommitted).to.equal(false);
  });
});

describe('replica: what is committed and not applied', () => {
  it('is counted in bytes and in entries', () => {
    const member = new Member(10, 3);
    member.save(1, 4);
    member.save(2, 6);
    expect(member.backlog.isBehind, 'nothing is committed').to.equal(false);
    member.committed = 2;
    expect(member.backlog.isBehind, 'ten bytes').to.equal(true);
    member.apply(1);
    expect(member.backlog.isBehind, 'six bytes').to.equal(false);
    member.apply(2);
    member.save(3, 0);
    member.save(4, 0);
    member.save(5, 0);
    member.committed = 5;
    expect(member.backlog.isBehind, 'three entries').to.equal(true);
  });

  it('is no backlog while a snapshot is put in the place of the state', () => {
    const member = new Member(10, 3);
    member.save(1, 4, 4);
    member.committed = 2;
    member.apply(1);
    expect(member.backlog.isReplaced, 'an entry has to be applied').to.equal(false);
    member.first = 501;
    member.committed = 500;
    expect([member.backlog.isBehind, member.backlog.isReplaced], 'a snapshot has come').to.deep.equal([true, true]);
    member.apply(500);
    expect([member.backlog.isBehind, member.backlog.isReplaced], 'it is in its place').to.deep.equal([false, false]);
  });

  it('what another leader replaced counts for nothing once all before it is applied', () => {
    const member = new Member(10);
    member.save(1, 1, 50, 50);
    member.committed = 1;
    member.apply(1);
    member.save(2, 1);
    expect(member.backlog.isBehind).to.equal(false);
    member.committed = 2;
    expect(member.backlog.isBehind).to.equal(false);
  });

  it('a member that has applied what is committed takes entries, whatever was replaced before', () => {
    const random = testRandom();
    for (let world = 0; world < 200; world++) {
      const member = new Member(20);
      for (let step = 0; step < 60; step++) {
        const last = member.sizes.length - 1;
        const actions = [
          () => {
            const from = member.committed + 1 + random(last - member.committed + 1);
            member.save(from, ...Array.from({ length: 1 + random(4) }, () => random(12)));
          },
          () => {
            member.committed += random(last - member.committed + 1);
          },
          () => {
            member.apply(member.applied + random(member.committed - member.applied + 1));
          },
        ];
        (actions[random(actions.length)] as () => void)();
        const { applied, committed, backlog } = member;
        if (applied < committed) continue;
        expect(backlog.isBehind, `world ${world}, step ${step}: all of ${committed} applied`).to.equal(false);
      }
    }
  });
});
